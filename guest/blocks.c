// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * blocks.c - blocks of pages that the driver owns, and the balloon's lists of them.
 */
#include <linux/list_sort.h>
#include <linux/sched.h>

#include "fastballoon.h"
#include "run.h"

/** fb_batch_init() - make an empty batch. */
void fb_batch_init(struct fb_batch *batch)
{
	INIT_LIST_HEAD(&batch->blocks);
	batch->nr_blocks = 0;
	batch->nr_pages = 0;
}

/** fb_batch_add() - add a block, which is on no list, at the end of a batch. */
void fb_batch_add(struct fb_batch *batch, struct page *page, unsigned int order)
{
	set_page_private(page, order);
	list_add_tail(&page->lru, &batch->blocks);
	batch->nr_blocks++;
	batch->nr_pages += 1UL << order;
}

/** fb_batch_splice() - move all blocks of @more to the end of @batch. */
void fb_batch_splice(struct fb_batch *batch, struct fb_batch *more)
{
	list_splice_tail(&more->blocks, &batch->blocks);
	batch->nr_blocks += more->nr_blocks;
	batch->nr_pages += more->nr_pages;
	fb_batch_init(more);
}

static int fb_block_cmp(void *unused, const struct list_head *a, const struct list_head *b)
{
	/* The memory map is virtually contiguous or at least ordered by section. */
	unsigned long pfn_a = page_to_pfn(list_entry(a, struct page, lru));
	unsigned long pfn_b = page_to_pfn(list_entry(b, struct page, lru));

	return pfn_a > pfn_b;
}

/** fb_batch_sort() - order a batch by page frame number, so that neighbours meet. */
void fb_batch_sort(struct fb_batch *batch)
{
	list_sort(NULL, &batch->blocks, fb_block_cmp);
}

static void fb_block_free(struct page *page)
{
	unsigned int order = fb_block_order(page);

	list_del(&page->lru);
	set_page_private(page, 0);
	__free_pages(page, order);
}

/** fb_batch_free() - give all blocks of a batch to the page allocator. May sleep. */
void fb_batch_free(struct fb_batch *batch)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &batch->blocks, lru) {
		fb_block_free(page);
		cond_resched();
	}
	fb_batch_init(batch);
}

/**
 * fb_batch_send() - name a sorted batch to the device and kick it; does not wait.
 * @q: the queue, locked.
 * @batch: the blocks.
 *
 * Return: as fb_queue_put().
 */
int fb_batch_send(struct fb_queue *q, struct fb_batch *batch)
{
	struct page *page;

	lockdep_assert_held(&q->lock);
	list_for_each_entry(page, &batch->blocks, lru) {
		int err = fb_queue_put(q, page_to_pfn(page), 1UL << fb_block_order(page));

		if (err)
			return err;
	}
	return fb_queue_send(q);
}

/**
 * fb_adjusts_managed() - whether ballooned pages are no part of MemTotal.
 * @fb: the balloon.
 *
 * Linux's own balloon hides pages unless they come back by themselves.
 */
