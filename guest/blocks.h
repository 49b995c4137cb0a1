/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocks.h - the blocks that are in the balloon.
 */
#ifndef FB_BLOCKS_H
#define FB_BLOCKS_H

#include <linux/mutex.h>

#include "batch.h"
#include "xbitmap.h"

/**
 * struct fb_blocks - the blocks in the balloon, which are PageOffline; see blocks.c.
 * @lock: protects the other fields. No memory that could need reclaim is allocated, and no
 *        device waited for, under it.
 * @record: which pages they are, except those in @unrecorded.
 * @unrecorded: blocks for which there was no memory in @record.
 * @nr_pages: pages in all of them, and those of movable.c; may be read without the lock.
 * @nr_blocks: number of blocks, without those of movable.c.
 */
struct fb_blocks {
	struct mutex lock;
	struct fb_xb record;
	struct fb_batch unrecorded;
	unsigned long nr_pages;
	unsigned long nr_blocks;
};

void fb_blocks_init(struct fb_blocks *blocks);
void fb_blocks_destroy(struct fb_blocks *blocks);
void fb_blocks_account(struct fb_blocks *blocks, long pages);
unsigned long fb_blocks_pages(const struct fb_blocks *blocks);
void fb_blocks_put(struct fb_blocks *blocks, struct fb_batch *batch);
void fb_blocks_take(struct fb_blocks *blocks, struct fb_batch *batch, unsigned long want_pages,
		    unsigned int max_blocks);
void fb_blocks_stats(struct fb_blocks *blocks, struct fb_xb_stats *stats,
		     unsigned long *unrecorded_pages);

#endif
