/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch.h - blocks of pages that the driver owns, linked into batches.
 */
#ifndef FB_BATCH_H
#define FB_BATCH_H

#include <linux/list.h>
#include <linux/mm.h>

#include "compat/orders.h"

/*
 * A block is 2^order neighbouring pages, aligned to its size. Its first page has a reference
 * count of 1, the others of 0, as an allocation without __GFP_COMP leaves them. page->private
 * of the first page holds the order; while the block is in a batch, page->lru links it.
 */

/**
 * struct fb_batch - blocks on their way into or out of the balloon.
 * @blocks: their first pages.
 * @nr_blocks: their number.
 * @nr_pages: pages in them.
 */
struct fb_batch {
	struct list_head blocks;
	unsigned int nr_blocks;
	unsigned long nr_pages;
};

static inline unsigned int fb_block_order(const struct page *page)
{
	return page_private(page);
}

static inline unsigned long fb_block_pages(const struct page *page)
{
	return 1UL << fb_block_order(page);
}

void fb_batch_init(struct fb_batch *batch);
void fb_batch_add(struct fb_batch *batch, struct page *page, unsigned int order);
void fb_batch_add_run(struct fb_batch *batch, unsigned long pfn, unsigned long nr_pages);
void fb_batch_remove(struct fb_batch *batch, struct page *page);
void fb_batch_splice(struct fb_batch *batch, struct fb_batch *more);
unsigned int fb_block_split(struct page *page, unsigned long keep_pages);

#endif
