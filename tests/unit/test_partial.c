// SPDX-License-Identifier: GPL-2.0-or-later
/* test_partial.c - the table of host pages of which the balloon holds a part. */
#include "../../device/partial.h"
#include "mock_host.h"

#define FB_HUGE (2 * FB_MIB)

static int fb_setup(void **state)
{
	*state = fb_partial_new();
	return *state ? 0 : -1;
}

static int fb_teardown(void **state)
{
	fb_partial_free(*state);
	return 0;
}

static bool fb_add(struct fb_partial *partial, uint64_t host_page, uint64_t size, uint64_t gpa,
		   uint64_t len)
{
	struct fb_range page = { host_page, size };
	struct fb_range part = { gpa, len };

	return fb_partial_add(partial, &page, &part);
}

static void fb_remove(struct fb_partial *partial, uint64_t gpa, uint64_t len, uint64_t size)
{
	struct fb_range range = { gpa, len };

	fb_partial_remove(partial, &range, 0, size);
}

static void fb_test_completes(void **state)
{
	struct fb_partial *partial = *state;

	assert_false(fb_add(partial, FB_HUGE, FB_HUGE, FB_HUGE, FB_MIB));
	assert_int_equal(fb_partial_count(partial), 1);
	assert_false(fb_add(partial, FB_HUGE, FB_HUGE, FB_HUGE + FB_MIB, FB_MIB - FB_PAGE_SIZE));
	assert_true(fb_add(partial, FB_HUGE, FB_HUGE, 2 * FB_HUGE - FB_PAGE_SIZE, FB_PAGE_SIZE));
	assert_int_equal(fb_partial_count(partial), 0);
}

static void fb_test_duplicates(void **state)
{
	struct fb_partial *partial = *state;

	for (int i = 0; i < 600; i++)
		assert_false(fb_add(partial, 0, FB_HUGE, FB_PAGE_SIZE, FB_PAGE_SIZE));
	assert_int_equal(fb_partial_count(partial), 1);
}

static void fb_test_deflate_clears(void **state)
{
	struct fb_partial *partial = *state;

	assert_false(fb_add(partial, 0, 64 * FB_KIB, 0, 60 * FB_KIB));
	fb_remove(partial, 8 * FB_KIB, 4 * FB_KIB, 64 * FB_KIB);
	assert_false(fb_add(partial, 0, 64 * FB_KIB, 60 * FB_KIB, 4 * FB_KIB));
	assert_true(fb_add(partial, 0, 64 * FB_KIB, 8 * FB_KIB, 4 * FB_KIB));
}

static void fb_test_emptied_is_forgotten(void **state)
{
	struct fb_partial *partial = *state;

	fb_add(partial, 0, FB_HUGE, FB_PAGE_SIZE, 2 * FB_PAGE_SIZE);
	fb_remove(partial, FB_PAGE_SIZE, FB_PAGE_SIZE, FB_HUGE);
	assert_int_equal(fb_partial_count(partial), 1);
	fb_remove(partial, FB_PAGE_SIZE, 2 * FB_PAGE_SIZE, FB_HUGE);
	assert_int_equal(fb_partial_count(partial), 0);
}

/* A range much larger than the table goes through the table, a smaller one by address. */
static void fb_test_remove_both_ways(void **state)
{
	struct fb_partial *partial = *state;

	for (uint64_t i = 0; i < 100; i++)
		fb_add(partial, i * FB_HUGE, FB_HUGE, i * FB_HUGE, FB_PAGE_SIZE);
	fb_remove(partial, 10 * FB_HUGE, 5 * FB_HUGE, FB_HUGE);
	assert_int_equal(fb_partial_count(partial), 95);
	fb_remove(partial, 50 * FB_HUGE, 1000000 * FB_HUGE, FB_HUGE);
	assert_int_equal(fb_partial_count(partial), 45);
	fb_remove(partial, 0, FB_PAGE_SIZE, FB_HUGE);
	assert_int_equal(fb_partial_count(partial), 44);
	fb_remove(partial, FB_HUGE + FB_PAGE_SIZE, FB_PAGE_SIZE, FB_HUGE);
	assert_int_equal(fb_partial_count(partial), 44);
}

