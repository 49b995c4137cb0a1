/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * walk.h - looking for free memory by page frame number.
 */
#ifndef FB_WALK_H
#define FB_WALK_H

#include <linux/mmzone.h>

struct fb_holds;

/**
 * fb_walk_visit - look at (the rest of) one pageblock.
 * @opaque: as passed to fb_walk_pageblocks().
 * @zone: the zone; its lock is not held.
 * @pfn: where to look; the visitor moves it to where it has looked up to, which may be beyond
 *       @end. Below @end it is called again.
 * @end: end of the pageblock or of the zone.
 *
 * Return: 0 to go on; anything else ends the walk.
 */
typedef int fb_walk_visit(void *opaque, struct zone *zone, unsigned long *pfn, unsigned long end);

/**
 * fb_walk_callback - take a run of free pages.
 * @opaque: as passed to fb_walk_free_mem_block().
 * @pfn: the first page.
 * @nr_pages: number of pages; 0 when the walk has got to @pfn without finding more.
 *
 * Return: 0 to go on; anything else ends the walk.
 */
typedef int fb_walk_callback(void *opaque, unsigned long pfn, unsigned long nr_pages);

int fb_walk_pageblocks(void *opaque, fb_walk_visit *visit);
int fb_walk_free_mem_block(void *opaque, unsigned long min_pages, fb_walk_callback *callback,
			   struct fb_holds *holds);

#endif
