// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * size.c - the worker that brings the balloon to the size that the host asks for.
 *
 * It runs when the configuration changes, when a request comes, when the guest has freed
 * memory while it was short of its target (wake.c), and after a pause. That begins with
 * FB_RETRY_MIN_MS and doubles: soon after a stall reclaim and exiting processes may have more,
 * later only what wakes nobody remains, such as cache that can be reclaimed by now.
 */
#include "fastballoon.h"

#define FB_RETRY_MIN_MS 10
#define FB_RETRY_MAX_MS 5000
/* The same where the kernel can't tell when memory is freed. */
#define FB_RETRY_BLIND_MAX_MS 1000

/* A pause as long as this means that there is nothing more to be had for the moment. */
#define FB_RETRY_EXHAUSTED_MS (4 * FB_RETRY_MIN_MS)

/* Each write to the configuration leaves the guest: not more often than this on the way. */
#define FB_PROGRESS_MS 50

static unsigned long fb_size_target(struct fb_balloon *fb)
{
	u32 num_pages;

	BUILD_BUG_ON(PAGE_SHIFT != VIRTIO_BALLOON_PFN_SHIFT);
	virtio_cread_le(fb->vdev, struct virtio_balloon_config, num_pages, &num_pages);
	if (num_pages != fb->size.target_pages)
		fb->size.retry_ms = 0;
	WRITE_ONCE(fb->size.target_pages, num_pages);
	return num_pages;
}

/** fb_size_write_actual() - tell the host the balloon's size, if it is new. May sleep. */
void fb_size_write_actual(struct fb_balloon *fb)
{
	struct fb_size *size = &fb->size;
	u32 actual;

	mutex_lock(&size->actual_lock);
	actual = fb_blocks_pages(&fb->blocks);
	if (!size->actual_known || actual != size->actual_pages) {
		virtio_cwrite_le(fb->vdev, struct virtio_balloon_config, actual, &actual);
		size->actual_pages = actual;
		size->actual_known = true;
	}
	size->actual_written = jiffies;
	mutex_unlock(&size->actual_lock);
}

/* On the way, or settled: what the last stall was due to, if it counts still. */
static u16 fb_size_way_reason(struct fb_balloon *fb)
{
	if (fb->size.retry_ms || fb_goal_settled(fb))
		return fb->progress.reason;
	return VIRTIO_FASTBALLOON_REASON_NONE;
}

/** fb_size_progress() - tell the host the balloon's size if it has not been told just now. */
void fb_size_progress(struct fb_balloon *fb)
{
	if (!time_after(jiffies, fb->size.actual_written + msecs_to_jiffies(FB_PROGRESS_MS)))
		return;
	fb_size_write_actual(fb);
	fb_progress_update(fb, fb_size_way_reason(fb), false);
}

/** fb_size_cut() - whether the size worker should leave off and look around; for all it calls. */
bool fb_size_cut(struct fb_balloon *fb)
{
	return fb_stopping(fb) || fb_goal_expired(fb) ||
	       fb->size.config_seq != atomic_read(&fb->config_seq);
}

static int fb_size_step(struct fb_balloon *fb, unsigned long target_pages)
{
	unsigned long pages = fb_blocks_pages(&fb->blocks);

	if (target_pages < pages)
		return fb_deflate(fb, pages - target_pages);
	if (target_pages > pages && !fb_goal_settled(fb))
		return fb_failed(fb) ? -EIO : fb_inflate(fb, target_pages - pages);
	return 0;
}

/* Choose the next pause after a stall. */
static void fb_size_back_off(struct fb_balloon *fb, bool progress)
{
	struct fb_size *size = &fb->size;

	if (progress || !size->retry_ms) {
		size->retry_ms = FB_RETRY_MIN_MS;
	} else {
		fb_source_unboost();
		size->retry_ms = min(2 * size->retry_ms, FB_RETRY_MAX_MS);
	}
	fb_count(&fb->counters, FB_C_inflate_stalls, 1);
}

