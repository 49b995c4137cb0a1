// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * batch.c - blocks of pages that the driver owns, linked into batches.
 */
#include "batch.h"
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

/**
 * fb_batch_add_run() - add neighbouring blocks, which are on no list.
 * @batch: receives them at its end.
 * @pfn: first page of the first one.
 * @nr_pages: pages in all of them.
 */
void fb_batch_add_run(struct fb_batch *batch, unsigned long pfn, unsigned long nr_pages)
{
	unsigned long end = pfn + nr_pages;

	while (pfn < end) {
		struct page *page = pfn_to_page(pfn);

		fb_batch_add(batch, page, fb_block_order(page));
		pfn += fb_block_pages(page);
	}
}

/** fb_batch_remove() - take a block out of a batch. */
void fb_batch_remove(struct fb_batch *batch, struct page *page)
{
	list_del(&page->lru);
	batch->nr_blocks--;
	batch->nr_pages -= fb_block_pages(page);
}

/** fb_batch_splice() - move all blocks of @more to the end of @batch. */
void fb_batch_splice(struct fb_batch *batch, struct fb_batch *more)
{
	list_splice_tail(&more->blocks, &batch->blocks);
	batch->nr_blocks += more->nr_blocks;
	batch->nr_pages += more->nr_pages;
	fb_batch_init(more);
}

/**
 * fb_block_split() - part a block in two, each side in blocks as large as alignment allows.
 * @page: first page of a block that is on no list.
 * @keep_pages: pages of the first side, from 1 to one less than the block has.
 *
 * Return: how many blocks it has become.
 */
unsigned int fb_block_split(struct page *page, unsigned long keep_pages)
{
	unsigned int order = fb_block_order(page), nr_blocks = 0;
	unsigned long offset = 0, nr_pages = 1UL << order;

	while (offset < nr_pages) {
		unsigned long end = offset < keep_pages ? keep_pages : nr_pages;
		unsigned int piece = fb_piece_order(offset, end - offset, order);

		set_page_count(page + offset, 1);
		set_page_private(page + offset, piece);
		offset += 1UL << piece;
		nr_blocks++;
	}
	return nr_blocks;
}
