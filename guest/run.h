/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.h - runs of neighbouring pages: pure functions, without the kernel's data structures.
 */
#ifndef FB_RUN_H
#define FB_RUN_H

/**
 * struct fb_run - neighbouring pages.
 * @pfn: the first one's frame number; meaningless while @nr_pages is 0.
 * @nr_pages: their number.
 */
struct fb_run {
	unsigned long pfn;
	unsigned long nr_pages;
};

/**
 * fb_run_extend() - add pages to a run where they follow it at once.
 * @run: grows by @nr_pages where that succeeds; an empty run begins with them.
 * @pfn: first page to add.
 * @nr_pages: pages to add.
 *
 * Return: false where a gap or an overlap parts them; the run is unchanged then.
 */
static inline bool fb_run_extend(struct fb_run *run, unsigned long pfn, unsigned long nr_pages)
{
	if (!run->nr_pages)
		run->pfn = pfn;
	else if (run->pfn + run->nr_pages != pfn)
		return false;
	run->nr_pages += nr_pages;
	return true;
}

/**
 * fb_run_cut() - take up to @max_pages off a run's front.
 * @run: shrinks.
 * @max_pages: at least 1.
 *
 * Return: the front, empty where the run was.
 */
static inline struct fb_run fb_run_cut(struct fb_run *run, unsigned long max_pages)
{
	struct fb_run front = *run;

	if (front.nr_pages > max_pages)
		front.nr_pages = max_pages;
	run->pfn += front.nr_pages;
	run->nr_pages -= front.nr_pages;
	return front;
}

/**
 * fb_piece_order() - order of the largest buddy block that begins somewhere in a larger one.
 * @offset: where, in pages from the larger block's first.
 * @nr_pages: pages available from there; at least 1.
 * @max_order: order of the larger block.
 *
 * Return: the order: aligned at @offset and no larger than @nr_pages.
 */
static inline unsigned int fb_piece_order(unsigned long offset, unsigned long nr_pages,
					  unsigned int max_order)
{
	unsigned int order = 0;

	while (order < max_order && !(offset & (1UL << order)) && (2UL << order) <= nr_pages)
		order++;
	return order;
}

#endif