/* Why the balloon is not at its target. An attempt that was cut short has no news of it. */
static u16 fb_size_reason(struct fb_balloon *fb, int err)
{
	if (err)
		return fb_progress_stall_reason(fb);
	if (fb_blocks_pages(&fb->blocks) == fb->size.target_pages)
		return VIRTIO_FASTBALLOON_REASON_NONE;
	return fb_size_way_reason(fb);
}

static enum fb_outcome fb_size_outcome(struct fb_balloon *fb, int err, u16 reason)
{
	if (err && err != -EAGAIN)
		return FB_OUTCOME_FAILED;
	if (!err && fb_blocks_pages(&fb->blocks) == fb->size.target_pages)
		return FB_OUTCOME_REACHED;
	if (!err)
		return FB_OUTCOME_CUT;
	if (reason == VIRTIO_FASTBALLOON_REASON_OOM || fb->size.retry_ms >= FB_RETRY_EXHAUSTED_MS)
		return FB_OUTCOME_EXHAUSTED;
	/* The second stall in a row may have lowered watermarks: see fb_size_back_off(). */
	if (fb->size.retry_ms > FB_RETRY_MIN_MS && !fb_source_can_spare(0))
		return FB_OUTCOME_EXHAUSTED;
	return FB_OUTCOME_STALLED;
}

/* Come back to a balloon that is short of its target: later, or when memory is freed. */
static void fb_size_retry(struct fb_balloon *fb, unsigned long free_pages)
{
	unsigned int oom_ms = fb_oom_backoff_ms(fb), pause_ms = fb->size.retry_ms;

	if (oom_ms)
		pause_ms = oom_ms;
	else if (pause_ms >= FB_RETRY_EXHAUSTED_MS && !fb_wake_arm(fb, free_pages))
		pause_ms = min(pause_ms, FB_RETRY_BLIND_MAX_MS);
	fb_queue_delayed_work(fb, &fb->size.work, fb_goal_clip_ms(fb, pause_ms));
}

/* Go on after an early end; not at once where that has changed nothing. */
static void fb_size_resume(struct fb_balloon *fb, bool progress)
{
	fb_queue_delayed_work(fb, &fb->size.work, progress ? 0 : FB_RETRY_MIN_MS);
}

static void fb_size_work(struct work_struct *work)
{
	struct fb_balloon *fb = container_of(work, struct fb_balloon, size.work.work);
	unsigned long before_pages = fb_blocks_pages(&fb->blocks), free_pages;
	enum fb_outcome outcome;
	bool settled, progress;
	u16 reason;
	int err;

	if (fb_stopping(fb))
		return;
	fb_yield_run(fb);
	fb_count(&fb->counters, FB_C_size_runs, 1);
	fb->size.config_seq = atomic_read(&fb->config_seq);
	if (fb_goal_begin(fb, fb_size_target(fb)))
		fb->size.retry_ms = 0;
	err = fb_size_step(fb, fb->size.target_pages);
	free_pages = global_zone_page_state(NR_FREE_PAGES);
	reason = fb_size_reason(fb, err);
	progress = fb_blocks_pages(&fb->blocks) != before_pages;
	if (err == -EAGAIN)
		fb_size_back_off(fb, progress);
	else if (!reason)
		fb->size.retry_ms = 0;
	fb_size_write_actual(fb);
	outcome = fb_size_outcome(fb, err, reason);
	settled = fb_goal_end(fb, outcome, reason);
	if (err == -EAGAIN && !settled)
		fb_size_retry(fb, free_pages);
	else if (outcome == FB_OUTCOME_CUT && !settled)
		fb_size_resume(fb, progress);
	else
		fb_wake_detach(fb);
}

/** fb_size_init() - prepare the worker. */
void fb_size_init(struct fb_balloon *fb)
{
	mutex_init(&fb->size.actual_lock);
	INIT_DELAYED_WORK(&fb->size.work, fb_size_work);
}

/** fb_size_start() - the host may have been told another size by someone else. */
void fb_size_start(struct fb_balloon *fb)
{
	fb->size.actual_known = false;
	fb->size.retry_ms = 0;
}

/** fb_size_wake() - look at the target now. Any context. */
void fb_size_wake(struct fb_balloon *fb)
{
	fb_queue_delayed_work(fb, &fb->size.work, 0);
}
