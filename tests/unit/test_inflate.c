// SPDX-License-Identifier: GPL-2.0-or-later
/* test_inflate.c - inflateq and deflateq: PFN arrays and ranges on 4 KiB host pages. */
#include <stdlib.h>

#include "mock_host.h"

#define FB_SG FB_BIT(VIRTIO_FASTBALLOON_F_SG)
#define FB_P(n) ((uint64_t)(n)*FB_PAGE_SIZE)

/* RAM of 1 GiB at 0 and, beside it, of 1 GiB in another piece; a hole; 16 MiB at 4 GiB. */
static int fb_setup(void **state)
{
	struct fb_mock *mock = fb_mock_new(FB_SG);

	fb_mock_add_ram(mock, 0, FB_GIB, FB_PAGE_SIZE);
	fb_mock_add_ram(mock, FB_GIB, FB_GIB, FB_PAGE_SIZE);
	fb_mock_add_ram(mock, 4 * FB_GIB, 16 * FB_MIB, FB_PAGE_SIZE);
	*state = mock;
	return 0;
}

static int fb_teardown(void **state)
{
	fb_mock_free(*state);
	return 0;
}

static void fb_expect_discard(const struct fb_mock *mock, unsigned int index, uint64_t gpa,
			      uint64_t len)
{
	fb_mock_expect_op(mock, index, FB_MOCK_DISCARD, gpa, len);
}

static void fb_expect_refused(const struct fb_mock *mock, uint64_t count)
{
	assert_int_equal(mock->dev.counters.refused, count);
	assert_int_equal(mock->guest_errors > 0, count > 0);
}

static void fb_test_ascending(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, 10, 11, 12, 13);
	assert_int_equal(mock->op_count, 1);
	fb_expect_discard(mock, 0, FB_P(10), FB_P(4));
	assert_int_equal(mock->dev.counters.requests, 1);
	assert_int_equal(mock->dev.counters.ranges, 1);
	assert_int_equal(mock->dev.counters.inflated_bytes, FB_P(4));
	assert_int_equal(mock->dev.counters.discarded_bytes, FB_P(4));
	fb_expect_refused(mock, 0);
}

static void fb_test_descending_and_repeated(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, 13, 12, 12, 11, 13, 10);
	assert_int_equal(mock->op_count, 1);
	fb_expect_discard(mock, 0, FB_P(10), FB_P(4));
	assert_int_equal(mock->dev.counters.inflated_bytes, FB_P(4));
}

static void fb_test_shuffled(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, 12, 10, 31, 13, 11, 30);
	assert_int_equal(mock->op_count, 2);
	assert_int_equal(mock->dev.counters.ranges, 2);
	assert_int_equal(mock->dev.counters.discarded_bytes, FB_P(6));
}

static void fb_test_single_and_empty(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, 0);
	fb_expect_discard(mock, 0, 0, FB_PAGE_SIZE);
	fb_mock_send(mock, FB_MOCK_INFLATEQ, NULL, 0, 0, NULL, 0);
	assert_int_equal(mock->op_count, 1);
	assert_int_equal(mock->dev.counters.requests, 2);
	fb_expect_refused(mock, 0);
}

/* Send @count numbers from @first in steps of @step, split into parts of @split bytes. */
static void fb_send_series(struct fb_mock *mock, uint32_t first, int step, size_t count,
			   size_t split)
{
	uint32_t *pfns = calloc(count, sizeof(*pfns));

	assert_non_null(pfns);
	for (size_t i = 0; i < count; i++)
		pfns[i] = first + i * step;
	fb_mock_send(mock, FB_MOCK_INFLATEQ, pfns, count * sizeof(*pfns), split, NULL, 0);
	free(pfns);
}

/* Longer than what the device reads at once, in both directions: still one discard. */
static void fb_test_long_arrays(void **state)
{
	struct fb_mock *mock = *state;

	fb_send_series(mock, 100, 1, 10000, 0);
	fb_send_series(mock, 200000, -1, 20000, 0);
	assert_int_equal(mock->op_count, 2);
	fb_expect_discard(mock, 0, FB_P(100), FB_P(10000));
	fb_expect_discard(mock, 1, FB_P(180001), FB_P(20000));
}

/* What continues in the next piece is the run that was being read, not the highest one. */
static void fb_test_long_array_after_a_higher_page(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t pfns[6000] = { 500000 };

	for (uint32_t i = 1; i < 6000; i++)
		pfns[i] = 100000 - i;
	fb_mock_send_pfns(mock, FB_MOCK_INFLATEQ, pfns, 6000);
	assert_int_equal(mock->op_count, 2);
	fb_expect_discard(mock, 0, FB_P(500000), FB_P(1));
	fb_expect_discard(mock, 1, FB_P(94001), FB_P(5999));
}

