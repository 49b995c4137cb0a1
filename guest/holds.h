/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * holds.h - how long the driver holds zone->lock.
 */
#ifndef FB_HOLDS_H
#define FB_HOLDS_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/sched/clock.h>
#include <linux/seq_file.h>

/* Four buckets for each power of two of nanoseconds: a bound is at most a fifth too high. */
#define FB_HOLDS_BUCKETS 128

/**
 * enum fb_holds_path - who holds the lock.
 * @FB_HOLDS_TAKE: taking blocks for the balloon; items are blocks.
 * @FB_HOLDS_WALK: reading which pages are free; items are pages.
 * @FB_HOLDS_HINT: taking blocks for a hint; items are pages.
 * @FB_HOLDS_CONTROL: nobody: work of a fixed amount, interrupts off (see holds.c).
 */
enum fb_holds_path {
	FB_HOLDS_TAKE,
	FB_HOLDS_WALK,
	FB_HOLDS_HINT,
	FB_HOLDS_CONTROL,
	FB_NR_HOLDS_PATHS
};

/**
 * struct fb_histogram - holds of one path.
 * @total_ns: all of them together.
 * @max_ns: the longest.
 * @items: what was done in all of them.
 * @max_items: what was done in one.
 * @buckets: number of holds by length.
 */
struct fb_histogram {
	atomic64_t total_ns;
	atomic64_t max_ns;
	atomic64_t items;
	atomic64_t max_items;
	atomic_t buckets[FB_HOLDS_BUCKETS];
};

/**
 * struct fb_holds - all paths.
 * @lock: one reader at a time makes @spin_ps and the control.
 * @spin_ps: least time that one step of the control's work took, in picoseconds; 0: unknown.
 * @paths: by enum fb_holds_path.
 */
struct fb_holds {
	struct mutex lock;
	u64 spin_ps;
	struct fb_histogram paths[FB_NR_HOLDS_PATHS];
};

/**
 * fb_holds_clock() - the time, to be read while the lock is held.
 *
 * Interrupts are off then: what they do as soon as they are on again belongs to no hold. It
 * reads the processor's own counter, since a clock outside of it can take longer than a hold.
 */
static inline u64 fb_holds_clock(void)
{
	return sched_clock();
}

void fb_holds_init(struct fb_holds *holds);
void fb_holds_add(struct fb_holds *holds, enum fb_holds_path path, u64 held_ns,
		  unsigned long items);
u64 fb_holds_max_ns(const struct fb_holds *holds);
void fb_holds_show(struct fb_holds *holds, struct seq_file *m);

#endif
