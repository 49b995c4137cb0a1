// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * size.c - the worker that brings the balloon to the size that the host asks for.
 *
 * It runs when the configuration changes, and again after a pause while the guest has not
 * enough to give. The pause begins with FB_RETRY_MIN_MS, doubles up to FB_RETRY_MAX_MS, and
 * is forgotten as soon as there is progress or a new target.
 */
#include "fastballoon.h"

#define FB_RETRY_MIN_MS 200
#define FB_RETRY_MAX_MS 2000

/* Each write to the configuration leaves the guest: not more often than this on the way. */
#define FB_PROGRESS_MS 50

static unsigned long fb_size_target(struct fb_balloon *fb)
{
	u32 num_pages;

	BUILD_BUG_ON(PAGE_SHIFT != VIRTIO_BALLOON_PFN_SHIFT);
	virtio_cread_le(fb->vdev, struct virtio_balloon_config, num_pages, &num_pages);
	WRITE_ONCE(fb->target_pages, num_pages);
	return num_pages;
}

/** fb_size_write_actual() - tell the host the balloon's size. May sleep. */
void fb_size_write_actual(struct fb_balloon *fb)
{
	u32 actual;

	mutex_lock(&fb->actual_lock);
	actual = fb_blocks_pages(&fb->blocks);
	virtio_cwrite_le(fb->vdev, struct virtio_balloon_config, actual, &actual);
	fb->actual_written = jiffies;
	mutex_unlock(&fb->actual_lock);
}

/** fb_size_progress() - tell the host the balloon's size if it has not been told just now. */
void fb_size_progress(struct fb_balloon *fb)
{
	if (time_after(jiffies, fb->actual_written + msecs_to_jiffies(FB_PROGRESS_MS)))
		fb_size_write_actual(fb);
}

static unsigned int fb_size_pause_ms(struct fb_balloon *fb, bool progress)
{
	unsigned int oom_ms = fb_oom_backoff_ms(fb);

	if (oom_ms) {
		WRITE_ONCE(fb->stall, "the guest was out of memory a moment ago");
		return oom_ms;
	}
	WRITE_ONCE(fb->stall, "the guest has no memory left to give");
	if (progress || !fb->retry_ms)
		fb->retry_ms = FB_RETRY_MIN_MS;
	else
		fb->retry_ms = min(2 * fb->retry_ms, FB_RETRY_MAX_MS);
	fb_count(&fb->counters, FB_C_inflate_stalls, 1);
	return fb->retry_ms;
}

static int fb_size_step(struct fb_balloon *fb, unsigned long target_pages, int config_seq)
{
	unsigned long pages = fb_blocks_pages(&fb->blocks);

	if (target_pages < pages)
		return fb_deflate(fb, pages - target_pages);
	if (target_pages > pages && !fb_failed(fb))
		return fb_inflate(fb, target_pages - pages, config_seq);
	return 0;
}

static void fb_size_work(struct work_struct *work)
{
	struct fb_balloon *fb = container_of(work, struct fb_balloon, size_work.work);
	int config_seq = atomic_read(&fb->config_seq);
	unsigned long before_pages = fb_blocks_pages(&fb->blocks);
	int err;

	if (fb_stopping(fb))
		return;
	if (config_seq != fb->size_seq)
		fb->retry_ms = 0;
	fb->size_seq = config_seq;
	err = fb_size_step(fb, fb_size_target(fb), config_seq);
	fb_size_write_actual(fb);
	if (err == -EAGAIN)
		fb_queue_size_work(fb, fb_size_pause_ms(fb, fb_blocks_pages(&fb->blocks) !=
								    before_pages));
	else if (!err)
		WRITE_ONCE(fb->stall, "none");
	if (config_seq != atomic_read(&fb->config_seq))
		fb_size_wake(fb);
}

/** fb_size_init() - prepare the worker. */
void fb_size_init(struct fb_balloon *fb)
{
	mutex_init(&fb->actual_lock);
	INIT_DELAYED_WORK(&fb->size_work, fb_size_work);
	WRITE_ONCE(fb->stall, "none");
}

/** fb_size_wake() - look at the target now. Any context. */
void fb_size_wake(struct fb_balloon *fb)
{
	fb_queue_size_work(fb, 0);
}
