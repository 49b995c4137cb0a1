// SPDX-License-Identifier: GPL-2.0-or-later
/* test_host_page.c - host pages larger than 4 KiB: what is discarded, when, and when never. */
#include "../../device/partial.h"
#include "mock_host.h"

#define FB_HUGE (2 * FB_MIB)
#define FB_PFN(gpa) ((uint32_t)((gpa) / FB_PAGE_SIZE))
#define FB_TELL FB_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST)
#define FB_SG FB_BIT(VIRTIO_FASTBALLOON_F_SG)

/*
 * 64 MiB of 2 MiB pages at 0; 64 MiB of 64 KiB pages at 1 GiB + 4 KiB, so that the addresses
 * of its host pages are no multiples of their size.
 */
#define FB_ODD (FB_GIB + FB_PAGE_SIZE)
#define FB_64K (64 * FB_KIB)

static int fb_setup(void **state)
{
	struct fb_mock *mock = fb_mock_new(FB_TELL | FB_SG);

	fb_mock_add_ram(mock, 0, 64 * FB_MIB, FB_HUGE);
	fb_mock_add_ram(mock, FB_ODD, 64 * FB_MIB, FB_64K);
	*state = mock;
	return 0;
}

static int fb_teardown(void **state)
{
	fb_mock_free(*state);
	return 0;
}

static void fb_inflate(struct fb_mock *mock, uint64_t gpa, uint64_t len)
{
	FB_SEND_RANGES(mock, FB_MOCK_INFLATEQ, { gpa, len });
}

static void fb_deflate(struct fb_mock *mock, uint64_t gpa, uint64_t len)
{
	FB_SEND_RANGES(mock, FB_MOCK_DEFLATEQ, { gpa, len });
}

static void fb_expect_only(struct fb_mock *mock, uint64_t gpa, uint64_t len)
{
	assert_int_equal(mock->op_count, 1);
	fb_mock_expect_op(mock, 0, FB_MOCK_DISCARD, gpa, len);
	fb_mock_forget_ops(mock);
}

static void fb_test_trimmed(void **state)
{
	struct fb_mock *mock = *state;

	fb_inflate(mock, FB_MIB, 6 * FB_MIB);
	fb_expect_only(mock, FB_HUGE, 2 * FB_HUGE);
	assert_int_equal(mock->dev.counters.inflated_bytes, 6 * FB_MIB);
	assert_int_equal(mock->dev.counters.discarded_bytes, 4 * FB_MIB);
	assert_int_equal(fb_partial_count(mock->dev.partial), 2);
}

static void fb_test_origin_of_ram(void **state)
{
	struct fb_mock *mock = *state;

	fb_inflate(mock, FB_ODD + FB_64K - FB_PAGE_SIZE, FB_64K + FB_PAGE_SIZE);
	fb_expect_only(mock, FB_ODD + FB_64K, FB_64K);
	fb_inflate(mock, FB_ODD, FB_64K - FB_PAGE_SIZE);
	fb_expect_only(mock, FB_ODD, FB_64K);
}

static void fb_test_completed_across_requests(void **state)
{
	struct fb_mock *mock = *state;

	for (uint32_t i = 511; i > 0; i--)
		FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, i);
	assert_int_equal(mock->op_count, 0);
	FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, 0);
	fb_expect_only(mock, 0, FB_HUGE);
	assert_int_equal(mock->dev.counters.inflated_bytes, FB_HUGE);
	assert_int_equal(mock->dev.counters.discarded_bytes, FB_HUGE);
}

/*
 * Without MUST_TELL_HOST the guest may use a ballooned page again and say so later or never:
 * a host page completed over two requests could hold live data.
 */
static void fb_test_not_remembered_without_must_tell_host(void **state)
{
	struct fb_mock *mock = *state;

	fb_device_set_features(&mock->dev, FB_SG);
	fb_inflate(mock, 0, FB_MIB);
	assert_int_equal(fb_partial_count(mock->dev.partial), 0);
	fb_inflate(mock, FB_MIB, FB_MIB);
	assert_int_equal(mock->op_count, 0);
}

/* Within one buffer all pages are in the balloon, whatever was negotiated. */
static void fb_test_completed_within_a_request(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t pfns[512];

	fb_device_set_features(&mock->dev, 0);
	for (uint32_t i = 0; i < 512; i++)
		pfns[i] = (i * 5) % 512;
	fb_mock_send_pfns(mock, FB_MOCK_INFLATEQ, pfns, 512);
	fb_expect_only(mock, 0, FB_HUGE);
	assert_int_equal(fb_partial_count(mock->dev.partial), 0);
}

