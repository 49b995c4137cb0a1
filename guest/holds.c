// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * holds.c - how long the driver holds zone->lock.
 *
 * Each hold is bounded by what it may do: FB_BUDDY_HOLD_BLOCKS blocks, or as many looks at a page
 * as a pageblock has pages. How long that takes is counted here, in a histogram for each path,
 * together with what was done.
 *
 * In a virtual machine a hold may look long because the host ran something else meanwhile.
 * So reading the file also measures a control: work of a fixed amount, about as long as the
 * average hold, done with interrupts off and without the lock. What its slowest runs take
 * more than its usual ones is the host's doing, and as much of the slowest holds is.
 */
#include <linux/irqflags.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/sched.h>

#include "fastballoon.h"

/* Controls made when the file is read, and how long one may be meant to take. */
#define FB_CONTROL_RUNS 2048
#define FB_CONTROL_MIN_NS 500
#define FB_CONTROL_MAX_NS 50000

/* Steps of the first control, from which the time of a step is learnt. */
#define FB_CONTROL_FIRST_STEPS 1000

#define FB_SUB_BITS 2

static unsigned int fb_holds_bucket(u64 ns)
{
	unsigned int order, bucket;

	if (ns < 1U << FB_SUB_BITS)
		return ns;
	order = ilog2(ns);
	bucket = ((order - FB_SUB_BITS + 1) << FB_SUB_BITS) +
		 ((ns >> (order - FB_SUB_BITS)) & ((1U << FB_SUB_BITS) - 1));
	return min(bucket, FB_HOLDS_BUCKETS - 1U);
}

/* Longest hold that is counted in a bucket. */
static u64 fb_holds_bucket_max_ns(unsigned int bucket)
{
	unsigned int shift = bucket >> FB_SUB_BITS;

	if (!shift)
		return bucket;
	bucket = (bucket & ((1U << FB_SUB_BITS) - 1)) + (1U << FB_SUB_BITS) + 1;
	return ((u64)bucket << (shift - 1)) - 1;
}

static void fb_histogram_add(struct fb_histogram *histogram, u64 ns, unsigned long items)
{
	atomic_inc(&histogram->buckets[fb_holds_bucket(ns)]);
	atomic64_add(ns, &histogram->total_ns);
	atomic64_add(items, &histogram->items);
	if (ns > (u64)atomic64_read(&histogram->max_ns))
		atomic64_set(&histogram->max_ns, ns);
	if (items > (u64)atomic64_read(&histogram->max_items))
		atomic64_set(&histogram->max_items, items);
}

static u64 fb_histogram_nr(const struct fb_histogram *histogram)
{
	unsigned int i;
	u64 nr = 0;

	for (i = 0; i < FB_HOLDS_BUCKETS; i++)
		nr += atomic_read(&histogram->buckets[i]);
	return nr;
}

/* A length that @permille of the holds do not exceed. */
static u64 fb_histogram_percentile(const struct fb_histogram *histogram, unsigned int permille)
{
	u64 rank = DIV_ROUND_UP_ULL(fb_histogram_nr(histogram) * permille, 1000);
	unsigned int i;
	u64 nr = 0;

	for (i = 0; i < FB_HOLDS_BUCKETS - 1; i++) {
		nr += atomic_read(&histogram->buckets[i]);
		if (nr >= rank)
			break;
	}
	return min(fb_holds_bucket_max_ns(i), (u64)atomic64_read(&histogram->max_ns));
}

/** fb_holds_init() - forget all; @holds is zeroed. */
void fb_holds_init(struct fb_holds *holds)
{
	mutex_init(&holds->lock);
}

/**
 * fb_holds_add() - count a hold.
 * @holds: where.
 * @path: whose it was.
 * @held_ns: how long, by fb_holds_clock().
 * @items: blocks or pages that it dealt with.
 */
void fb_holds_add(struct fb_holds *holds, enum fb_holds_path path, u64 held_ns, unsigned long items)
{
	fb_histogram_add(&holds->paths[path], held_ns, items);
}

