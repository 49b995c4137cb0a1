// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_blocks.c - the blocks in the balloon (guest/blocks.c, sift.c, batch.c) on a made up memory
 * map, with a model, and with a record that finds no memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <linux/slab.h>

#include "blocks.h"
#include "run.h"
#include "sift.h"

#define FB_RANDOM_STEPS 4000
#define FB_P FB_SHIM_FIRST_PFN

struct page fb_shim_pages[FB_SHIM_NR_PAGES];

/* Pages that the balloon owns, by the model. */
static bool fb_owned[FB_SHIM_NR_PAGES];
static unsigned long fb_nr_owned;

static int fb_setup(void **state)
{
	static struct fb_blocks blocks;

	memset(fb_shim_pages, 0, sizeof(fb_shim_pages));
	memset(fb_owned, 0, sizeof(fb_owned));
	fb_nr_owned = 0;
	fb_shim_fail_after = -1;
	fb_blocks_init(&blocks);
	*state = &blocks;
	return 0;
}

/* Nothing is left in the balloon, and no memory allocated. */
static int fb_teardown(void **state)
{
	struct fb_blocks *blocks = *state;

	assert_int_equal(fb_blocks_pages(blocks), 0);
	assert_int_equal(blocks->nr_blocks, 0);
	assert_int_equal(blocks->unrecorded.nr_blocks, 0);
	assert_int_equal(blocks->unrecorded.nr_pages, 0);
	fb_blocks_destroy(blocks);
	assert_int_equal(fb_shim_live, 0);
	return 0;
}

static void fb_own(unsigned long pfn, unsigned long nr_pages, bool owned)
{
	for (unsigned long i = pfn - FB_P; i < pfn - FB_P + nr_pages; i++) {
		assert_int_equal(fb_owned[i], !owned);
		fb_owned[i] = owned;
	}
	fb_nr_owned += owned ? nr_pages : -nr_pages;
}

static void fb_add_block(struct fb_batch *batch, unsigned long pfn, unsigned int order)
{
	struct page *page = pfn_to_page(pfn);

	page->count = 1;
	fb_batch_add(batch, page, order);
	fb_own(pfn, 1UL << order, true);
}

static void fb_put_block(struct fb_blocks *blocks, unsigned long pfn, unsigned int order)
{
	struct fb_batch batch;

	fb_batch_init(&batch);
	fb_add_block(&batch, pfn, order);
	fb_blocks_put(blocks, &batch);
	assert_int_equal(batch.nr_blocks, 0);
}

/* Take blocks and check each; returns how many maximal runs they make in their order. */
static unsigned int fb_take(struct fb_blocks *blocks, unsigned long want_pages,
			    unsigned int max_blocks)
{
	unsigned long before_pages = fb_blocks_pages(blocks);
	struct page *page, *next;
	struct fb_run run = { 0 };
	struct fb_batch batch;
	unsigned int nr_runs = 0;

	fb_batch_init(&batch);
	fb_blocks_take(blocks, &batch, want_pages, max_blocks);
	assert_true(batch.nr_pages <= want_pages && batch.nr_blocks <= max_blocks);
	if (batch.nr_blocks < max_blocks)
		assert_int_equal(batch.nr_pages, min(want_pages, before_pages));
	assert_int_equal(fb_blocks_pages(blocks), before_pages - batch.nr_pages);
	list_for_each_entry_safe(page, next, &batch.blocks, lru) {
		unsigned long pfn = page_to_pfn(page), nr_pages = fb_block_pages(page);

		assert_int_equal(pfn & (nr_pages - 1), 0);
		for (unsigned long i = 0; i < nr_pages; i++)
			assert_int_equal(page[i].count, i ? 0 : 1);
		page->count = 0;
		fb_own(pfn, nr_pages, false);
		if (!fb_run_extend(&run, pfn, nr_pages)) {
			run = (struct fb_run){ pfn, nr_pages };
			nr_runs++;
		}
		fb_batch_remove(&batch, page);
	}
	assert_int_equal(batch.nr_pages, 0);
	return nr_runs + !!run.nr_pages;
}