static void fb_test_exact_pieces(void **state)
{
	struct fb_mock *mock = *state;

	for (size_t n = 4095; n <= 4097; n++)
		fb_send_series(mock, 1, 1, n, 0);
	assert_int_equal(mock->op_count, 3);
	fb_expect_discard(mock, 1, FB_P(1), FB_P(4096));
	fb_expect_discard(mock, 2, FB_P(1), FB_P(4097));
}

/* Every second page: nothing joins, and each page is discarded once. */
static void fb_test_scattered(void **state)
{
	struct fb_mock *mock = *state;

	fb_send_series(mock, 0, 2, 10000, 0);
	assert_int_equal(mock->op_count, 10000);
	assert_int_equal(mock->dev.counters.discarded_bytes, FB_P(10000));
}

static void fb_test_split_parts(void **state)
{
	struct fb_mock *mock = *state;

	for (size_t split = 1; split <= 9; split++)
		fb_send_series(mock, 50, 1, 1000, split);
	assert_int_equal(mock->op_count, 9);
	for (unsigned int i = 0; i < 9; i++)
		fb_expect_discard(mock, i, FB_P(50), FB_P(1000));
	fb_expect_refused(mock, 0);
}

static void fb_test_trailing_bytes(void **state)
{
	struct fb_mock *mock = *state;
	static const uint32_t pfns[] = { 7, 8 };

	for (size_t extra = 5; extra < 8; extra++)
		fb_mock_send(mock, FB_MOCK_INFLATEQ, pfns, extra, 0, NULL, 0);
	fb_mock_send(mock, FB_MOCK_INFLATEQ, pfns, 3, 0, NULL, 0);
	assert_int_equal(mock->op_count, 3);
	fb_expect_discard(mock, 0, FB_P(7), FB_PAGE_SIZE);
	fb_expect_refused(mock, 4);
	assert_int_equal(mock->guest_errors, 4);
}

static void fb_test_too_many_pfns(void **state)
{
	struct fb_mock *mock = *state;

	mock->ram_count = 0;
	fb_mock_add_ram(mock, 0, 8 * FB_GIB, FB_PAGE_SIZE);
	fb_send_series(mock, 0, 1, VIRTIO_FASTBALLOON_PFNS_MAX + 3, 0);
	assert_int_equal(mock->op_count, 1);
	fb_expect_discard(mock, 0, 0, FB_P(VIRTIO_FASTBALLOON_PFNS_MAX));
	fb_expect_refused(mock, 3);
}

static void fb_test_outside_ram(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t edge = 2 * FB_GIB / FB_PAGE_SIZE;

	FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, edge - 1, edge, edge + 1, UINT32_MAX);
	assert_int_equal(mock->op_count, 1);
	fb_expect_discard(mock, 0, 2 * FB_GIB - FB_PAGE_SIZE, FB_PAGE_SIZE);
	fb_expect_refused(mock, 3);
	assert_int_equal(mock->guest_errors, 1);
}

/* A hole in the middle of a run: the pages on both sides are handled. */
static void fb_test_run_over_hole(void **state)
{
	struct fb_mock *mock = *state;

	mock->ram_count = 0;
	fb_mock_add_ram(mock, 0, FB_P(10), FB_PAGE_SIZE);
	fb_mock_add_ram(mock, FB_P(12), FB_P(10), FB_PAGE_SIZE);
	FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, 8, 9, 10, 11, 12, 13);
	assert_int_equal(mock->op_count, 2);
	fb_expect_discard(mock, 0, FB_P(8), FB_P(2));
	fb_expect_discard(mock, 1, FB_P(12), FB_P(2));
	fb_expect_refused(mock, 2);
}

static void fb_test_split_at_ram_piece(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t edge = FB_GIB / FB_PAGE_SIZE;

	FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, edge, edge - 1);
	FB_SEND_RANGES(mock, FB_MOCK_INFLATEQ, { FB_GIB - FB_MIB, 2 * FB_MIB });
	assert_int_equal(mock->op_count, 4);
	fb_expect_discard(mock, 0, FB_GIB - FB_PAGE_SIZE, FB_PAGE_SIZE);
	fb_expect_discard(mock, 1, FB_GIB, FB_PAGE_SIZE);
	fb_expect_discard(mock, 2, FB_GIB - FB_MIB, FB_MIB);
	fb_expect_discard(mock, 3, FB_GIB, FB_MIB);
	fb_expect_refused(mock, 0);
}

