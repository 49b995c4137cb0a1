/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocks.h - blocks of pages that the driver owns, and the balloon's lists of them.
 */
#ifndef FB_BLOCKS_H
#define FB_BLOCKS_H

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>

#include "compat/orders.h"

struct fb_balloon;
struct fb_queue;

/*
 * A block is 2^order neighbouring pages, aligned to its size. Its first page has a reference
 * count of 1, the others of 0, as an allocation without __GFP_COMP leaves them. page->private
 * of the first page holds the order, page->lru links it.
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

/**
 * struct fb_blocks - the blocks in the balloon, which are PageOffline.
 * @lock: protects the other fields. Nothing is allocated, and no device waited for, under it.
 * @by_order: first pages of the blocks of each order.
 * @nr_pages: pages in all of them, and those of movable.c; may be read without the lock.
 * @nr_blocks: their number.
 */
struct fb_blocks {
	struct mutex lock;
	struct list_head by_order[FB_NR_ORDERS];
	unsigned long nr_pages;
	unsigned long nr_blocks;
};

static inline unsigned int fb_block_order(const struct page *page)
{
	return page_private(page);
}

void fb_batch_init(struct fb_batch *batch);
void fb_batch_add(struct fb_batch *batch, struct page *page, unsigned int order);
void fb_batch_splice(struct fb_batch *batch, struct fb_batch *more);
void fb_batch_sort(struct fb_batch *batch);
int fb_batch_send(struct fb_queue *q, struct fb_batch *batch);
void fb_batch_free(struct fb_batch *batch);
void fb_batch_mark(struct fb_balloon *fb, struct fb_batch *batch);
bool fb_adjusts_managed(struct fb_balloon *fb);
void fb_batch_unmark(struct fb_balloon *fb, struct fb_batch *batch);
void fb_block_split(struct page *page, unsigned int order, unsigned long keep_pages,
		    struct fb_batch *kept, struct fb_batch *rest);

void fb_blocks_init(struct fb_blocks *blocks);
void fb_blocks_account(struct fb_blocks *blocks, long pages);
unsigned long fb_blocks_pages(const struct fb_blocks *blocks);
void fb_blocks_put(struct fb_blocks *blocks, struct fb_batch *batch);
void fb_blocks_take(struct fb_blocks *blocks, struct fb_batch *batch, unsigned long want_pages,
		    unsigned int max_blocks);

#endif
