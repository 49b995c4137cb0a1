/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * goal.h - the host's request about how to go to the target (INFLATE), and settling.
 */
#ifndef FB_GOAL_H
#define FB_GOAL_H

#include <linux/spinlock.h>

struct fb_balloon;

/**
 * struct fb_goal - see above.
 * @lock: protects the other fields; the size worker may look at some without it.
 * @open: there is a request without a reply.
 * @fresh: the size worker has not looked at it.
 * @id: its id.
 * @target_pages: its target.
 * @best_effort: it asks to stop trying where memory would have to become free first.
 * @limited: it has a time limit.
 * @deadline: that limit, in jiffies.
 * @settled: the driver does not try to reach @settled_pages.
 * @settled_pages: the target at which it settled.
 */
struct fb_goal {
	spinlock_t lock;
	bool open;
	bool fresh;
	u32 id;
	unsigned long target_pages;
	bool best_effort;
	bool limited;
	unsigned long deadline;
	bool settled;
	unsigned long settled_pages;
};

/**
 * enum fb_outcome - how an attempt to reach the target ended.
 * @FB_OUTCOME_CUT: early, for something else came up.
 * @FB_OUTCOME_REACHED: at the target.
 * @FB_OUTCOME_STALLED: the guest had no more, but may have after a moment.
 * @FB_OUTCOME_EXHAUSTED: the guest has no more unless it frees some.
 * @FB_OUTCOME_FAILED: the device does not work.
 */
enum fb_outcome {
	FB_OUTCOME_CUT,
	FB_OUTCOME_REACHED,
	FB_OUTCOME_STALLED,
	FB_OUTCOME_EXHAUSTED,
	FB_OUTCOME_FAILED,
};

void fb_goal_init(struct fb_balloon *fb);
void fb_goal_start(struct fb_balloon *fb);
void fb_goal_ask(struct fb_balloon *fb, u32 id, unsigned long target_pages, u32 limit_ms,
		 bool best_effort);
bool fb_goal_begin(struct fb_balloon *fb, unsigned long target_pages);
bool fb_goal_settled(struct fb_balloon *fb);
bool fb_goal_expired(struct fb_balloon *fb);
unsigned int fb_goal_clip_ms(struct fb_balloon *fb, unsigned int pause_ms);
bool fb_goal_end(struct fb_balloon *fb, enum fb_outcome outcome, u16 reason);

#endif