/* Take the blocks that fit and check each; returns their number. */
static unsigned int fb_sift(struct fb_blocks *blocks, const struct fb_sieve *sieve)
{
	unsigned long before_pages = fb_blocks_pages(blocks);
	struct page *page, *next;
	struct fb_batch batch;
	unsigned int nr_blocks;

	fb_batch_init(&batch);
	fb_blocks_sift(blocks, sieve, &batch);
	nr_blocks = batch.nr_blocks;
	assert_true(nr_blocks <= sieve->max_blocks);
	assert_int_equal(fb_blocks_pages(blocks), before_pages - batch.nr_pages);
	list_for_each_entry_safe(page, next, &batch.blocks, lru) {
		unsigned long pfn = page_to_pfn(page);

		assert_true(pfn >= sieve->start_pfn && pfn < sieve->end_pfn);
		assert_true(fb_block_order(page) < sieve->end_order);
		assert_int_equal(page->count, 1);
		page->count = 0;
		fb_own(pfn, fb_block_pages(page), false);
		fb_batch_remove(&batch, page);
	}
	return nr_blocks;
}

static void fb_test_sift_a_range(void **state)
{
	const struct fb_sieve sieve = { FB_P + 1024, FB_P + 2048, FB_NR_ORDERS, ULONG_MAX, 100 };
	struct fb_blocks *blocks = *state;

	fb_put_block(blocks, FB_P, 10);
	fb_put_block(blocks, FB_P + 1024, 9);
	fb_put_block(blocks, FB_P + 1536, 9);
	fb_put_block(blocks, FB_P + 2048, 10);
	assert_int_equal(fb_sift(blocks, &sieve), 2);
	assert_int_equal(fb_sift(blocks, &sieve), 0);
	assert_int_equal(fb_take(blocks, ULONG_MAX, 100), 2);
}

static void fb_test_sift_small_blocks(void **state)
{
	struct fb_sieve sieve = { 0, ULONG_MAX, 9, ULONG_MAX, 1 };
	struct fb_blocks *blocks = *state;

	fb_put_block(blocks, FB_P, 10);
	fb_put_block(blocks, FB_P + 1024, 3);
	fb_put_block(blocks, FB_P + 1032, 0);
	fb_put_block(blocks, FB_P + 2048, 9);
	assert_int_equal(fb_sift(blocks, &sieve), 1);
	assert_int_equal(fb_blocks_pages(blocks), 1024 + 1 + 512);
	sieve.max_blocks = 100;
	assert_int_equal(fb_sift(blocks, &sieve), 1);
	assert_int_equal(fb_take(blocks, ULONG_MAX, 100), 2);
}

/* A block in the middle of a run stays where there is no memory to part the run. */
static void fb_test_sift_without_memory(void **state)
{
	const struct fb_sieve middle = { FB_P + 8, FB_P + 16, FB_NR_ORDERS, ULONG_MAX, 100 };
	const struct fb_sieve small = { 0, ULONG_MAX, 1, ULONG_MAX, 100 };
	struct fb_blocks *blocks = *state;

	fb_put_block(blocks, FB_P, 3);
	fb_put_block(blocks, FB_P + 8, 3);
	fb_put_block(blocks, FB_P + 16, 3);
	fb_shim_fail_after = 0;
	assert_int_equal(fb_sift(blocks, &middle), 0);
	fb_put_block(blocks, FB_P + 4096, 0);
	assert_int_equal(fb_sift(blocks, &small), 1);
	fb_shim_fail_after = -1;
	assert_int_equal(fb_sift(blocks, &middle), 1);
	assert_int_equal(fb_take(blocks, ULONG_MAX, 100), 2);
}

static void fb_test_runs_are_maximal(void **state)
{
	struct fb_blocks *blocks = *state;

	fb_put_block(blocks, FB_P + 2048, 10);
	fb_put_block(blocks, FB_P + 1024, 9);
	fb_put_block(blocks, FB_P + 1536, 9);
	fb_put_block(blocks, FB_P + 8000, 0);
	assert_int_equal(blocks->nr_blocks, 4);
	assert_int_equal(fb_take(blocks, 2049, 100), 2);
}

static void fb_test_last_block_is_parted(void **state)
{
	struct fb_blocks *blocks = *state;

	fb_put_block(blocks, FB_P, 10);
	assert_int_equal(fb_take(blocks, 5, 100), 1);
	assert_int_equal(fb_blocks_pages(blocks), 1019);
	/* 1 + 2 + 8 + 16 + ... + 512 */
	assert_int_equal(blocks->nr_blocks, 9);
	assert_int_equal(fb_take(blocks, ULONG_MAX, 3), 1);
	assert_int_equal(fb_take(blocks, ULONG_MAX, 100), 1);
}

