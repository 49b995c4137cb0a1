// SPDX-License-Identifier: BSD-3-Clause
/* stats.c - memory statistics from the guest. */
#include <endian.h>

#include "internal.h"
#include "iov.h"

/* Records read of one buffer at most; Linux sends 16. */
#define FB_STATS_RECORDS_MAX 1024

/* By tag: the specification's number is the index. */
static const char *const fb_stat_names[FB_STATS_MAX] = {
	"stat-swap-in",      "stat-swap-out",     "stat-major-faults",     "stat-minor-faults",
	"stat-free-memory",  "stat-total-memory", "stat-available-memory", "stat-disk-caches",
	"stat-htlb-pgalloc", "stat-htlb-pgfail",  "stat-oom-kills",        "stat-alloc-stalls",
	"stat-async-scans",  "stat-direct-scans", "stat-async-reclaims",   "stat-direct-reclaims",
};

const char *fb_stat_name(unsigned int tag)
{
	return tag < FB_STATS_MAX ? fb_stat_names[tag] : NULL;
}

void fb_stats_reset(struct fb_device *dev)
{
	for (unsigned int tag = 0; tag < FB_STATS_MAX; tag++)
		dev->stats[tag] = FB_STAT_UNSET;
}

void fb_device_receive_stats(struct fb_device *dev, const struct fb_buffer *buffer)
{
	struct virtio_balloon_stat stat;
	size_t len = sizeof(stat);
	struct fb_iov it;

	fb_stats_reset(dev);
	fb_iov_init(&it, buffer->out, buffer->out_count);
	for (unsigned int i = 0; i < FB_STATS_RECORDS_MAX; i++) {
		uint16_t tag;

		len = fb_iov_read(&it, &stat, sizeof(stat));
		if (len != sizeof(stat))
			break;
		tag = le16toh(stat.tag);
		if (tag < FB_STATS_MAX)
			dev->stats[tag] = le64toh(stat.val);
	}
	if (!len || (len == sizeof(stat) && !fb_iov_left(&it)))
		return;
	dev->counters.refused++;
	dev->ops->guest_error(dev->host, "statistics are too long or end within a record");
}
