// SPDX-License-Identifier: GPL-2.0-or-later
/* test_run.c - the driver's runs of neighbouring pages (guest/run.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <stdbool.h>

#include "run.h"

static void fb_assert_run(const struct fb_run *run, unsigned long pfn, unsigned long nr_pages)
{
	assert_int_equal(run->nr_pages, nr_pages);
	if (nr_pages)
		assert_int_equal(run->pfn, pfn);
}

static void fb_test_extend(void **state)
{
	struct fb_run run = { 0 };

	assert_true(fb_run_extend(&run, 100, 4));
	assert_true(fb_run_extend(&run, 104, 1));
	fb_assert_run(&run, 100, 5);
	assert_false(fb_run_extend(&run, 106, 1));
	assert_false(fb_run_extend(&run, 104, 1));
	assert_false(fb_run_extend(&run, 99, 1));
	fb_assert_run(&run, 100, 5);
}

static void fb_test_extend_at_the_ends(void **state)
{
	struct fb_run low = { 0 }, high = { 0 };

	assert_true(fb_run_extend(&low, 0, 1));
	assert_true(fb_run_extend(&low, 1, 1));
	fb_assert_run(&low, 0, 2);
	assert_true(fb_run_extend(&high, ULONG_MAX - 1, 1));
	assert_true(fb_run_extend(&high, ULONG_MAX, 1));
	fb_assert_run(&high, ULONG_MAX - 1, 2);
}

static void fb_test_cut(void **state)
{
	struct fb_run run = { 50, 10 };
	struct fb_run front = fb_run_cut(&run, 3);

	fb_assert_run(&front, 50, 3);
	fb_assert_run(&run, 53, 7);
	front = fb_run_cut(&run, 7);
	fb_assert_run(&front, 53, 7);
	fb_assert_run(&run, 0, 0);
	front = fb_run_cut(&run, 1);
	fb_assert_run(&front, 0, 0);
	run = (struct fb_run){ 1, 2 };
	front = fb_run_cut(&run, ULONG_MAX);
	fb_assert_run(&front, 1, 2);
}

/* Pieces are aligned, fit, and are the largest that do. */
static void fb_test_piece_order(void **state)
{
	for (unsigned long offset = 0; offset < 64; offset++) {
		for (unsigned long nr_pages = 1; nr_pages <= 64 - offset; nr_pages++) {
			unsigned int order = fb_piece_order(offset, nr_pages, 5);
			unsigned long size = 1UL << order;
			bool could_grow =
				order < 5 && !(offset & (2 * size - 1)) && 2 * size <= nr_pages;

			assert_true(order <= 5);
			assert_int_equal(offset & (size - 1), 0);
			assert_true(size <= nr_pages);
			assert_false(could_grow);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fb_test_extend),
		cmocka_unit_test(fb_test_extend_at_the_ends),
		cmocka_unit_test(fb_test_cut),
		cmocka_unit_test(fb_test_piece_order),
	};

	return cmocka_run_group_tests_name("driver_run", tests, NULL, NULL);
}
