// SPDX-License-Identifier: GPL-2.0-or-later
/* test_populate.c - memory that leaves the balloon is backed again, where the host wants it. */
#include "mock_host.h"

#define FB_HUGE (2 * FB_MIB)
#define FB_TELL FB_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST)
#define FB_SG FB_BIT(VIRTIO_FASTBALLOON_F_SG)

/*
 * 64 MiB of 4 KiB pages at 0; two 2 MiB pages and a half at 1 GiB + 4 KiB; a piece shorter than
 * its host page at 2 GiB.
 */
#define FB_ODD (FB_GIB + FB_PAGE_SIZE)

static int fb_setup(void **state)
{
	struct fb_mock *mock = fb_mock_new(FB_TELL | FB_SG);

	fb_mock_add_ram(mock, 0, 64 * FB_MIB, FB_PAGE_SIZE);
	fb_mock_add_ram(mock, FB_ODD, 5 * FB_MIB, FB_HUGE);
	fb_mock_add_ram(mock, 2 * FB_GIB, FB_MIB, FB_HUGE);
	fb_mock_add_populate(mock);
	*state = mock;
	return 0;
}

static int fb_teardown(void **state)
{
	fb_mock_free(*state);
	return 0;
}

static void fb_deflate(struct fb_mock *mock, uint64_t gpa, uint64_t len)
{
	FB_SEND_RANGES(mock, FB_MOCK_DEFLATEQ, { gpa, len });
}

static void fb_expect_only(struct fb_mock *mock, uint64_t gpa, uint64_t len)
{
	assert_int_equal(mock->op_count, 1);
	fb_mock_expect_op(mock, 0, FB_MOCK_POPULATE, gpa, len);
	fb_mock_forget_ops(mock);
}

static void fb_test_each_run(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_PFNS(mock, FB_MOCK_DEFLATEQ, 1, 2, 3, 9, 8);
	assert_int_equal(mock->op_count, 2);
	fb_mock_expect_op(mock, 0, FB_MOCK_POPULATE, FB_PAGE_SIZE, 3 * FB_PAGE_SIZE);
	fb_mock_expect_op(mock, 1, FB_MOCK_POPULATE, 8 * FB_PAGE_SIZE, 2 * FB_PAGE_SIZE);
	assert_int_equal(mock->dev.counters.populated_bytes, 5 * FB_PAGE_SIZE);
	assert_int_equal(mock->dev.counters.populate_failures, 0);
	assert_int_equal(mock->dev.counters.discarded_bytes, 0);
}

/* The host can only back whole host pages: what is touched of one is widened to it. */
static void fb_test_widened(void **state)
{
	struct fb_mock *mock = *state;

	fb_deflate(mock, FB_ODD + FB_MIB, FB_PAGE_SIZE);
	fb_expect_only(mock, FB_ODD, FB_HUGE);
	fb_deflate(mock, FB_ODD, FB_HUGE);
	fb_expect_only(mock, FB_ODD, FB_HUGE);
	fb_deflate(mock, FB_ODD + FB_HUGE - FB_PAGE_SIZE, 2 * FB_PAGE_SIZE);
	fb_expect_only(mock, FB_ODD, 2 * FB_HUGE);
	assert_int_equal(mock->dev.counters.deflated_bytes, FB_HUGE + 3 * FB_PAGE_SIZE);
	assert_int_equal(mock->dev.counters.populated_bytes, 4 * FB_HUGE);
}

/* RAM behind the last whole host page was never discarded. */
static void fb_test_end_of_ram(void **state)
{
	struct fb_mock *mock = *state;

	fb_deflate(mock, FB_ODD + 3 * FB_MIB, 2 * FB_MIB);
	fb_expect_only(mock, FB_ODD + FB_HUGE, FB_HUGE);
	fb_deflate(mock, FB_ODD + 2 * FB_HUGE, FB_MIB);
	fb_deflate(mock, 2 * FB_GIB, FB_MIB);
	assert_int_equal(mock->op_count, 0);
	assert_int_equal(mock->dev.counters.refused, 0);
}

static void fb_test_failure(void **state)
{
	struct fb_mock *mock = *state;

	mock->fail_count = 1;
	FB_SEND_RANGES(mock, FB_MOCK_DEFLATEQ, { 0, FB_MIB }, { 2 * FB_MIB, FB_PAGE_SIZE });
	assert_int_equal(mock->op_count, 2);
	assert_int_equal(mock->dev.counters.populate_failures, 1);
	assert_int_equal(mock->dev.counters.populated_bytes, FB_PAGE_SIZE);
	assert_int_equal(mock->dev.counters.deflated_bytes, FB_MIB + FB_PAGE_SIZE);
}

/* Nothing is counted before the host says how it ended. */
static void fb_test_later(void **state)
{
	struct fb_mock *mock = *state;
	const struct fb_counters *counters = &mock->dev.counters;

	mock->populates_later = true;
	FB_SEND_RANGES(mock, FB_MOCK_DEFLATEQ, { 0, FB_MIB }, { 2 * FB_MIB, FB_PAGE_SIZE });
	assert_int_equal(mock->op_count, 2);
	assert_int_equal(counters->populated_bytes, 0);
	assert_int_equal(counters->populate_failures, 0);
	fb_device_populated(&mock->dev, FB_MIB, false);
	assert_int_equal(counters->populated_bytes, FB_MIB);
	assert_int_equal(counters->populate_failures, 0);
	fb_device_populated(&mock->dev, 0, true);
	assert_int_equal(counters->populated_bytes, FB_MIB);
	assert_int_equal(counters->populate_failures, 1);
}

static void fb_test_inflate_populates_nothing(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_RANGES(mock, FB_MOCK_INFLATEQ, { 0, FB_MIB }, { FB_ODD, FB_MIB });
	assert_int_equal(mock->op_count, 1);
	fb_mock_expect_op(mock, 0, FB_MOCK_DISCARD, 0, FB_MIB);
	assert_int_equal(mock->dev.counters.populated_bytes, 0);
	assert_int_equal(fb_device_waiting_bytes(&mock->dev), FB_MIB);
}

/* A part that is taken back no longer waits for the rest of its host page. */
static void fb_test_waiting_bytes(void **state)
{
	struct fb_mock *mock = *state;

	FB_SEND_RANGES(mock, FB_MOCK_INFLATEQ, { FB_ODD + FB_MIB, 2 * FB_MIB });
	assert_int_equal(fb_device_waiting_bytes(&mock->dev), 2 * FB_MIB);
	fb_deflate(mock, FB_ODD + FB_MIB, FB_MIB / 2);
	fb_expect_only(mock, FB_ODD, FB_HUGE);
	assert_int_equal(fb_device_waiting_bytes(&mock->dev), 2 * FB_MIB - FB_MIB / 2);
	fb_device_reset(&mock->dev);
	assert_int_equal(fb_device_waiting_bytes(&mock->dev), 0);
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_each_run),      FB_TEST(fb_test_widened),
		FB_TEST(fb_test_end_of_ram),    FB_TEST(fb_test_failure),
		FB_TEST(fb_test_waiting_bytes), FB_TEST(fb_test_inflate_populates_nothing),
		FB_TEST(fb_test_later),
	};

	return cmocka_run_group_tests_name("populate", tests, NULL, NULL);
}
