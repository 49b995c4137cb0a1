// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hint_alloc.c - hinting allocated blocks, where the free lists may not be touched.
 *
 * Blocks are allocated, the largest first, until there are none without reclaim, and kept until
 * the migration is over, or they would be found free and hinted again. They are allocated in
 * batches, so that neighbours become one hint.
 */
#include <linux/sched.h>

#include "fastballoon.h"

/* Blocks, or pages, allocated before they are hinted. */
#define FB_HINT_ALLOC_BLOCKS 64
#define FB_HINT_ALLOC_PAGES (64UL << (20 - PAGE_SHIFT))

/* Single pages are not asked for: that would start reclaim. */
#define FB_HINT_ALLOC_MIN_ORDER 1

/* Allocate a batch; @order goes down where there are no larger blocks. */
static void fb_hint_alloc_batch(struct fb_batch *batch, int *order, int min_order)
{
	while (batch->nr_blocks < FB_HINT_ALLOC_BLOCKS && batch->nr_pages < FB_HINT_ALLOC_PAGES &&
	       *order >= min_order) {
		struct page *page = fb_source_alloc(NUMA_NO_NODE, *order, false);

		if (page)
			fb_batch_add(batch, page, *order);
		else
			(*order)--;
	}
}

static int fb_hint_alloc_send(struct fb_balloon *fb, struct fb_batch *batch)
{
	struct page *page, *next;
	int err = 0;

	list_for_each_entry_safe(page, next, &batch->blocks, lru) {
		struct fb_run run = { page_to_pfn(page), fb_block_pages(page) };

		if (fb_queue_cut(&fb->hint.queue))
			err = -EINTR;
		if (!err)
			err = fb_hint_hold_make_room(fb);
		if (err)
			break;
		fb_batch_remove(batch, page);
		err = fb_hint_hold_add(fb, &run);
	}
	fb_batch_free(batch);
	return err;
}

/**
 * fb_hint_alloc_round() - allocate and hint what is free. Queue locked; sleeps.
 * @fb: the balloon; the round's limits are set.
 *
 * Return: 0; -EINTR where the host wants no more of it; an error of fb_queue_wait().
 */
int fb_hint_alloc_round(struct fb_balloon *fb)
{
	int min_order = max_t(int, ilog2(fb->hint.min_pages), FB_HINT_ALLOC_MIN_ORDER);
	int order = FB_TOP_ORDER, err = 0;

	while (!err && order >= min_order) {
		struct fb_batch batch;

		fb_batch_init(&batch);
		fb_hint_alloc_batch(&batch, &order, min_order);
		fb_batch_sort(&batch);
		err = fb_hint_alloc_send(fb, &batch);
		cond_resched();
	}
	return err;
}
