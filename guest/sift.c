// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sift.c - taking certain blocks out of the balloon.
 *
 * To take a block out of the middle of a run the record of the balloon's pages may need memory.
 * Where there is none, the block stays.
 */
#include <linux/lockdep.h>
#include <linux/sched.h>

#include "sift.h"

static bool fb_sieve_full(const struct fb_sieve *sieve, const struct fb_batch *batch)
{
	return batch->nr_pages >= sieve->max_pages || batch->nr_blocks >= sieve->max_blocks;
}

static bool fb_sieve_fits(const struct fb_sieve *sieve, struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	return pfn >= sieve->start_pfn && pfn < sieve->end_pfn &&
	       fb_block_order(page) < sieve->end_order;
}

static void fb_sift_unrecorded(struct fb_blocks *blocks, const struct fb_sieve *sieve,
			       struct fb_batch *batch)
{
	struct page *page, *next;

	lockdep_assert_held(&blocks->lock);
	list_for_each_entry_safe(page, next, &blocks->unrecorded.blocks, lru) {
		if (fb_sieve_full(sieve, batch))
			break;
		if (!fb_sieve_fits(sieve, page))
			continue;
		fb_batch_remove(&blocks->unrecorded, page);
		fb_batch_add(batch, page, fb_block_order(page));
	}
}

static void fb_sift_run(struct fb_blocks *blocks, const struct fb_sieve *sieve,
			struct fb_batch *batch, const struct fb_xb_run *run)
{
	unsigned long pfn = run->first;

	lockdep_assert_held(&blocks->lock);
	while (pfn <= run->last && pfn < sieve->end_pfn && !fb_sieve_full(sieve, batch)) {
		struct page *page = pfn_to_page(pfn);
		unsigned long nr_pages = fb_block_pages(page);

		if (fb_sieve_fits(sieve, page) &&
		    !fb_xb_clear_range(&blocks->record, pfn, pfn + nr_pages - 1))
			fb_batch_add(batch, page, fb_block_order(page));
		pfn += nr_pages;
		cond_resched();
	}
}

/**
 * fb_blocks_sift() - take certain blocks out of the balloon. May sleep.
 * @blocks: the balloon.
 * @sieve: which; its start_pfn lies in no block, unless it is the first page of one.
 * @batch: empty; receives them, still marked.
 */
void fb_blocks_sift(struct fb_blocks *blocks, const struct fb_sieve *sieve, struct fb_batch *batch)
{
	unsigned long pfn = sieve->start_pfn;
	struct fb_xb_run run;

	mutex_lock(&blocks->lock);
	fb_sift_unrecorded(blocks, sieve, batch);
	while (pfn < sieve->end_pfn && !fb_sieve_full(sieve, batch) &&
	       fb_xb_next_run(&blocks->record, pfn, sieve->end_pfn - pfn, &run)) {
		fb_sift_run(blocks, sieve, batch, &run);
		pfn = run.last + 1;
	}
	WRITE_ONCE(blocks->nr_pages, blocks->nr_pages - batch->nr_pages);
	blocks->nr_blocks -= batch->nr_blocks;
	mutex_unlock(&blocks->lock);
}