bool fb_adjusts_managed(struct fb_balloon *fb)
{
	return !virtio_has_feature(fb->vdev, VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
}

/**
 * fb_batch_mark() - make blocks pages of a balloon: PageOffline, and not managed memory.
 * @fb: the balloon.
 * @batch: blocks of which no page is marked.
 *
 * Dumps and /proc/kcore then skip them. May sleep.
 */
void fb_batch_mark(struct fb_balloon *fb, struct fb_batch *batch)
{
	struct page *page;

	list_for_each_entry(page, &batch->blocks, lru) {
		unsigned long i, nr_pages = 1UL << fb_block_order(page);

		for (i = 0; i < nr_pages; i++)
			__SetPageOffline(page + i);
		if (fb_adjusts_managed(fb))
			adjust_managed_page_count(page, -(long)nr_pages);
		cond_resched();
	}
}

/** fb_batch_unmark() - undo fb_batch_mark() before blocks are freed. May sleep. */
void fb_batch_unmark(struct fb_balloon *fb, struct fb_batch *batch)
{
	struct page *page;

	list_for_each_entry(page, &batch->blocks, lru) {
		unsigned long i, nr_pages = 1UL << fb_block_order(page);

		for (i = 0; i < nr_pages; i++)
			__ClearPageOffline(page + i);
		if (fb_adjusts_managed(fb))
			adjust_managed_page_count(page, nr_pages);
		cond_resched();
	}
}

/**
 * fb_block_split() - part a block in two, each side in blocks as large as alignment allows.
 * @page: first page of a block that is on no list.
 * @order: its order.
 * @keep_pages: pages of the first side, from 1 to one less than the block has.
 * @kept: receives the first side.
 * @rest: receives the second one.
 */
void fb_block_split(struct page *page, unsigned int order, unsigned long keep_pages,
		    struct fb_batch *kept, struct fb_batch *rest)
{
	unsigned long offset = 0, nr_pages = 1UL << order;

	while (offset < nr_pages) {
		bool keep = offset < keep_pages;
		unsigned long end = keep ? keep_pages : nr_pages;
		unsigned int piece = fb_piece_order(offset, end - offset, order);

		set_page_count(page + offset, 1);
		fb_batch_add(keep ? kept : rest, page + offset, piece);
		offset += 1UL << piece;
	}
}

/** fb_blocks_init() - make an empty balloon. */
void fb_blocks_init(struct fb_blocks *blocks)
{
	unsigned int order;

	mutex_init(&blocks->lock);
	for (order = 0; order < FB_NR_ORDERS; order++)
		INIT_LIST_HEAD(&blocks->by_order[order]);
	blocks->nr_pages = 0;
	blocks->nr_blocks = 0;
}

/** fb_blocks_pages() - size of the balloon in pages. */
unsigned long fb_blocks_pages(const struct fb_blocks *blocks)
{
	return READ_ONCE(blocks->nr_pages);
}

/**
 * fb_blocks_account() - let the balloon's size count pages that are not in its lists.
 * @blocks: the balloon.
 * @pages: how many more; negative for fewer.
 */
void fb_blocks_account(struct fb_blocks *blocks, long pages)
{
	mutex_lock(&blocks->lock);
	WRITE_ONCE(blocks->nr_pages, blocks->nr_pages + pages);
	mutex_unlock(&blocks->lock);
}

static void fb_blocks_put_locked(struct fb_blocks *blocks, struct fb_batch *batch)
{
	struct page *page, *next;

	lockdep_assert_held(&blocks->lock);
	list_for_each_entry_safe(page, next, &batch->blocks, lru)
		list_move(&page->lru, &blocks->by_order[fb_block_order(page)]);
	WRITE_ONCE(blocks->nr_pages, blocks->nr_pages + batch->nr_pages);
	blocks->nr_blocks += batch->nr_blocks;
	fb_batch_init(batch);
}

/** fb_blocks_put() - move a batch of marked blocks into the balloon. */
void fb_blocks_put(struct fb_blocks *blocks, struct fb_batch *batch)
{
	mutex_lock(&blocks->lock);
	fb_blocks_put_locked(blocks, batch);
	mutex_unlock(&blocks->lock);
}

static struct page *fb_blocks_pop(struct fb_blocks *blocks, unsigned int order)
{
	struct page *page;

	lockdep_assert_held(&blocks->lock);
	page = list_first_entry_or_null(&blocks->by_order[order], struct page, lru);
	if (!page)
		return NULL;
	list_del(&page->lru);
	WRITE_ONCE(blocks->nr_pages, blocks->nr_pages - (1UL << order));
	blocks->nr_blocks--;
	return page;
}

/* No block is as small as what is still wanted: part the smallest that there is. */
static void fb_blocks_take_part(struct fb_blocks *blocks, struct fb_batch *batch,
				unsigned long want_pages)
{
	struct fb_batch rest;
	unsigned int order;

	lockdep_assert_held(&blocks->lock);
	fb_batch_init(&rest);
	for (order = 1; order < FB_NR_ORDERS; order++) {
		struct page *page;

		if (want_pages >= 1UL << order)
			continue;
		page = fb_blocks_pop(blocks, order);
		if (!page)
			continue;
		fb_block_split(page, order, want_pages, batch, &rest);
		fb_blocks_put_locked(blocks, &rest);
		return;
	}
}

/**
 * fb_blocks_take() - take blocks out of the balloon, the largest first.
 * @blocks: the balloon.
 * @batch: receives them, still marked.
 * @want_pages: how many pages; a block is parted where the last one is too large.
 * @max_blocks: stop after this many, so that a balloon of single pages is no long work.
 *
 * The batch stays smaller than @want_pages where the balloon has less or @max_blocks is met.
 */
void fb_blocks_take(struct fb_blocks *blocks, struct fb_batch *batch, unsigned long want_pages,
		    unsigned int max_blocks)
{
	int order;

	mutex_lock(&blocks->lock);
	for (order = FB_TOP_ORDER; order >= 0; order--) {
		while (batch->nr_pages + (1UL << order) <= want_pages &&
		       batch->nr_blocks < max_blocks) {
			struct page *page = fb_blocks_pop(blocks, order);

			if (!page)
				break;
			fb_batch_add(batch, page, order);
		}
	}
	if (batch->nr_pages < want_pages && batch->nr_blocks < max_blocks)
		fb_blocks_take_part(blocks, batch, want_pages - batch->nr_pages);
	mutex_unlock(&blocks->lock);
}