/** fb_holds_max_ns() - the longest hold, in nanoseconds. */
u64 fb_holds_max_ns(const struct fb_holds *holds)
{
	u64 max_ns = 0;
	unsigned int i;

	for (i = 0; i < FB_HOLDS_CONTROL; i++)
		max_ns = max(max_ns, (u64)atomic64_read(&holds->paths[i].max_ns));
	return max_ns;
}

static u64 fb_holds_mean_ns(const struct fb_holds *holds)
{
	u64 total_ns = 0, nr = 0;
	unsigned int i;

	for (i = 0; i < FB_HOLDS_CONTROL; i++) {
		total_ns += atomic64_read(&holds->paths[i].total_ns);
		nr += fb_histogram_nr(&holds->paths[i]);
	}
	return nr ? div64_u64(total_ns, nr) : 0;
}

/* Do @steps steps of work with interrupts off; returns how long it took. */
static u64 fb_control_spin(unsigned int steps)
{
	unsigned long flags;
	u64 ns;

	local_irq_save(flags);
	ns = fb_holds_clock();
	while (steps--)
		barrier();
	ns = fb_holds_clock() - ns;
	local_irq_restore(flags);
	return ns;
}

static unsigned int fb_control_steps(const struct fb_holds *holds, u64 want_ns)
{
	if (!holds->spin_ps)
		return FB_CONTROL_FIRST_STEPS;
	return max_t(u64, div64_u64(want_ns * 1000, holds->spin_ps), 1);
}

static void fb_holds_control(struct fb_holds *holds)
{
	u64 want_ns = clamp_t(u64, fb_holds_mean_ns(holds), FB_CONTROL_MIN_NS, FB_CONTROL_MAX_NS);
	unsigned int i;

	for (i = 0; i < FB_CONTROL_RUNS; i++) {
		unsigned int steps = fb_control_steps(holds, want_ns);
		u64 ns = fb_control_spin(steps);
		u64 step_ps = max_t(u64, div_u64(ns * 1000, steps), 1);

		if (!holds->spin_ps || step_ps < holds->spin_ps)
			holds->spin_ps = step_ps;
		fb_histogram_add(&holds->paths[FB_HOLDS_CONTROL], ns, steps);
		cond_resched();
	}
}

static void fb_histogram_show(struct seq_file *m, const char *name,
			      const struct fb_histogram *histogram)
{
	u64 nr = fb_histogram_nr(histogram);

	seq_printf(m, "%s %llu %llu %llu %llu %llu %llu %llu %llu\n", name, nr,
		   (u64)atomic64_read(&histogram->items), (u64)atomic64_read(&histogram->max_items),
		   nr ? div64_u64(atomic64_read(&histogram->total_ns), nr) : 0,
		   fb_histogram_percentile(histogram, 500), fb_histogram_percentile(histogram, 990),
		   fb_histogram_percentile(histogram, 999), (u64)atomic64_read(&histogram->max_ns));
}

static void fb_histogram_show_buckets(struct seq_file *m, const char *name,
				      const struct fb_histogram *histogram)
{
	unsigned int i;

	for (i = 0; i < FB_HOLDS_BUCKETS; i++) {
		unsigned int nr = atomic_read(&histogram->buckets[i]);

		if (nr)
			seq_printf(m, "%s_up_to_ns %llu %u\n", name, fb_holds_bucket_max_ns(i), nr);
	}
}

/**
 * fb_holds_show() - measure the control and print everything. Sleeps.
 * @holds: what.
 * @m: receives a line that names the columns, a line for each path, and the histograms.
 */
void fb_holds_show(struct fb_holds *holds, struct seq_file *m)
{
	static const char *const names[] = { "take", "walk", "hint", "control" };
	unsigned int i;

	mutex_lock(&holds->lock);
	fb_holds_control(holds);
	seq_puts(m, "path holds items max_items mean_ns p50_ns p99_ns p999_ns max_ns\n");
	for (i = 0; i < FB_NR_HOLDS_PATHS; i++)
		fb_histogram_show(m, names[i], &holds->paths[i]);
	for (i = 0; i < FB_NR_HOLDS_PATHS; i++)
		fb_histogram_show_buckets(m, names[i], &holds->paths[i]);
	mutex_unlock(&holds->lock);
}
