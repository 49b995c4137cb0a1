// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * debugfs.c - files below virtio_fastballoon/<device>/ in debugfs.
 *
 * stats: counters and state; each line is a name, a space and a value.
 * zone_lock_holds: how long zone->lock was held; see holds.c.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "fastballoon.h"

static struct dentry *fb_debugfs_root;

static const char *const fb_counter_names[] = {
#define FB_COUNTER_NAME(name) #name,
	FB_COUNTERS(FB_COUNTER_NAME)
#undef FB_COUNTER_NAME
};

static void fb_debugfs_show_record(struct seq_file *m, struct fb_balloon *fb)
{
	unsigned long unrecorded_pages;
	struct fb_xb_stats stats;

	fb_blocks_stats(&fb->blocks, &stats, &unrecorded_pages);
	seq_printf(m, "record_bytes %zu\n", stats.bytes);
	seq_printf(m, "record_chunks %lu\n", stats.nr_chunks);
	seq_printf(m, "record_bitmaps %lu\n", stats.nr_bitmaps);
	seq_printf(m, "unrecorded_pages %lu\n", unrecorded_pages);
}

static int fb_debugfs_stats_show(struct seq_file *m, void *unused)
{
	struct fb_balloon *fb = m->private;
	size_t i;

	seq_printf(m, "pages %lu\n", fb_blocks_pages(&fb->blocks));
	seq_printf(m, "target_pages %lu\n", READ_ONCE(fb->size.target_pages));
	seq_printf(m, "blocks %lu\n", READ_ONCE(fb->blocks.nr_blocks));
	seq_printf(m, "movable_pages %lu\n", fb_movable_pages(fb));
	fb_debugfs_show_record(m, fb);
	seq_printf(m, "driver_bytes %zu\n",
		   sizeof(*fb) + fb_encoder_bytes(&fb->inflate.enc) +
			   fb_encoder_bytes(&fb->deflate.enc) + fb_encoder_bytes(&fb->report.enc) +
			   fb_encoder_bytes(&fb->hint.queue.enc));
	seq_printf(m, "unacked_pages %lu\n", READ_ONCE(fb->unacked.nr_pages));
	seq_printf(m, "stall %s\n", fb_progress_reason_name(READ_ONCE(fb->progress.reason)));
	seq_printf(m, "settled %d\n", READ_ONCE(fb->progress.settled));
	seq_printf(m, "reachable_pages %u\n", READ_ONCE(fb->progress.reachable_pages));
	seq_printf(m, "source %s\n", fb_source_name(fb));
	seq_printf(m, "source_reason %s\n", fb->source_reason);
	seq_printf(m, "transport %s\n", fb_transport_name(fb));
	seq_printf(m, "hint_mode %s\n", fb_hint_mode_name(fb));
	seq_printf(m, "hint_kept_pages %lu\n", READ_ONCE(fb->hint.kept_pages));
	seq_printf(m, "hint_off_reason %s\n", fb->hint.off_reason);
	seq_printf(m, "zone_lock_ns_max %llu\n", fb_holds_max_ns(&fb->holds));
	for (i = 0; i < FB_NR_COUNTERS; i++)
		seq_printf(m, "%s %llu\n", fb_counter_names[i],
			   (u64)atomic64_read(&fb->counters.values[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(fb_debugfs_stats);

static int fb_debugfs_holds_show(struct seq_file *m, void *unused)
{
	struct fb_balloon *fb = m->private;

	fb_holds_show(&fb->holds, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(fb_debugfs_holds);

/** fb_debugfs_init() - make the module's folder. */
void fb_debugfs_init(void)
{
	fb_debugfs_root = debugfs_create_dir(KBUILD_MODNAME, NULL);
}

/** fb_debugfs_exit() - remove it. */
void fb_debugfs_exit(void)
{
	debugfs_remove(fb_debugfs_root);
}

/** fb_debugfs_add() - make a balloon's folder. */
void fb_debugfs_add(struct fb_balloon *fb)
{
	fb->debugfs = debugfs_create_dir(dev_name(&fb->vdev->dev), fb_debugfs_root);
	debugfs_create_file("stats", 0444, fb->debugfs, fb, &fb_debugfs_stats_fops);
	debugfs_create_file("zone_lock_holds", 0400, fb->debugfs, fb, &fb_debugfs_holds_fops);
}

/** fb_debugfs_remove() - remove it; returns when nobody reads it. */
void fb_debugfs_remove(struct fb_balloon *fb)
{
	debugfs_remove(fb->debugfs);
}