static void fb_test_ranges_coalesce(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_RANGES(mock, FB_MOCK_INFLATEQ, { 8 * FB_MIB, FB_MIB }, { 4 * FB_MIB, FB_MIB },
		       { 5 * FB_MIB, 3 * FB_MIB }, { 4 * FB_GIB, FB_P(1) }, { FB_MIB, FB_P(1) });
	assert_int_equal(mock->op_count, 3);
	fb_expect_discard(mock, 0, FB_MIB, FB_P(1));
	fb_expect_discard(mock, 1, 4 * FB_MIB, 5 * FB_MIB);
	fb_expect_discard(mock, 2, 4 * FB_GIB, FB_P(1));
	assert_int_equal(mock->dev.counters.inflated_bytes, 5 * FB_MIB + FB_P(2));
	assert_int_equal(mock->dev.counters.requests, 1);
	assert_int_equal(mock->dev.counters.ranges, 3);
}

static void fb_test_overlapping_ranges(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_RANGES(mock, FB_MOCK_INFLATEQ, { 0, 4 * FB_MIB }, { FB_MIB, FB_MIB },
		       { 3 * FB_MIB, 2 * FB_MIB }, { 0, 4 * FB_MIB });
	assert_int_equal(mock->op_count, 1);
	fb_expect_discard(mock, 0, 0, 5 * FB_MIB);
	assert_int_equal(mock->dev.counters.inflated_bytes, 5 * FB_MIB);
}

static void fb_test_bad_ranges(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_RANGES(mock, FB_MOCK_INFLATEQ, { 1, FB_P(1) }, { FB_P(1), 100 }, { FB_P(1), 0 },
		       { UINT64_MAX - 4095, FB_P(1) }, { FB_P(1), UINT64_MAX - 4095 },
		       { 2 * FB_GIB - FB_P(1), FB_P(2) }, { 3 * FB_GIB, FB_P(1) },
		       { FB_P(5), FB_P(1) });
	assert_int_equal(mock->op_count, 1);
	fb_expect_discard(mock, 0, FB_P(5), FB_P(1));
	fb_expect_refused(mock, 7);
	assert_int_equal(mock->guest_errors, 1);
}

/* A range as long as the address space is refused in a few steps. */
static void fb_test_work_is_bounded(void **state)
{
	struct fb_mock *mock = *state;
	struct fb_range ranges[VIRTIO_FASTBALLOON_SG_MAX];

	for (unsigned int i = 0; i < VIRTIO_FASTBALLOON_SG_MAX; i++)
		ranges[i] = (struct fb_range){ 0, UINT64_MAX - 4095 };
	fb_mock_send_ranges(mock, FB_MOCK_INFLATEQ, ranges, VIRTIO_FASTBALLOON_SG_MAX);
	assert_int_equal(mock->op_count, 0);
	assert_true(mock->find_ram_calls <= 3 * VIRTIO_FASTBALLOON_SG_MAX);
	fb_expect_refused(mock, VIRTIO_FASTBALLOON_SG_MAX);
}

static void fb_test_too_many_ranges(void **state)
{
	struct fb_mock *mock = *state;
	struct fb_range ranges[VIRTIO_FASTBALLOON_SG_MAX + 5];

	for (unsigned int i = 0; i < VIRTIO_FASTBALLOON_SG_MAX + 5; i++)
		ranges[i] = (struct fb_range){ FB_P(i * 2), FB_P(1) };
	fb_mock_send_ranges(mock, FB_MOCK_INFLATEQ, ranges, VIRTIO_FASTBALLOON_SG_MAX + 5);
	assert_int_equal(mock->op_count, VIRTIO_FASTBALLOON_SG_MAX);
	fb_expect_refused(mock, 5);
}

static void fb_test_ranges_without_feature(void **state)
{
	struct fb_mock *mock = *state;
	static const struct fb_range ranges[] = { { 0, FB_P(1) }, { FB_P(9), FB_P(1) } };
	static const uint32_t pfn = 3;

	fb_device_set_features(&mock->dev, 0);
	fb_mock_send_ranges(mock, FB_MOCK_INFLATEQ, ranges, 2);
	fb_mock_send_ranges(mock, FB_MOCK_DEFLATEQ, ranges, 1);
	assert_int_equal(mock->op_count, 0);
	fb_expect_refused(mock, 3);
	fb_mock_send(mock, FB_MOCK_INFLATEQ, &pfn, sizeof(pfn), 0, ranges, 2);
	assert_int_equal(mock->op_count, 1);
	fb_expect_discard(mock, 0, FB_P(3), FB_P(1));
	fb_expect_refused(mock, 5);
}

