// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * blocks.c - the blocks that are in the balloon.
 *
 * A sparse bitmap records which pages are in the balloon. It gives them back as maximal runs, in
 * the order of page frame numbers, so that the device hears of few ranges and the guest gets
 * its memory back unbroken. Where blocks begin in a run, their first pages tell.
 *
 * The bitmap may need memory for a run that comes, though never for one that goes, and asks for it
 * without waiting or reclaiming. Blocks for which there is none are not lost, and nobody waits:
 * they are linked to each other as in a batch, and leave the balloon before all others.
 */
#include <linux/lockdep.h>

#include "blocks.h"
#include "run.h"

/** fb_blocks_init() - make an empty balloon. */
void fb_blocks_init(struct fb_blocks *blocks)
{
	mutex_init(&blocks->lock);
	fb_xb_init(&blocks->record, &blocks->lock);
	fb_batch_init(&blocks->unrecorded);
	blocks->nr_pages = 0;
	blocks->nr_blocks = 0;
}

/** fb_blocks_destroy() - undo fb_blocks_init() for a balloon that is empty. */
void fb_blocks_destroy(struct fb_blocks *blocks)
{
	fb_xb_destroy(&blocks->record);
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

/* Record neighbouring blocks; where there is no memory for that, link them to each other. */
static void fb_blocks_record(struct fb_blocks *blocks, const struct fb_run *run)
{
	unsigned long last = run->pfn + run->nr_pages - 1;

	lockdep_assert_held(&blocks->lock);
	if (run->nr_pages && fb_xb_set_range(&blocks->record, run->pfn, last))
		fb_batch_add_run(&blocks->unrecorded, run->pfn, run->nr_pages);
}

/**
 * fb_blocks_put() - move a batch of marked blocks into the balloon.
 * @blocks: the balloon.
 * @batch: sorted where possible, so that runs are long; empty afterwards.
 */
void fb_blocks_put(struct fb_blocks *blocks, struct fb_batch *batch)
{
	struct page *page, *next;
	struct fb_run run = {};

	mutex_lock(&blocks->lock);
	list_for_each_entry_safe(page, next, &batch->blocks, lru) {
		unsigned long pfn = page_to_pfn(page), nr_pages = fb_block_pages(page);

		list_del(&page->lru);
		if (fb_run_extend(&run, pfn, nr_pages))
			continue;
		fb_blocks_record(blocks, &run);
		run = (struct fb_run){ pfn, nr_pages };
	}
	fb_blocks_record(blocks, &run);
	WRITE_ONCE(blocks->nr_pages, blocks->nr_pages + batch->nr_pages);
	blocks->nr_blocks += batch->nr_blocks;
	fb_batch_init(batch);
	mutex_unlock(&blocks->lock);
}

/*
 * Pages of the blocks at the front of a run of the balloon, up to @want_pages, of which there are
 * that many, and to @max_blocks. The last block is parted where it is too large.
 */
static unsigned long fb_blocks_front(struct fb_blocks *blocks, unsigned long pfn,
				     unsigned long want_pages, unsigned int max_blocks)
{
	unsigned long pages = 0;

	while (pages < want_pages && max_blocks--) {
		struct page *page = pfn_to_page(pfn + pages);

		if (fb_block_pages(page) > want_pages - pages)
			blocks->nr_blocks += fb_block_split(page, want_pages - pages) - 1;
		pages += fb_block_pages(page);
	}
	return pages;
}

static void fb_blocks_take_unrecorded(struct fb_blocks *blocks, struct fb_batch *batch,
				      unsigned long want_pages, unsigned int max_blocks)
{
	struct fb_batch *list = &blocks->unrecorded;

	while (list->nr_blocks && batch->nr_pages < want_pages && batch->nr_blocks < max_blocks) {
		struct page *page = list_first_entry(&list->blocks, struct page, lru);
		unsigned long pfn = page_to_pfn(page), whole_pages = fb_block_pages(page);
		unsigned long pages = min(whole_pages, want_pages - batch->nr_pages);

		fb_batch_remove(list, page);
		pages = fb_blocks_front(blocks, pfn, pages, max_blocks - batch->nr_blocks);
		fb_batch_add_run(batch, pfn, pages);
		fb_batch_add_run(list, pfn + pages, whole_pages - pages);
	}
}

static void fb_blocks_take_recorded(struct fb_blocks *blocks, struct fb_batch *batch,
				    unsigned long want_pages, unsigned int max_blocks)
{
	struct fb_xb_run run;

	while (batch->nr_pages < want_pages && batch->nr_blocks < max_blocks &&
	       fb_xb_next_run(&blocks->record, 0, want_pages - batch->nr_pages, &run)) {
		unsigned long pages = fb_blocks_front(blocks, run.first, run.last - run.first + 1,
						      max_blocks - batch->nr_blocks);
		int err = fb_xb_clear_range(&blocks->record, run.first, run.first + pages - 1);

		/* The front of a run needs no memory. */
		WARN_ON_ONCE(err);
		if (err)
			break;
		fb_batch_add_run(batch, run.first, pages);
	}
}

/**
 * fb_blocks_take() - take blocks out of the balloon, by maximal runs.
 * @blocks: the balloon.
 * @batch: receives them, still marked; sorted if all are recorded and it was empty.
 * @want_pages: how many pages; a block is parted where the last one is too large.
 * @max_blocks: stop after this many, so that a balloon of single pages is no long work.
 *
 * The batch stays smaller than @want_pages where the balloon has less or @max_blocks is met.
 */
void fb_blocks_take(struct fb_blocks *blocks, struct fb_batch *batch, unsigned long want_pages,
		    unsigned int max_blocks)
{
	struct fb_batch taken;

	fb_batch_init(&taken);
	mutex_lock(&blocks->lock);
	fb_blocks_take_unrecorded(blocks, &taken, want_pages, max_blocks);
	fb_blocks_take_recorded(blocks, &taken, want_pages, max_blocks);
	WRITE_ONCE(blocks->nr_pages, blocks->nr_pages - taken.nr_pages);
	blocks->nr_blocks -= taken.nr_blocks;
	mutex_unlock(&blocks->lock);
	fb_batch_splice(batch, &taken);
}

/**
 * fb_blocks_stats() - what the record of the balloon's pages holds.
 * @blocks: the balloon.
 * @stats: receives it.
 * @unrecorded_pages: receives the number of pages for which there was no memory.
 */
void fb_blocks_stats(struct fb_blocks *blocks, struct fb_xb_stats *stats,
		     unsigned long *unrecorded_pages)
{
	mutex_lock(&blocks->lock);
	fb_xb_stats(&blocks->record, stats);
	*unrecorded_pages = blocks->unrecorded.nr_pages;
	mutex_unlock(&blocks->lock);
}
