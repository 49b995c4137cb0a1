// SPDX-License-Identifier: GPL-2.0-or-later
/* test_stats.c - memory statistics: any order, any tag, any split. */
#include <endian.h>
#include <string.h>

#include "mock_host.h"

static int fb_setup(void **state)
{
	*state = fb_mock_new(FB_BIT(VIRTIO_BALLOON_F_STATS_VQ));
	return 0;
}

static int fb_teardown(void **state)
{
	fb_mock_free(*state);
	return 0;
}

static struct virtio_balloon_stat fb_stat(uint16_t tag, uint64_t val)
{
	return (struct virtio_balloon_stat){ .tag = htole16(tag), .val = htole64(val) };
}

static void fb_send(struct fb_mock *mock, const struct virtio_balloon_stat *stats, size_t bytes,
		    size_t split)
{
	fb_mock_send(mock, FB_MOCK_STATSQ, stats, bytes, split, NULL, 0);
}

static void fb_test_unset_at_first(void **state)
{
	struct fb_mock *mock = *state;

	for (unsigned int tag = 0; tag < FB_STATS_MAX; tag++)
		assert_int_equal(mock->dev.stats[tag], FB_STAT_UNSET);
}

static void fb_test_all_in_any_split(void **state)
{
	struct virtio_balloon_stat stats[FB_STATS_MAX];
	struct fb_mock *mock = *state;

	for (unsigned int i = 0; i < FB_STATS_MAX; i++)
		stats[i] = fb_stat(FB_STATS_MAX - 1 - i, UINT64_C(0x0123456789abcd00) + i);
	for (size_t split = 0; split <= 23; split++) {
		fb_device_reset(&mock->dev);
		fb_send(mock, stats, sizeof(stats), split);
		for (unsigned int i = 0; i < FB_STATS_MAX; i++)
			assert_int_equal(mock->dev.stats[FB_STATS_MAX - 1 - i],
					 UINT64_C(0x0123456789abcd00) + i);
	}
	assert_int_equal(mock->guest_errors, 0);
}

static void fb_test_missing_become_unset(void **state)
{
	struct virtio_balloon_stat stats[] = { fb_stat(4, 1), fb_stat(5, 2) };
	struct fb_mock *mock = *state;

	fb_send(mock, stats, sizeof(stats), 0);
	fb_send(mock, stats, sizeof(stats[0]), 0);
	assert_int_equal(mock->dev.stats[4], 1);
	assert_int_equal(mock->dev.stats[5], FB_STAT_UNSET);
	fb_send(mock, stats, 0, 0);
	assert_int_equal(mock->dev.stats[4], FB_STAT_UNSET);
	assert_int_equal(mock->guest_errors, 0);
}

static void fb_test_unknown_and_repeated(void **state)
{
	struct virtio_balloon_stat stats[] = { fb_stat(16, 1), fb_stat(UINT16_MAX, 2),
					       fb_stat(3, 3), fb_stat(3, 4) };
	struct fb_mock *mock = *state;

	fb_send(mock, stats, sizeof(stats), 0);
	assert_int_equal(mock->dev.stats[3], 4);
	assert_int_equal(mock->guest_errors, 0);
}

static void fb_test_trailing_bytes(void **state)
{
	struct virtio_balloon_stat stats[] = { fb_stat(0, 7), fb_stat(1, 8) };
	struct fb_mock *mock = *state;

	for (size_t extra = 1; extra < sizeof(stats[0]); extra++)
		fb_send(mock, stats, sizeof(stats[0]) + extra, extra % 4);
	assert_int_equal(mock->dev.stats[0], 7);
	assert_int_equal(mock->dev.stats[1], FB_STAT_UNSET);
	assert_int_equal(mock->dev.counters.refused, 9);
	assert_int_equal(mock->guest_errors, 9);
}

static void fb_test_bounded(void **state)
{
	static struct virtio_balloon_stat stats[1025];
	struct fb_mock *mock = *state;

	stats[1023] = fb_stat(1, 1);
	stats[1024] = fb_stat(2, 2);
	fb_send(mock, stats, 1024 * sizeof(stats[0]), 0);
	assert_int_equal(mock->dev.counters.refused, 0);
	fb_send(mock, stats, sizeof(stats), 0);
	assert_int_equal(mock->dev.stats[1], 1);
	assert_int_equal(mock->dev.stats[2], FB_STAT_UNSET);
	assert_int_equal(mock->dev.counters.refused, 1);
}

static void fb_test_names(void **state)
{
	for (unsigned int tag = 0; tag < FB_STATS_MAX; tag++) {
		assert_non_null(fb_stat_name(tag));
		for (unsigned int other = 0; other < tag; other++)
			assert_string_not_equal(fb_stat_name(tag), fb_stat_name(other));
	}
	assert_string_equal(fb_stat_name(VIRTIO_BALLOON_S_MEMFREE), "stat-free-memory");
	assert_string_equal(fb_stat_name(VIRTIO_BALLOON_S_HTLB_PGFAIL), "stat-htlb-pgfail");
	assert_null(fb_stat_name(FB_STATS_MAX));
	assert_null(fb_stat_name(UINT32_MAX));
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_unset_at_first),
		FB_TEST(fb_test_all_in_any_split),
		FB_TEST(fb_test_missing_become_unset),
		FB_TEST(fb_test_unknown_and_repeated),
		FB_TEST(fb_test_trailing_bytes),
		FB_TEST(fb_test_bounded),
		FB_TEST(fb_test_names),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
