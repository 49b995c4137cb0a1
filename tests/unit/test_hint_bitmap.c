// SPDX-License-Identifier: GPL-2.0-or-later
/* test_hint_bitmap.c - free page hints as page bitmaps. */
#include <endian.h>
#include <stdlib.h>

#include "mock_bitmap.h"

#define FB_P(n) ((uint64_t)(n)*FB_PAGE_SIZE)

struct fb_fixture {
	struct fb_mock *mock;
	struct fb_mock_bitmap *bitmap;
};

/* 1 GiB of 2 MiB pages at 0; a hint knows no host pages. */
static int fb_setup(void **state)
{
	struct fb_fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->mock = fb_mock_new(FB_BIT(VIRTIO_FASTBALLOON_F_PAGE_BITMAP) |
				    FB_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT));
	fb_mock_add_ram(fixture->mock, 0, FB_GIB, 2 * FB_MIB);
	fixture->bitmap = fb_mock_bitmap_new();
	*state = fixture;
	return 0;
}

static int fb_teardown(void **state)
{
	struct fb_fixture *fixture = *state;

	fb_mock_free(fixture->mock);
	free(fixture->bitmap);
	free(fixture);
	return 0;
}

static void fb_start(struct fb_mock *mock)
{
	fb_mock_send_id(mock, fb_hint_begin(&mock->dev.hint), NULL, 0);
	assert_int_equal(mock->dev.hint.state, FB_HINT_START);
}

static void fb_send(struct fb_fixture *fixture)
{
	fb_mock_bitmap_send(fixture->mock, FB_MOCK_HINTQ, fixture->bitmap, 0, 0);
}

static void fb_test_bits_are_hints(void **state)
{
	struct fb_fixture *fixture = *state;
	struct fb_mock *mock = fixture->mock;

	fb_start(mock);
	fb_mock_bitmap_add_run(fixture->bitmap, 100, 100);
	fb_mock_bitmap_add_run(fixture->bitmap, 200, 3);
	fb_mock_bitmap_add_run(fixture->bitmap, 7, 1);
	fb_send(fixture);
	assert_int_equal(mock->op_count, 2);
	fb_mock_expect_op(mock, 0, FB_MOCK_SKIP, FB_P(100), FB_P(103));
	fb_mock_expect_op(mock, 1, FB_MOCK_SKIP, FB_P(7), FB_P(1));
	assert_int_equal(mock->dev.hint.hinted_bytes, FB_P(104));
	assert_int_equal(mock->dev.counters.discarded_bytes, 0);
	assert_int_equal(mock->dev.hint.refused, 0);
	assert_int_equal(mock->guest_errors, 0);
	assert_int_equal(mock->dev.hint.state, FB_HINT_START);
}

static void fb_test_stale(void **state)
{
	struct fb_fixture *fixture = *state;
	struct fb_mock *mock = fixture->mock;

	fb_mock_bitmap_add_run(fixture->bitmap, 100, 100);
	fb_send(fixture);
	fb_hint_begin(&mock->dev.hint);
	fb_send(fixture);
	fb_hint_done(&mock->dev.hint);
	fb_send(fixture);
	assert_int_equal(mock->op_count, 0);
	assert_int_equal(mock->dev.hint.stale_bytes, 3 * FB_P(100));
	assert_int_equal(mock->dev.hint.refused, 0);
	/* A bitmap is no id and ends no round. */
	fb_start(mock);
	fb_send(fixture);
	assert_int_equal(mock->dev.hint.state, FB_HINT_START);
}

static void fb_test_outside_ram(void **state)
{
	struct fb_fixture *fixture = *state;
	struct fb_mock *mock = fixture->mock;

	fb_start(mock);
	fb_mock_bitmap_add_run(fixture->bitmap, FB_GIB / FB_PAGE_SIZE - 2, 70);
	fb_mock_bitmap_add_run(fixture->bitmap, UINT64_C(1) << 50, 100);
	fb_mock_bitmap_add_run(fixture->bitmap, UINT64_MAX, 100);
	fb_mock_bitmap_add_run(fixture->bitmap, 3, 1);
	fb_send(fixture);
	assert_int_equal(mock->op_count, 2);
	fb_mock_expect_op(mock, 0, FB_MOCK_SKIP, FB_GIB - FB_P(2), FB_P(2));
	fb_mock_expect_op(mock, 1, FB_MOCK_SKIP, FB_P(3), FB_P(1));
	assert_int_equal(mock->dev.hint.refused, 3);
	assert_int_equal(mock->guest_errors, 1);
}

static void fb_test_refused_as_a_whole(void **state)
{
	struct fb_fixture *fixture = *state;
	struct fb_mock *mock = fixture->mock;
	static const uint32_t pfn = 3;
	unsigned char bytes[64] = { VIRTIO_FASTBALLOON_PAGES_BITMAP };

	fb_start(mock);
	fb_mock_bitmap_add_run(fixture->bitmap, 3, 1);
	fb_mock_bitmap_send(mock, FB_MOCK_HINTQ, fixture->bitmap, 1, 0);
	fb_mock_bitmap_send(mock, FB_MOCK_HINTQ, fixture->bitmap, -1, 0);
	fb_mock_send_headed(mock, FB_MOCK_HINTQ, &pfn, 1, 1, 0, 0);
	for (size_t len = 1; len <= sizeof(bytes); len++) {
		if (len != 4)
			fb_mock_send(mock, FB_MOCK_HINTQ, bytes, len, 0, NULL, 0);
	}
	assert_int_equal(mock->op_count, 0);
	assert_int_equal(mock->dev.hint.refused, 3 + sizeof(bytes) - 1);
	assert_int_equal(mock->dev.hint.state, FB_HINT_START);
}

/* A bitmap that is right, but for the hint beside it. */
static void fb_test_mixed_directions(void **state)
{
	struct fb_fixture *fixture = *state;
	static const struct fb_range range = { 0, FB_PAGE_SIZE };
	static const uint64_t bytes[] = { 0x100000002, 3, 1, 1 };

	fb_start(fixture->mock);
	fb_mock_send(fixture->mock, FB_MOCK_HINTQ, bytes, sizeof(bytes), 0, &range, 1);
	assert_int_equal(fixture->mock->op_count, 0);
	assert_int_equal(fixture->mock->dev.hint.refused, 1);
	fb_mock_send(fixture->mock, FB_MOCK_HINTQ, bytes, sizeof(bytes), 0, NULL, 0);
	assert_int_equal(fixture->mock->op_count, 1);
}

static void fb_test_without_feature(void **state)
{
	struct fb_fixture *fixture = *state;

	fb_device_set_features(&fixture->mock->dev, FB_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT));
	fb_start(fixture->mock);
	fb_mock_bitmap_add_run(fixture->bitmap, 3, 1);
	fb_send(fixture);
	assert_int_equal(fixture->mock->op_count, 0);
	assert_int_equal(fixture->mock->dev.hint.refused, 1);
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_bits_are_hints),   FB_TEST(fb_test_stale),
		FB_TEST(fb_test_outside_ram),      FB_TEST(fb_test_refused_as_a_whole),
		FB_TEST(fb_test_mixed_directions), FB_TEST(fb_test_without_feature),
	};

	return cmocka_run_group_tests_name("hint_bitmap", tests, NULL, NULL);
}
