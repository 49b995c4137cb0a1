// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * goal.c - the host's request about how to go to the target (INFLATE), and settling.
 *
 * The configuration alone says what the target is. A request says of that target how hard to
 * try and for how long, and gets a reply. The control worker brings requests, the size worker
 * ends them; each attempt of the latter begins with fb_goal_begin() and ends with
 * fb_goal_end(), which replies where the outcome is one that the request waits for.
 */
#include <linux/jiffies.h>

#include "fastballoon.h"

/* Replies are given without the lock. */
static void fb_goal_reply(struct fb_balloon *fb, u32 id, u16 status)
{
	fb_ctrl_reply(fb, id, status, (u64)fb_blocks_pages(&fb->blocks) << PAGE_SHIFT);
}

/**
 * fb_goal_ask() - the host has sent INFLATE. Control worker only.
 * @fb: the balloon.
 * @id: of the request.
 * @target_pages: the target that it is about.
 * @limit_ms: time limit, or 0.
 * @best_effort: settle where memory would have to become free first.
 *
 * An earlier request is canceled. The size worker looks at this one when it runs next.
 */
void fb_goal_ask(struct fb_balloon *fb, u32 id, unsigned long target_pages, u32 limit_ms,
		 bool best_effort)
{
	struct fb_goal *goal = &fb->goal;
	bool overtaken;
	u32 old_id;

	spin_lock(&goal->lock);
	overtaken = goal->open;
	old_id = goal->id;
	goal->id = id;
	goal->target_pages = target_pages;
	goal->best_effort = best_effort;
	goal->deadline = jiffies + msecs_to_jiffies(min_t(u32, limit_ms, INT_MAX));
	WRITE_ONCE(goal->limited, limit_ms);
	WRITE_ONCE(goal->settled, false);
	goal->open = true;
	goal->fresh = true;
	spin_unlock(&goal->lock);
	if (overtaken)
		fb_goal_reply(fb, old_id, VIRTIO_FASTBALLOON_STATUS_CANCELED);
	fb_size_wake(fb);
}

/**
 * fb_goal_begin() - the size worker begins an attempt.
 * @fb: the balloon.
 * @target_pages: the target that the configuration shows. One that is not the request's cancels
 *		  it, and one at which the driver has not settled makes it try again.
 *
 * Return: whether there is a request that it has not looked at before.
 */
bool fb_goal_begin(struct fb_balloon *fb, unsigned long target_pages)
{
	struct fb_goal *goal = &fb->goal;
	bool cancel, fresh;
	u32 id;

	spin_lock(&goal->lock);
	if (goal->settled_pages != target_pages)
		WRITE_ONCE(goal->settled, false);
	cancel = goal->open && goal->target_pages != target_pages;
	fresh = goal->fresh;
	goal->fresh = false;
	id = goal->id;
	if (cancel) {
		goal->open = false;
		WRITE_ONCE(goal->limited, false);
	}
	spin_unlock(&goal->lock);
	if (cancel)
		fb_goal_reply(fb, id, VIRTIO_FASTBALLOON_STATUS_CANCELED);
	return fresh;
}

/** fb_goal_settled() - whether the driver does not try to reach the target. */
bool fb_goal_settled(struct fb_balloon *fb)
{
	return READ_ONCE(fb->goal.settled);
}

/** fb_goal_expired() - whether the time limit of the request has passed. */
bool fb_goal_expired(struct fb_balloon *fb)
{
	struct fb_goal *goal = &fb->goal;

	return READ_ONCE(goal->limited) && time_after_eq(jiffies, READ_ONCE(goal->deadline));
}

/** fb_goal_clip_ms() - shorten a pause so that it ends with the time limit. */
unsigned int fb_goal_clip_ms(struct fb_balloon *fb, unsigned int pause_ms)
{
	struct fb_goal *goal = &fb->goal;
	unsigned long deadline = READ_ONCE(goal->deadline), now = jiffies;

	if (!READ_ONCE(goal->limited))
		return pause_ms;
	if (time_after_eq(now, deadline))
		return 1;
	return min(pause_ms, jiffies_to_msecs(deadline - now) + 1);
}

/* The status that ends the request, or -1 where it goes on. Locked. */
static int fb_goal_status(struct fb_balloon *fb, enum fb_outcome outcome)
{
	struct fb_goal *goal = &fb->goal;

	lockdep_assert_held(&goal->lock);
	if (!goal->open)
		return -1;
	if (outcome == FB_OUTCOME_REACHED)
		return VIRTIO_FASTBALLOON_STATUS_OK;
	if (outcome == FB_OUTCOME_FAILED)
		return VIRTIO_FASTBALLOON_STATUS_FAILED;
	if (outcome == FB_OUTCOME_EXHAUSTED && goal->best_effort)
		return VIRTIO_FASTBALLOON_STATUS_PARTIAL;
	return fb_goal_expired(fb) ? VIRTIO_FASTBALLOON_STATUS_TIMEOUT : -1;
}

/**
 * fb_goal_end() - the size worker ends an attempt, having told the host the balloon's size.
 * @fb: the balloon.
 * @outcome: how it ended.
 * @reason: why the balloon is not at its target, VIRTIO_FASTBALLOON_REASON_*.
 *
 * Return: whether the driver has settled.
 */
bool fb_goal_end(struct fb_balloon *fb, enum fb_outcome outcome, u16 reason)
{
	struct fb_goal *goal = &fb->goal;
	bool settled;
	int status;
	u32 id;

	spin_lock(&goal->lock);
	id = goal->id;
	status = fb_goal_status(fb, outcome);
	if (status >= 0) {
		goal->open = false;
		goal->fresh = false;
		WRITE_ONCE(goal->limited, false);
		if (status != VIRTIO_FASTBALLOON_STATUS_OK && goal->best_effort) {
			goal->settled_pages = goal->target_pages;
			WRITE_ONCE(goal->settled, true);
		}
	}
	settled = goal->settled;
	spin_unlock(&goal->lock);
	fb_progress_update(fb, reason, settled);
	if (status >= 0)
		fb_goal_reply(fb, id, status);
	return settled;
}

/** fb_goal_init() - prepare. */
void fb_goal_init(struct fb_balloon *fb)
{
	spin_lock_init(&fb->goal.lock);
}

/** fb_goal_start() - no request, and not settled. Nothing else runs. */
void fb_goal_start(struct fb_balloon *fb)
{
	fb->goal.open = false;
	fb->goal.fresh = false;
	fb->goal.limited = false;
	fb->goal.settled = false;
}
