/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sift.h - taking certain blocks out of the balloon.
 */
#ifndef FB_SIFT_H
#define FB_SIFT_H

#include "blocks.h"

/**
 * struct fb_sieve - which blocks to take, and how many.
 * @start_pfn: only those that begin here or later,
 * @end_pfn: before this page frame,
 * @end_order: and are of a lower order than this.
 * @max_pages: the last block is taken when the batch has fewer pages than this,
 * @max_blocks: and fewer blocks than this.
 */
struct fb_sieve {
	unsigned long start_pfn;
	unsigned long end_pfn;
	unsigned int end_order;
	unsigned long max_pages;
	unsigned int max_blocks;
};

void fb_blocks_sift(struct fb_blocks *blocks, const struct fb_sieve *sieve, struct fb_batch *batch);

#endif