/* Parts completed at both ends join the whole pages between them: one discard. */
static void fb_test_grows_at_both_ends(void **state)
{
	struct fb_mock *mock = *state;

	fb_inflate(mock, 0, FB_MIB);
	fb_inflate(mock, 3 * FB_HUGE + FB_MIB, FB_MIB);
	assert_int_equal(mock->op_count, 0);
	fb_inflate(mock, FB_MIB, 6 * FB_MIB);
	fb_expect_only(mock, 0, 4 * FB_HUGE);
	assert_int_equal(fb_partial_count(mock->dev.partial), 0);
}

static void fb_test_two_halves_meet(void **state)
{
	struct fb_mock *mock = *state;

	fb_inflate(mock, 0, FB_MIB);
	fb_inflate(mock, FB_HUGE + FB_MIB, FB_MIB);
	fb_inflate(mock, FB_MIB, 2 * FB_MIB);
	fb_expect_only(mock, 0, 2 * FB_HUGE);
}

static void fb_test_only_tail_completes(void **state)
{
	struct fb_mock *mock = *state;

	fb_inflate(mock, FB_HUGE + FB_MIB, FB_MIB);
	fb_inflate(mock, FB_MIB + FB_PAGE_SIZE, 2 * FB_MIB - FB_PAGE_SIZE);
	fb_expect_only(mock, FB_HUGE, FB_HUGE);
	assert_int_equal(fb_partial_count(mock->dev.partial), 1);
	fb_inflate(mock, 0, FB_MIB + FB_PAGE_SIZE);
	fb_expect_only(mock, 0, FB_HUGE);
}

static void fb_test_middle_completes(void **state)
{
	struct fb_mock *mock = *state;

	fb_inflate(mock, 0, FB_MIB);
	fb_inflate(mock, FB_MIB + 2 * FB_PAGE_SIZE, FB_MIB - 2 * FB_PAGE_SIZE);
	fb_inflate(mock, FB_MIB, 2 * FB_PAGE_SIZE);
	fb_expect_only(mock, 0, FB_HUGE);
}

static void fb_test_deflate_takes_back(void **state)
{
	struct fb_mock *mock = *state;

	fb_inflate(mock, 0, FB_HUGE - FB_PAGE_SIZE);
	FB_SEND_PFNS(mock, FB_MOCK_DEFLATEQ, 3);
	fb_inflate(mock, FB_HUGE - FB_PAGE_SIZE, FB_PAGE_SIZE);
	assert_int_equal(mock->op_count, 0);
	FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, 3);
	fb_expect_only(mock, 0, FB_HUGE);
}

static void fb_test_deflate_of_all(void **state)
{
	struct fb_mock *mock = *state;

	fb_inflate(mock, 0, FB_MIB);
	fb_inflate(mock, FB_ODD, FB_PAGE_SIZE);
	fb_deflate(mock, 0, 64 * FB_MIB);
	fb_deflate(mock, FB_ODD, FB_PAGE_SIZE);
	assert_int_equal(fb_partial_count(mock->dev.partial), 0);
}

/* A whole page, of which a part was remembered, leaves nothing behind. */
static void fb_test_whole_page_forgets_parts(void **state)
{
	struct fb_mock *mock = *state;

	fb_inflate(mock, 0, FB_HUGE - FB_PAGE_SIZE);
	fb_inflate(mock, 0, FB_HUGE);
	fb_expect_only(mock, 0, FB_HUGE);
	assert_int_equal(fb_partial_count(mock->dev.partial), 0);
	fb_deflate(mock, 0, FB_HUGE);
	fb_inflate(mock, FB_HUGE - FB_PAGE_SIZE, FB_PAGE_SIZE);
	assert_int_equal(mock->op_count, 0);
}

static void fb_test_inhibited_remembers_nothing(void **state)
{
	struct fb_mock *mock = *state;

	mock->inhibited = true;
	fb_inflate(mock, 0, FB_HUGE + FB_MIB);
	assert_int_equal(mock->dev.counters.inhibited_bytes, FB_HUGE + FB_MIB);
	assert_int_equal(fb_partial_count(mock->dev.partial), 0);
	mock->inhibited = false;
	fb_inflate(mock, FB_HUGE + FB_MIB, FB_MIB);
	assert_int_equal(mock->op_count, 0);
}

