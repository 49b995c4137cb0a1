// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hint_alloc.c - hinting allocated blocks, where the free lists may not be touched.
 *
 * The largest blocks are allocated until there are none without reclaim, and kept until the
 * migration is over, or they would be found free and hinted again. Under memory pressure a
 * shrinker frees them, but only those whose hint the device has handled.
 */
#include "fastballoon.h"

static void fb_hint_alloc_free(struct list_head *blocks)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, blocks, lru) {
		unsigned int order = fb_block_order(page);

		list_del(&page->lru);
		set_page_private(page, 0);
		__free_pages(page, order);
	}
}

/**
 * fb_hint_alloc_complete() - the device has handled a hint.
 * @q: the free page queue.
 * @token: the block's first page.
 */
void fb_hint_alloc_complete(struct fb_queue *q, void *token)
{
	struct fb_hint *hint = &q->fb->hint;
	struct page *page = token;

	spin_lock(&hint->acked_lock);
	list_add(&page->lru, &hint->acked);
	hint->acked_pages += 1UL << fb_block_order(page);
	spin_unlock(&hint->acked_lock);
	if (hint->done)
		fb_hint_alloc_release(q->fb);
}

/** fb_hint_alloc_release() - free all blocks whose hints have been handled. */
void fb_hint_alloc_release(struct fb_balloon *fb)
{
	struct fb_hint *hint = &fb->hint;
	LIST_HEAD(blocks);

	spin_lock(&hint->acked_lock);
	list_splice_init(&hint->acked, &blocks);
	hint->acked_pages = 0;
	spin_unlock(&hint->acked_lock);
	fb_hint_alloc_free(&blocks);
}

static unsigned long fb_hint_alloc_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct fb_hint *hint = container_of(fb_shrinker_of(shrinker), struct fb_hint, shrinker);

	return READ_ONCE(hint->acked_pages);
}

static unsigned long fb_hint_alloc_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct fb_hint *hint = container_of(fb_shrinker_of(shrinker), struct fb_hint, shrinker);
	struct fb_balloon *fb = container_of(hint, struct fb_balloon, hint);
	unsigned long freed_pages = 0;
	LIST_HEAD(blocks);

	spin_lock(&hint->acked_lock);
	while (freed_pages < sc->nr_to_scan && !list_empty(&hint->acked)) {
		struct page *page = list_first_entry(&hint->acked, struct page, lru);

		list_move(&page->lru, &blocks);
		freed_pages += 1UL << fb_block_order(page);
	}
	hint->acked_pages -= freed_pages;
	spin_unlock(&hint->acked_lock);
	fb_hint_alloc_free(&blocks);
	fb_count(&fb->counters, FB_C_hint_shrunk_pages, freed_pages);
	return freed_pages ? freed_pages : SHRINK_STOP;
}

/**
 * fb_hint_alloc_start() - prepare to hold allocated blocks.
 *
 * Return: 0, or -ENOMEM.
 */
int fb_hint_alloc_start(struct fb_balloon *fb)
{
	return fb_shrinker_register(&fb->hint.shrinker, fb_hint_alloc_count, fb_hint_alloc_scan,
				    "fastballoon-hint");
}

/** fb_hint_alloc_stop() - free all blocks. The device has been reset. */
void fb_hint_alloc_stop(struct fb_balloon *fb)
{
	fb_shrinker_unregister(&fb->hint.shrinker);
	fb_hint_alloc_release(fb);
}

static int fb_hint_alloc_one(struct fb_balloon *fb)
{
	struct page *page = fb_source_alloc(NUMA_NO_NODE, FB_TOP_ORDER);
	int err;

	if (!page)
		return -ENOMEM;
	set_page_private(page, FB_TOP_ORDER);
	err = fb_queue_add_in(&fb->hint.queue, page_to_pfn(page), 1UL << FB_TOP_ORDER, page);
	if (err) {
		set_page_private(page, 0);
		__free_pages(page, FB_TOP_ORDER);
		return err;
	}
	fb_queue_kick(&fb->hint.queue);
	fb_count(&fb->counters, FB_C_hinted_pages, 1UL << FB_TOP_ORDER);
	return 0;
}

/**
 * fb_hint_alloc_round() - hint what can be allocated. Queue locked; sleeps.
 * @fb: the balloon.
 *
 * Return: 0; -EINTR where the host wants no more of it; an error of fb_queue_wait().
 */
int fb_hint_alloc_round(struct fb_balloon *fb)
{
	int err;

	if (fb_hint_min_order(fb) > FB_TOP_ORDER)
		return 0;
	do {
		if (fb_queue_cut(&fb->hint.queue))
			return -EINTR;
		err = fb_hint_alloc_one(fb);
		cond_resched();
	} while (!err);
	return err == -ENOMEM ? 0 : err;
}
