// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pages.c - what happens to the pages of a batch: sent to the device, marked as those of a
 * balloon, given back to the page allocator.
 */
#include <linux/list_sort.h>
#include <linux/sched.h>

#include "fastballoon.h"

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