static void fb_test_batch_of_any_order(void **state)
{
	struct fb_blocks *blocks = *state;
	struct fb_batch batch;

	fb_batch_init(&batch);
	fb_add_block(&batch, FB_P + 64, 3);
	fb_add_block(&batch, FB_P + 8, 3);
	fb_add_block(&batch, FB_P + 72, 3);
	fb_add_block(&batch, FB_P + 56, 3);
	fb_blocks_put(blocks, &batch);
	assert_int_equal(fb_take(blocks, 100, 100), 2);
}

/* Without memory for the record nothing is lost, and a block can still be parted. */
static void fb_test_no_memory(void **state)
{
	struct fb_blocks *blocks = *state;
	struct fb_xb_stats stats;
	unsigned long unrecorded_pages;

	fb_shim_fail_after = 0;
	fb_put_block(blocks, FB_P, 4);
	fb_put_block(blocks, FB_P + 64, 4);
	fb_blocks_stats(blocks, &stats, &unrecorded_pages);
	assert_int_equal(stats.nr_bits, 0);
	assert_int_equal(unrecorded_pages, 32);
	assert_int_equal(fb_take(blocks, 20, 100), 2);
	fb_blocks_stats(blocks, &stats, &unrecorded_pages);
	assert_int_equal(unrecorded_pages, 12);
	fb_shim_fail_after = -1;
	fb_put_block(blocks, FB_P + 128, 0);
	assert_int_equal(fb_take(blocks, 20, 100), 2);
}

/* A free, aligned place for a block, or 0. */
static unsigned long fb_find_place(unsigned int order)
{
	unsigned long nr_pages = 1UL << order;
	unsigned long at = random() % (FB_SHIM_NR_PAGES >> order) << order;

	for (unsigned long i = at; i < at + nr_pages; i++)
		if (fb_owned[i])
			return 0;
	return FB_P + at;
}

/* Blocks come and go at random, and memory for the record may be missing at any time. */
static void fb_test_random(void **state)
{
	struct fb_blocks *blocks = *state;

	srandom(3);
	for (unsigned int step = 0; step < FB_RANDOM_STEPS; step++) {
		unsigned int order = random() % (FB_TOP_ORDER + 1);
		unsigned long pfn = fb_find_place(order);

		fb_shim_fail_after = random() % 3 ? -1 : random() % 4;
		if (pfn)
			fb_put_block(blocks, pfn, order);
		if (random() % 8 == 0)
			fb_take(blocks, 1 + random() % 5000, 1 + random() % 20);
		if (random() % 8 == 0) {
			unsigned long from = random() % FB_SHIM_NR_PAGES >> FB_TOP_ORDER;
			struct fb_sieve sieve = { FB_P + (from << FB_TOP_ORDER), ULONG_MAX,
						  random() % (FB_NR_ORDERS + 1), random() % 5000,
						  random() % 20 };

			fb_sift(blocks, &sieve);
		}
		assert_int_equal(fb_blocks_pages(blocks), fb_nr_owned);
	}
	fb_shim_fail_after = 0;
	fb_take(blocks, ULONG_MAX, UINT_MAX);
	fb_shim_fail_after = -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fb_test_runs_are_maximal, fb_setup, fb_teardown),
		cmocka_unit_test_setup_teardown(fb_test_last_block_is_parted, fb_setup,
						fb_teardown),
		cmocka_unit_test_setup_teardown(fb_test_batch_of_any_order, fb_setup, fb_teardown),
		cmocka_unit_test_setup_teardown(fb_test_no_memory, fb_setup, fb_teardown),
		cmocka_unit_test_setup_teardown(fb_test_sift_a_range, fb_setup, fb_teardown),
		cmocka_unit_test_setup_teardown(fb_test_sift_small_blocks, fb_setup, fb_teardown),
		cmocka_unit_test_setup_teardown(fb_test_sift_without_memory, fb_setup, fb_teardown),
		cmocka_unit_test_setup_teardown(fb_test_random, fb_setup, fb_teardown),
	};

	return cmocka_run_group_tests_name("driver_blocks", tests, NULL, NULL);
}
