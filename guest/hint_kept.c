// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hint_kept.c - blocks that stay off the free lists until the migration is over (FB_HINT_HELD).
 *
 * A run of blocks is kept from the moment at which the device has handled its hint; what it has
 * not handled is in the queue and in no list, so that nobody can give it back. Under memory
 * pressure a shrinker does give back what is kept: the device may hear of writes to it again,
 * since it has cleared its mark in the log. CMD_ID_DONE gives back the rest.
 */
#include <linux/sched.h>

#include "fastballoon.h"

/**
 * fb_hint_keep() - keep a run of blocks whose hint the device has handled.
 * @hint: the hints.
 * @page: first page of the run; its index holds the run's length.
 */
void fb_hint_keep(struct fb_hint *hint, struct page *page)
{
	spin_lock(&hint->kept_lock);
	list_add(&page->lru, &hint->kept);
	WRITE_ONCE(hint->kept_pages, hint->kept_pages + page->index);
	spin_unlock(&hint->kept_lock);
}

/* Take blocks off the front of kept runs until they have @nr_pages. */
static void fb_hint_kept_take(struct fb_hint *hint, struct fb_batch *batch, unsigned long nr_pages)
{
	spin_lock(&hint->kept_lock);
	while (batch->nr_pages < nr_pages && !list_empty(&hint->kept)) {
		struct page *page = list_first_entry(&hint->kept, struct page, lru);
		unsigned long run_pages = page->index, block_pages = fb_block_pages(page);

		list_del(&page->lru);
		if (run_pages > block_pages) {
			struct page *next = pfn_to_page(page_to_pfn(page) + block_pages);

			next->index = run_pages - block_pages;
			list_add(&next->lru, &hint->kept);
		}
		WRITE_ONCE(hint->kept_pages, hint->kept_pages - block_pages);
		fb_batch_add(batch, page, fb_block_order(page));
	}
	spin_unlock(&hint->kept_lock);
}

/**
 * fb_hint_kept_release() - give back all that is kept. Sleeps.
 * @hint: the hints.
 *
 * Return: pages given back.
 */
unsigned long fb_hint_kept_release(struct fb_hint *hint)
{
	unsigned long pages = 0;
	struct fb_batch batch;

	fb_batch_init(&batch);
	do {
		fb_batch_free(&batch);
		fb_hint_kept_take(hint, &batch, FB_HINT_KEPT_BATCH_PAGES);
		pages += batch.nr_pages;
	} while (batch.nr_blocks);
	return pages;
}

static unsigned long fb_hint_kept_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct fb_hint *hint = container_of(fb_shrinker_of(shrinker), struct fb_hint, shrinker);

	return READ_ONCE(hint->kept_pages);
}

static unsigned long fb_hint_kept_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct fb_hint *hint = container_of(fb_shrinker_of(shrinker), struct fb_hint, shrinker);
	struct fb_balloon *fb = container_of(hint, struct fb_balloon, hint);
	struct fb_batch batch;
	unsigned long pages;

	fb_batch_init(&batch);
	fb_hint_kept_take(hint, &batch, sc->nr_to_scan);
	pages = batch.nr_pages;
	fb_batch_free(&batch);
	fb_count(&fb->counters, FB_C_hint_shrunk_pages, pages);
	return pages ? pages : SHRINK_STOP;
}

/** fb_hint_kept_init() - prepare what lasts as long as the driver is bound. */
void fb_hint_kept_init(struct fb_hint *hint)
{
	INIT_LIST_HEAD(&hint->kept);
	spin_lock_init(&hint->kept_lock);
}

/** fb_hint_kept_start() - let memory pressure have what is kept; returns 0 or -ENOMEM. */
int fb_hint_kept_start(struct fb_hint *hint)
{
	return fb_shrinker_register(&hint->shrinker, fb_hint_kept_count, fb_hint_kept_scan,
				    "fastballoon-hint");
}

/** fb_hint_kept_stop() - give back all that is kept. Nothing is kept any more from here on. */
void fb_hint_kept_stop(struct fb_hint *hint)
{
	fb_shrinker_unregister(&hint->shrinker);
	fb_hint_kept_release(hint);
}
