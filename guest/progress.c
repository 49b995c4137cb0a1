// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * progress.c - how far the balloon is, why it is not further, and telling the host.
 *
 * The size worker says what it sees; the newest is kept, and the control worker sends it when
 * the last message has come back and no more than FB_PROGRESS_PER_SECOND were sent.
 *
 * The reachable size is an estimate with the kernel's own means: what zones have above their
 * high watermarks, or what MemAvailable says can be had without swapping, whichever is more;
 * and anonymous memory as far as there is room in swap. A stalled inflate has just proved that
 * estimate wrong: then only what is above the watermarks counts.
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/swap.h>

#include "fastballoon.h"

#define FB_PROGRESS_PER_SECOND 10

/* On the way to the target and while stalled: not more often than this. */
#define FB_PROGRESS_WAY_MS 200

/* With less than this above the watermarks it is them that a stall is due to: 1 MiB. */
#define FB_PROGRESS_SPARE_PAGES 256UL

/* Pages beyond those in the balloon that could be had. */
static unsigned long fb_progress_extra(u16 reason)
{
	long available = si_mem_available(), swap = get_nr_swap_pages();
	unsigned long anon = global_node_page_state(NR_ANON_MAPPED);
	unsigned long spare = fb_buddy_spare_all();

	switch (reason) {
	case VIRTIO_FASTBALLOON_REASON_NONE:
		return max_t(long, spare, available) + min(anon, (unsigned long)max(swap, 0L));
	case VIRTIO_FASTBALLOON_REASON_WATERMARK:
		return spare;
	default:
		return 0;
	}
}

/**
 * fb_progress_stall_reason() - why the guest gives no more.
 * @fb: a balloon that has just tried.
 *
 * Return: VIRTIO_FASTBALLOON_REASON_*.
 */
u16 fb_progress_stall_reason(struct fb_balloon *fb)
{
	unsigned int min_order = fb_source_min_order(fb);

	if (fb_failed(fb) || fb_stopping(fb))
		return VIRTIO_FASTBALLOON_REASON_STOPPED;
	if (fb_oom_backoff_ms(fb))
		return VIRTIO_FASTBALLOON_REASON_OOM;
	if (fb_buddy_spare_all() < max(FB_PROGRESS_SPARE_PAGES, 1UL << min_order))
		return VIRTIO_FASTBALLOON_REASON_WATERMARK;
	return min_order && !fb_buddy_spares_block(min_order) ?
		       VIRTIO_FASTBALLOON_REASON_FRAGMENTATION :
		       VIRTIO_FASTBALLOON_REASON_ALLOCATION;
}

/**
 * fb_progress_update() - say how things are. Size worker only.
 * @fb: the balloon; its size and the target that was read last count.
 * @reason: VIRTIO_FASTBALLOON_REASON_*.
 * @settled: the driver does not try further by itself.
 *
 * A new reason, a target reached and settling are told at once, anything else at leisure.
 */
void fb_progress_update(struct fb_balloon *fb, u16 reason, bool settled)
{
	struct fb_progress *progress = &fb->progress;
	u32 target = fb->size.target_pages, actual = fb_blocks_pages(&fb->blocks);
	unsigned long reachable = actual + fb_progress_extra(reason);
	bool urgent, news;

	spin_lock(&progress->lock);
	urgent = reason != progress->reason || settled != progress->settled;
	news = !progress->known || urgent || target != progress->target_pages ||
	       actual != progress->actual_pages;
	progress->known = true;
	progress->reason = reason;
	progress->settled = settled;
	progress->target_pages = target;
	progress->actual_pages = actual;
	progress->reachable_pages = min_t(unsigned long, reachable, U32_MAX);
	progress->unsent |= news;
	spin_unlock(&progress->lock);
	if (news)
		fb_ctrl_wake(fb, urgent || actual == target ? 0 : FB_PROGRESS_WAY_MS);
}

/**
 * fb_progress_take() - the message to send now. Control worker only.
 * @fb: the balloon.
 * @wait_ms: receives how long to wait where there is one to be sent later, else 0.
 *
 * Return: the message, which stays unchanged until fb_progress_give_back(), or NULL.
 */
struct virtio_fastballoon_progress *fb_progress_take(struct fb_balloon *fb, unsigned int *wait_ms)
{
	struct fb_progress *progress = &fb->progress;
	struct virtio_fastballoon_progress *wire = NULL;

	*wait_ms = 0;
	spin_lock(&progress->lock);
	if (time_after_eq(jiffies, progress->window_start + HZ)) {
		progress->window_start = jiffies;
		progress->window_sent = 0;
	}
	if (!progress->unsent || progress->in_flight) {
		wire = NULL;
	} else if (progress->window_sent >= FB_PROGRESS_PER_SECOND) {
		*wait_ms = jiffies_to_msecs(progress->window_start + HZ - jiffies) + 1;
	} else {
		wire = &progress->wire;
		progress->unsent = false;
		progress->in_flight = true;
		progress->window_sent++;
		wire->type = cpu_to_le16(VIRTIO_FASTBALLOON_MSG_PROGRESS);
		wire->reason = cpu_to_le16(progress->reason);
		wire->flags =
			cpu_to_le32(progress->settled ? VIRTIO_FASTBALLOON_PROGRESS_SETTLED : 0);
		wire->target_pages = cpu_to_le32(progress->target_pages);
		wire->actual_pages = cpu_to_le32(progress->actual_pages);
		wire->reachable_pages = cpu_to_le32(progress->reachable_pages);
	}
	spin_unlock(&progress->lock);
	return wire;
}

/**
 * fb_progress_give_back() - the message is no longer the device's.
 * @fb: the balloon.
 * @sent: the device has read it; else it is sent again.
 */
void fb_progress_give_back(struct fb_balloon *fb, bool sent)
{
	struct fb_progress *progress = &fb->progress;

	spin_lock(&progress->lock);
	progress->in_flight = false;
	progress->unsent |= !sent;
	spin_unlock(&progress->lock);
}

/** fb_progress_reason_name() - a word for VIRTIO_FASTBALLOON_REASON_*, for debugfs. */
const char *fb_progress_reason_name(u16 reason)
{
	static const char *const names[] = {
		[VIRTIO_FASTBALLOON_REASON_NONE] = "none",
		[VIRTIO_FASTBALLOON_REASON_WATERMARK] = "watermark",
		[VIRTIO_FASTBALLOON_REASON_FRAGMENTATION] = "fragmentation",
		[VIRTIO_FASTBALLOON_REASON_ALLOCATION] = "allocation",
		[VIRTIO_FASTBALLOON_REASON_OOM] = "oom",
		[VIRTIO_FASTBALLOON_REASON_STOPPED] = "stopped",
	};

	return names[reason];
}

/** fb_progress_init() - prepare. */
void fb_progress_init(struct fb_balloon *fb)
{
	spin_lock_init(&fb->progress.lock);
}

/** fb_progress_start() - the device knows nothing. Nothing else runs. */
void fb_progress_start(struct fb_balloon *fb)
{
	struct fb_progress *progress = &fb->progress;

	progress->known = false;
	progress->reason = VIRTIO_FASTBALLOON_REASON_NONE;
	progress->settled = false;
	progress->unsent = false;
	progress->in_flight = false;
	progress->window_start = jiffies;
	progress->window_sent = 0;
}