/* A deflate counts even while discards are forbidden. */
static void fb_test_deflate_while_inhibited(void **state)
{
	struct fb_mock *mock = *state;

	fb_inflate(mock, 0, FB_MIB);
	mock->inhibited = true;
	fb_deflate(mock, 0, FB_PAGE_SIZE);
	mock->inhibited = false;
	fb_inflate(mock, FB_MIB, FB_MIB);
	assert_int_equal(mock->op_count, 0);
}

static void fb_test_failure_forgets(void **state)
{
	struct fb_mock *mock = *state;

	mock->fail_count = 1;
	fb_inflate(mock, 0, FB_MIB);
	fb_inflate(mock, FB_MIB, FB_MIB);
	assert_int_equal(mock->dev.counters.discard_failures, 1);
	assert_int_equal(mock->dev.counters.discarded_bytes, 0);
	assert_int_equal(fb_partial_count(mock->dev.partial), 0);
	fb_mock_forget_ops(mock);
	fb_inflate(mock, 0, FB_HUGE);
	fb_expect_only(mock, 0, FB_HUGE);
}

static void fb_test_reset_forgets(void **state)
{
	struct fb_mock *mock = *state;

	fb_inflate(mock, 0, FB_MIB);
	fb_device_reset(&mock->dev);
	fb_device_set_features(&mock->dev, FB_TELL | FB_SG);
	fb_inflate(mock, FB_MIB, FB_MIB);
	assert_int_equal(mock->op_count, 0);
}

/* RAM that ends within a host page: the rest is kept. */
static void fb_test_ram_ends_within_host_page(void **state)
{
	struct fb_mock *mock = *state;

	fb_mock_add_ram(mock, 4 * FB_GIB, FB_HUGE + FB_MIB, FB_HUGE);
	fb_inflate(mock, 4 * FB_GIB, FB_HUGE + FB_MIB);
	fb_expect_only(mock, 4 * FB_GIB, FB_HUGE);
	fb_inflate(mock, 4 * FB_GIB + FB_HUGE, FB_MIB);
	/* A piece shorter than a host page is RAM that can't be discarded. */
	fb_mock_add_ram(mock, 8 * FB_GIB + FB_MIB, FB_MIB, FB_HUGE);
	fb_inflate(mock, 8 * FB_GIB + FB_MIB, FB_MIB);
	assert_int_equal(mock->op_count, 0);
	assert_int_equal(fb_partial_count(mock->dev.partial), 0);
	assert_int_equal(mock->dev.counters.refused, 0);
}

/* A guest that scatters pages over much memory costs the host a bounded table. */
static void fb_test_scattered_guest_is_bounded(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t pfns[4096];

	fb_mock_add_ram(mock, 64 * FB_GIB, 128 * FB_GIB, FB_64K);
	for (uint64_t base = 0; base < 8; base++) {
		for (uint64_t i = 0; i < 4096; i++)
			pfns[i] = FB_PFN(64 * FB_GIB + (base * 4096 + i) * FB_64K);
		fb_mock_send_pfns(mock, FB_MOCK_INFLATEQ, pfns, 4096);
	}
	assert_int_equal(mock->op_count, 0);
	assert_int_equal(fb_partial_count(mock->dev.partial), FB_PARTIAL_PAGES_MAX);
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_trimmed),
		FB_TEST(fb_test_origin_of_ram),
		FB_TEST(fb_test_completed_across_requests),
		FB_TEST(fb_test_not_remembered_without_must_tell_host),
		FB_TEST(fb_test_completed_within_a_request),
		FB_TEST(fb_test_grows_at_both_ends),
		FB_TEST(fb_test_two_halves_meet),
		FB_TEST(fb_test_only_tail_completes),
		FB_TEST(fb_test_middle_completes),
		FB_TEST(fb_test_deflate_takes_back),
		FB_TEST(fb_test_deflate_of_all),
		FB_TEST(fb_test_whole_page_forgets_parts),
		FB_TEST(fb_test_inhibited_remembers_nothing),
		FB_TEST(fb_test_deflate_while_inhibited),
		FB_TEST(fb_test_failure_forgets),
		FB_TEST(fb_test_reset_forgets),
		FB_TEST(fb_test_ram_ends_within_host_page),
		FB_TEST(fb_test_scattered_guest_is_bounded),
	};

	return cmocka_run_group_tests_name("host_page", tests, NULL, NULL);
}
