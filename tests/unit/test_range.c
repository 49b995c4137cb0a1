// SPDX-License-Identifier: GPL-2.0-or-later
/* test_range.c - validity, sorting, coalescing and trimming of ranges; reading of parts. */
#include <stdlib.h>
#include <string.h>

#include "../../device/iov.h"
#include "../../device/range.h"
#include "mock_host.h"

static void fb_assert_range(const struct fb_range *range, uint64_t gpa, uint64_t len)
{
	assert_int_equal(range->gpa, gpa);
	assert_int_equal(range->len, len);
}

static void fb_test_valid(void **state)
{
	static const struct {
		struct fb_range range;
		uint64_t align;
		bool valid;
	} cases[] = {
		{ { 0, 4096 }, 4096, true },
		{ { 4096, 8192 }, 4096, true },
		{ { 0, 0 }, 4096, false },
		{ { 4096, 0 }, 1, false },
		{ { 1, 4096 }, 4096, false },
		{ { 4096, 4095 }, 4096, false },
		{ { 1, 1 }, 1, true },
		{ { UINT64_MAX - 4095, 4096 }, 4096, false },
		{ { UINT64_MAX - 8191, 4096 }, 4096, true },
		{ { 4096, UINT64_MAX - 4095 }, 4096, false },
		{ { 0, UINT64_MAX }, 1, true },
		{ { 1, UINT64_MAX }, 1, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(fb_range_is_valid(&cases[i].range, cases[i].align),
				 cases[i].valid);
}

static void fb_test_sort(void **state)
{
	struct fb_range ranges[] = { { 30, 1 }, { 10, 2 }, { 20, 3 }, { 10, 2 } };
	struct fb_range sorted[] = { { 1, 9 }, { 1, 8 }, { 2, 7 } };

	fb_range_sort(ranges, 4);
	assert_int_equal(ranges[0].gpa, 10);
	assert_int_equal(ranges[1].gpa, 10);
	fb_assert_range(&ranges[2], 20, 3);
	fb_assert_range(&ranges[3], 30, 1);
	fb_range_sort(sorted, 3);
	fb_assert_range(&sorted[0], 1, 9);
	fb_assert_range(&sorted[2], 2, 7);
	fb_range_sort(NULL, 0);
}

static void fb_test_coalesce(void **state)
{
	struct fb_range touching[] = { { 0, 10 }, { 10, 5 }, { 15, 5 } };
	struct fb_range inside[] = { { 0, 100 }, { 10, 5 }, { 50, 60 }, { 110, 1 } };
	struct fb_range apart[] = { { 0, 10 }, { 11, 5 }, { 17, 5 } };
	struct fb_range same[] = { { 4, 4 }, { 4, 4 }, { 4, 4 } };

	assert_int_equal(fb_range_coalesce(touching, 3), 1);
	fb_assert_range(&touching[0], 0, 20);
	assert_int_equal(fb_range_coalesce(inside, 4), 1);
	fb_assert_range(&inside[0], 0, 111);
	assert_int_equal(fb_range_coalesce(apart, 3), 3);
	fb_assert_range(&apart[1], 11, 5);
	assert_int_equal(fb_range_coalesce(same, 3), 1);
	fb_assert_range(&same[0], 4, 4);
	assert_int_equal(fb_range_coalesce(NULL, 0), 0);
}

static void fb_test_pfns(void **state)
{
	static const uint32_t up[] = { 5, 6, 7 };
	static const uint32_t down[] = { 7, 6, 5 };
	static const uint32_t repeated[] = { 5, 5, 6, 5, 6, 4 };
	static const uint32_t ends[] = { UINT32_MAX, 0, UINT32_MAX - 1 };
	struct fb_range runs[6];

	assert_int_equal(fb_range_from_pfns(up, 3, runs), 1);
	fb_assert_range(&runs[0], 5 * FB_PAGE_SIZE, 3 * FB_PAGE_SIZE);
	assert_int_equal(fb_range_from_pfns(down, 3, runs), 1);
	fb_assert_range(&runs[0], 5 * FB_PAGE_SIZE, 3 * FB_PAGE_SIZE);
	assert_int_equal(fb_range_from_pfns(repeated, 6, runs), 1);
	fb_assert_range(&runs[0], 4 * FB_PAGE_SIZE, 3 * FB_PAGE_SIZE);
	assert_int_equal(fb_range_from_pfns(ends, 3, runs), 3);
	fb_assert_range(&runs[0], (uint64_t)UINT32_MAX << 12, FB_PAGE_SIZE);
	fb_assert_range(&runs[1], 0, FB_PAGE_SIZE);
	assert_int_equal(fb_range_from_pfns(up, 0, runs), 0);
}

static void fb_test_find(void **state)
{
	static const struct fb_range ranges[] = { { 10, 5 }, { 20, 5 } };

	assert_int_equal(fb_range_find(ranges, 2, 10), 0);
	assert_int_equal(fb_range_find(ranges, 2, 14), 0);
	assert_int_equal(fb_range_find(ranges, 2, 15), 2);
	assert_int_equal(fb_range_find(ranges, 2, 24), 1);
	assert_int_equal(fb_range_find(ranges, 2, 9), 2);
}

static void fb_test_whole(void **state)
{
	static const struct {
		struct fb_range range;
		uint64_t origin;
		uint64_t unit;
		struct fb_range whole;
	} cases[] = {
		{ { 0, 4096 }, 0, 4096, { 0, 4096 } },
		{ { 1, 4096 }, 0, 4096, { 1, 0 } },
		{ { 1, 8191 }, 0, 4096, { 4096, 4096 } },
		{ { 0, 8191 }, 0, 4096, { 0, 4096 } },
		{ { 100, 50 }, 0, 4096, { 100, 0 } },
		{ { 4096, 8192 }, 4096, 8192, { 4096, 8192 } },
		{ { 8192, 8192 }, 4096, 8192, { 8192, 0 } },
		{ { UINT64_MAX - 100, 50 }, 0, 4096, { UINT64_MAX - 100, 0 } },
		{ { UINT64_MAX - 8191, 8191 }, 0, 4096, { UINT64_MAX - 8191, 4096 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fb_range whole =
			fb_range_whole(&cases[i].range, cases[i].origin, cases[i].unit);

		fb_assert_range(&whole, cases[i].whole.gpa, cases[i].whole.len);
	}
}

static void fb_test_iov(void **state)
{
	char bytes[] = "abcdefgh";
	struct iovec iov[] = { { bytes, 3 }, { NULL, 0 }, { bytes + 3, 1 }, { bytes + 4, 4 } };
	struct fb_iov it;
	char buf[16] = "";

	fb_iov_init(&it, iov, 4);
	assert_int_equal(fb_iov_left(&it), 8);
	assert_int_equal(fb_iov_read(&it, buf, 2), 2);
	assert_int_equal(fb_iov_left(&it), 6);
	assert_int_equal(fb_iov_read(&it, buf + 2, 3), 3);
	assert_int_equal(fb_iov_read(&it, buf + 5, sizeof(buf) - 5), 3);
	assert_memory_equal(buf, "abcdefgh", 9);
	assert_int_equal(fb_iov_left(&it), 0);
	assert_int_equal(fb_iov_read(&it, buf, 1), 0);
	fb_iov_init(&it, NULL, 0);
	assert_int_equal(fb_iov_left(&it), 0);
	assert_int_equal(fb_iov_read(&it, buf, 1), 0);
}

static void fb_test_iov_overflow(void **state)
{
	struct iovec iov[] = { { NULL, SIZE_MAX }, { NULL, 2 } };
	struct fb_iov it;

	fb_iov_init(&it, iov, 2);
	assert_int_equal(fb_iov_left(&it), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fb_test_valid),    cmocka_unit_test(fb_test_sort),
		cmocka_unit_test(fb_test_coalesce), cmocka_unit_test(fb_test_pfns),
		cmocka_unit_test(fb_test_find),     cmocka_unit_test(fb_test_whole),
		cmocka_unit_test(fb_test_iov),      cmocka_unit_test(fb_test_iov_overflow),
	};

	return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