static void fb_test_mixed_buffer(void **state)
{
	struct fb_mock *mock = *state;
	static const struct fb_range range = { 0, FB_P(1) };
	static const uint32_t pfn = 3;

	fb_mock_send(mock, FB_MOCK_INFLATEQ, &pfn, sizeof(pfn), 0, &range, 1);
	assert_int_equal(mock->op_count, 0);
	fb_expect_refused(mock, 1);
}

static void fb_test_deflate(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_PFNS(mock, FB_MOCK_DEFLATEQ, 1, 2, 3, UINT32_MAX);
	FB_SEND_RANGES(mock, FB_MOCK_DEFLATEQ, { FB_MIB, FB_MIB }, { 3 * FB_GIB, FB_MIB });
	assert_int_equal(mock->op_count, 0);
	assert_int_equal(mock->dev.counters.deflated_bytes, FB_P(3) + FB_MIB);
	assert_int_equal(mock->dev.counters.inflated_bytes, 0);
	assert_int_equal(mock->dev.counters.requests, 2);
	fb_expect_refused(mock, 2);
}

static void fb_test_inhibited(void **state)
{
	struct fb_mock *mock = *state;

	mock->inhibited = true;
	FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, 1, 2, 3);
	FB_SEND_RANGES(mock, FB_MOCK_INFLATEQ, { FB_MIB, FB_MIB });
	assert_int_equal(mock->op_count, 0);
	assert_int_equal(mock->dev.counters.inhibited_bytes, FB_P(3) + FB_MIB);
	assert_int_equal(mock->dev.counters.inflated_bytes, FB_P(3) + FB_MIB);
	assert_int_equal(mock->dev.counters.discarded_bytes, 0);
	mock->inhibited = false;
	FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, 4);
	assert_int_equal(mock->dev.counters.discarded_bytes, FB_P(1));
	fb_expect_refused(mock, 0);
}

static void fb_test_failed_discard(void **state)
{
	struct fb_mock *mock = *state;

	mock->fail_from = 1;
	mock->fail_count = 1;
	FB_SEND_RANGES(mock, FB_MOCK_INFLATEQ, { 0, FB_P(1) }, { FB_P(2), FB_P(1) },
		       { FB_P(4), FB_P(1) });
	assert_int_equal(mock->op_count, 3);
	assert_int_equal(mock->dev.counters.discard_failures, 1);
	assert_int_equal(mock->dev.counters.failed_bytes, FB_P(1));
	assert_int_equal(mock->dev.counters.discarded_bytes, FB_P(2));
	assert_int_equal(mock->dev.counters.inflated_bytes, FB_P(3));
}

/* A host that answers nonsense is treated as having no RAM there. */
static void fb_test_insane_host(void **state)
{
	static const struct fb_ram answers[] = {
		{ 0, FB_GIB, 0 },          { 0, FB_GIB, 2048 }, { 0, FB_GIB, 12288 },
		{ 1, FB_GIB, 4096 },       { 0, 4095, 4096 },   { 0, UINT64_MAX, 2048 },
		{ 0, FB_GIB, UINT64_MAX },
	};
	struct fb_mock *mock = *state;

	for (unsigned int i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		mock->ram[0] = answers[i];
		FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, 0);
		FB_SEND_RANGES(mock, FB_MOCK_INFLATEQ, { 0, FB_P(1) });
		fb_expect_refused(mock, 2 * (i + 1));
	}
	assert_int_equal(mock->op_count, 0);
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_ascending),       FB_TEST(fb_test_descending_and_repeated),
		FB_TEST(fb_test_shuffled),        FB_TEST(fb_test_single_and_empty),
		FB_TEST(fb_test_long_arrays),     FB_TEST(fb_test_long_array_after_a_higher_page),
		FB_TEST(fb_test_exact_pieces),    FB_TEST(fb_test_scattered),
		FB_TEST(fb_test_split_parts),     FB_TEST(fb_test_trailing_bytes),
		FB_TEST(fb_test_too_many_pfns),   FB_TEST(fb_test_outside_ram),
		FB_TEST(fb_test_run_over_hole),   FB_TEST(fb_test_split_at_ram_piece),
		FB_TEST(fb_test_ranges_coalesce), FB_TEST(fb_test_overlapping_ranges),
		FB_TEST(fb_test_bad_ranges),      FB_TEST(fb_test_work_is_bounded),
		FB_TEST(fb_test_too_many_ranges), FB_TEST(fb_test_ranges_without_feature),
		FB_TEST(fb_test_mixed_buffer),    FB_TEST(fb_test_deflate),
		FB_TEST(fb_test_inhibited),       FB_TEST(fb_test_failed_discard),
		FB_TEST(fb_test_insane_host),
	};

	return cmocka_run_group_tests_name("inflate", tests, NULL, NULL);
}