static void fb_test_table_is_bounded(void **state)
{
	struct fb_partial *partial = *state;
	uint64_t size = 64 * FB_KIB;

	for (uint64_t i = 0; i < FB_PARTIAL_PAGES_MAX + 10; i++)
		fb_add(partial, i * size, size, i * size, size - FB_PAGE_SIZE);
	assert_int_equal(fb_partial_count(partial), FB_PARTIAL_PAGES_MAX);
	/* The oldest is forgotten, the newest is not. */
	assert_false(fb_add(partial, 0, size, size - FB_PAGE_SIZE, FB_PAGE_SIZE));
	assert_true(fb_add(partial, 20 * size, size, 21 * size - FB_PAGE_SIZE, FB_PAGE_SIZE));
}

static void fb_test_touched_is_kept(void **state)
{
	struct fb_partial *partial = *state;
	uint64_t size = 64 * FB_KIB;

	fb_add(partial, 0, size, 0, FB_PAGE_SIZE);
	for (uint64_t i = 1; i < FB_PARTIAL_PAGES_MAX; i++)
		fb_add(partial, i * size, size, i * size, FB_PAGE_SIZE);
	fb_add(partial, 0, size, FB_PAGE_SIZE, FB_PAGE_SIZE);
	for (uint64_t i = 0; i < 100; i++)
		fb_add(partial, FB_GIB * 64 + i * size, size, FB_GIB * 64 + i * size, FB_PAGE_SIZE);
	assert_true(fb_add(partial, 0, size, 2 * FB_PAGE_SIZE, size - 2 * FB_PAGE_SIZE));
}

/* 32 KiB of bitmap for each gigabyte page: the limit of bytes comes first. */
static void fb_test_bitmap_is_bounded(void **state)
{
	struct fb_partial *partial = *state;

	for (uint64_t i = 0; i < 200; i++)
		fb_add(partial, i * FB_GIB, FB_GIB, i * FB_GIB, FB_PAGE_SIZE);
	assert_int_equal(fb_partial_count(partial), FB_PARTIAL_BITMAP_MAX / (32 * FB_KIB));
	assert_false(fb_add(partial, 0, 256 * FB_GIB, 0, FB_PAGE_SIZE));
	assert_int_equal(fb_partial_count(partial), FB_PARTIAL_BITMAP_MAX / (32 * FB_KIB));
}

static void fb_test_size_change_starts_afresh(void **state)
{
	struct fb_partial *partial = *state;

	fb_add(partial, 0, FB_HUGE, 0, FB_MIB);
	assert_false(fb_add(partial, 0, 64 * FB_KIB, 0, 60 * FB_KIB));
	assert_int_equal(fb_partial_count(partial), 1);
	assert_true(fb_add(partial, 0, 64 * FB_KIB, 60 * FB_KIB, 4 * FB_KIB));
}

static void fb_test_out_of_memory(void **state)
{
	struct fb_partial *partial = *state;

	fb_mock_fail_allocation(0);
	assert_false(fb_add(partial, 0, FB_HUGE, 0, FB_HUGE / 2));
	assert_int_equal(fb_partial_count(partial), 0);
	assert_false(fb_add(partial, 0, FB_HUGE, FB_HUGE / 2, FB_HUGE / 2));
}

static void fb_test_clear(void **state)
{
	struct fb_partial *partial = *state;

	for (uint64_t i = 0; i < 3000; i++)
		fb_add(partial, i * FB_HUGE, FB_HUGE, i * FB_HUGE, FB_MIB);
	fb_partial_clear(partial);
	assert_int_equal(fb_partial_count(partial), 0);
	assert_false(fb_add(partial, 0, FB_HUGE, FB_MIB, FB_MIB));
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_completes),
		FB_TEST(fb_test_duplicates),
		FB_TEST(fb_test_deflate_clears),
		FB_TEST(fb_test_emptied_is_forgotten),
		FB_TEST(fb_test_remove_both_ways),
		FB_TEST(fb_test_table_is_bounded),
		FB_TEST(fb_test_touched_is_kept),
		FB_TEST(fb_test_bitmap_is_bounded),
		FB_TEST(fb_test_size_change_starts_afresh),
		FB_TEST(fb_test_out_of_memory),
		FB_TEST(fb_test_clear),
	};

	return cmocka_run_group_tests_name("partial", tests, NULL, NULL);
}
