// SPDX-License-Identifier: GPL-2.0-or-later
/* test_report.c - free page reporting. */
#include <endian.h>
#include <stdlib.h>

#include "../../device/partial.h"
#include "mock_host.h"

#define FB_HUGE (2 * FB_MIB)
#define FB_POISON FB_BIT(VIRTIO_BALLOON_F_PAGE_POISON)
#define FB_REPORTING FB_BIT(VIRTIO_BALLOON_F_REPORTING)

/* 1 GiB of 4 KiB pages at 0, 64 MiB of 2 MiB pages at 4 GiB. */
static int fb_setup(void **state)
{
	struct fb_mock *mock = fb_mock_new(FB_REPORTING | FB_POISON);

	fb_mock_add_ram(mock, 0, FB_GIB, FB_PAGE_SIZE);
	fb_mock_add_ram(mock, 4 * FB_GIB, 64 * FB_MIB, FB_HUGE);
	*state = mock;
	return 0;
}

static int fb_teardown(void **state)
{
	fb_mock_free(*state);
	return 0;
}

static void fb_set_poison(struct fb_mock *mock, uint32_t poison_val)
{
	struct virtio_balloon_config config = { .poison_val = htole32(poison_val) };

	fb_device_set_config(&mock->dev, &config);
}

static void fb_test_report(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { 8 * FB_MIB, 4 * FB_MIB },
		       { 4 * FB_MIB, 4 * FB_MIB }, { 0, FB_MIB });
	assert_int_equal(mock->op_count, 2);
	fb_mock_expect_op(mock, 0, FB_MOCK_DISCARD, 0, FB_MIB);
	fb_mock_expect_op(mock, 1, FB_MOCK_DISCARD, 4 * FB_MIB, 8 * FB_MIB);
	assert_int_equal(mock->dev.counters.reported_bytes, 9 * FB_MIB);
	assert_int_equal(mock->dev.counters.discarded_bytes, 9 * FB_MIB);
	assert_int_equal(mock->dev.counters.inflated_bytes, 0);
	assert_int_equal(mock->dev.counters.requests, 1);
	assert_int_equal(mock->guest_errors, 0);
}

/* F_SG's limit is not one of the standard queue. */
static void fb_test_many_ranges(void **state)
{
	struct fb_mock *mock = *state;
	unsigned int count = 10000;
	struct fb_range *ranges = calloc(count, sizeof(*ranges));

	assert_non_null(ranges);
	for (unsigned int i = 0; i < count; i++)
		ranges[i] = (struct fb_range){ 2 * i * FB_PAGE_SIZE, FB_PAGE_SIZE };
	fb_mock_send_ranges(mock, FB_MOCK_REPORTQ, ranges, count);
	free(ranges);
	assert_int_equal(mock->op_count, count);
	assert_int_equal(mock->dev.counters.refused, 0);
}

static void fb_test_poison(void **state)
{
	struct fb_mock *mock = *state;

	fb_set_poison(mock, 0xaaaaaaaa);
	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { 0, FB_MIB });
	assert_int_equal(mock->op_count, 0);
	assert_int_equal(mock->dev.counters.reported_bytes, FB_MIB);
	assert_int_equal(mock->dev.counters.discarded_bytes, 0);
	fb_set_poison(mock, 0);
	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { 0, FB_MIB });
	assert_int_equal(mock->op_count, 1);
}

/* A poison value counts only where the feature was negotiated. */
static void fb_test_poison_not_negotiated(void **state)
{
	struct fb_mock *mock = *state;

	fb_device_set_features(&mock->dev, FB_REPORTING);
	fb_set_poison(mock, 0xaaaaaaaa);
	mock->dev.poison_val = 0xaaaaaaaa;
	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { 0, FB_MIB });
	assert_int_equal(mock->op_count, 1);
}

static void fb_test_inhibited(void **state)
{
	struct fb_mock *mock = *state;

	mock->inhibited = true;
	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { 0, FB_MIB });
	assert_int_equal(mock->op_count, 0);
	assert_int_equal(mock->dev.counters.inhibited_bytes, FB_MIB);
}

static void fb_test_trimmed_to_host_pages(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { 4 * FB_GIB + FB_MIB, 4 * FB_MIB });
	assert_int_equal(mock->op_count, 1);
	fb_mock_expect_op(mock, 0, FB_MOCK_DISCARD, 4 * FB_GIB + FB_HUGE, FB_HUGE);
	assert_int_equal(mock->dev.counters.discarded_bytes, FB_HUGE);
	assert_int_equal(fb_partial_count(mock->dev.partial), 0);
}

/* Free pages are in no balloon: two reports never make a host page. */
static void fb_test_parts_are_not_remembered(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { 4 * FB_GIB, FB_MIB });
	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { 4 * FB_GIB + FB_MIB, FB_MIB });
	assert_int_equal(mock->op_count, 0);
	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { 4 * FB_GIB + FB_MIB, FB_MIB },
		       { 4 * FB_GIB, FB_MIB });
	assert_int_equal(mock->op_count, 1);
	fb_mock_expect_op(mock, 0, FB_MOCK_DISCARD, 4 * FB_GIB, FB_HUGE);
}

static void fb_test_unaligned(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { 100, 8192 });
	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { 100, 200 });
	assert_int_equal(mock->op_count, 1);
	fb_mock_expect_op(mock, 0, FB_MOCK_DISCARD, 4096, 4096);
	assert_int_equal(mock->dev.counters.refused, 0);
}

static void fb_test_bad_ranges(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { FB_GIB - FB_MIB, 2 * FB_MIB }, { 0, 0 },
		       { 1, UINT64_MAX }, { 2 * FB_GIB, FB_MIB });
	assert_int_equal(mock->op_count, 0);
	assert_int_equal(mock->dev.counters.refused, 4);
	assert_int_equal(mock->guest_errors, 1);
}

static void fb_test_readable_part(void **state)
{
	struct fb_mock *mock = *state;
	static const struct fb_range range = { 0, FB_MIB };

	fb_mock_send(mock, FB_MOCK_REPORTQ, "abcd", 4, 0, &range, 1);
	assert_int_equal(mock->op_count, 1);
	assert_int_equal(mock->dev.counters.refused, 1);
}

static void fb_test_failed_discard(void **state)
{
	struct fb_mock *mock = *state;

	mock->fail_count = 1;
	FB_SEND_RANGES(mock, FB_MOCK_REPORTQ, { 0, FB_MIB }, { 2 * FB_MIB, FB_MIB });
	assert_int_equal(mock->dev.counters.discard_failures, 1);
	assert_int_equal(mock->dev.counters.discarded_bytes, FB_MIB);
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_report),
		FB_TEST(fb_test_many_ranges),
		FB_TEST(fb_test_poison),
		FB_TEST(fb_test_poison_not_negotiated),
		FB_TEST(fb_test_inhibited),
		FB_TEST(fb_test_trimmed_to_host_pages),
		FB_TEST(fb_test_parts_are_not_remembered),
		FB_TEST(fb_test_unaligned),
		FB_TEST(fb_test_bad_ranges),
		FB_TEST(fb_test_readable_part),
		FB_TEST(fb_test_failed_discard),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
