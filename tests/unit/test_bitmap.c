// SPDX-License-Identifier: GPL-2.0-or-later
/* test_bitmap.c - inflateq and deflateq with F_PAGE_BITMAP: headers, page bitmaps, PFN arrays. */
#include <endian.h>
#include <stdlib.h>

#include "mock_bitmap.h"

#define FB_P(n) ((uint64_t)(n)*FB_PAGE_SIZE)
#define FB_BITS_MAX VIRTIO_FASTBALLOON_BITMAP_BITS_MAX
#define FB_RECORDS_MAX VIRTIO_FASTBALLOON_BITMAP_RECORDS_MAX

struct fb_fixture {
	struct fb_mock *mock;
	struct fb_mock_bitmap *bitmap;
};

/* RAM of 2 GiB at 0. */
static int fb_setup(void **state)
{
	struct fb_fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->mock = fb_mock_new(FB_BIT(VIRTIO_FASTBALLOON_F_PAGE_BITMAP) |
				    FB_BIT(VIRTIO_FASTBALLOON_F_SG));
	fb_mock_add_ram(fixture->mock, 0, 2 * FB_GIB, FB_PAGE_SIZE);
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

static void fb_send(struct fb_fixture *fixture, enum fb_mock_queue queue)
{
	fb_mock_bitmap_send(fixture->mock, queue, fixture->bitmap, 0, 0);
}

static void fb_expect_discard(const struct fb_fixture *fixture, unsigned int index, uint64_t pfn,
			      uint64_t count)
{
	fb_mock_expect_op(fixture->mock, index, FB_MOCK_DISCARD, FB_P(pfn), FB_P(count));
}

static void fb_expect_discards(const struct fb_fixture *fixture, unsigned int count)
{
	assert_int_equal(fixture->mock->op_count, count);
	assert_int_equal(fixture->mock->dev.counters.refused, 0);
	assert_int_equal(fixture->mock->guest_errors, 0);
}

/* Nothing was done but to refuse. */
static void fb_expect_refusals(const struct fb_fixture *fixture, uint64_t count)
{
	assert_int_equal(fixture->mock->op_count, 0);
	assert_int_equal(fixture->mock->dev.counters.refused, count);
	assert_int_equal(fixture->mock->guest_errors, count);
}

/* The bytes on the wire, spelt out. */
static void fb_test_wire(void **state)
{
	struct fb_fixture *fixture = *state;
	static const unsigned char bytes[] = {
		2,    0,    0, 0, 2, 0, 0, 0, /* bitmap, two records */
		16,   0,    0, 0, 0, 0, 0, 0,
		12,   0,    0, 0, 0, 0, 0, 0, /* from page 16, 12 bits */
		64,   1,    0, 0, 0, 0, 0, 0,
		65,   0,    0, 0, 0, 0, 0, 0, /* from page 320, 65 bits */
		0x81, 0x0b, 0, 0, 0, 0, 0, 0, /* bits 0, 7 to 9 and 11 */
		0,    0,    0, 0, 0, 0, 0, 0x80,
		1,    0,    0, 0, 0, 0, 0, 0, /* bits 63 and 64 */
	};

	fb_mock_send(fixture->mock, FB_MOCK_INFLATEQ, bytes, sizeof(bytes), 0, NULL, 0);
	fb_expect_discards(fixture, 4);
	fb_expect_discard(fixture, 0, 16, 1);
	fb_expect_discard(fixture, 1, 23, 3);
	fb_expect_discard(fixture, 2, 27, 1);
	fb_expect_discard(fixture, 3, 383, 2);
	assert_int_equal(fixture->mock->dev.counters.inflated_bytes, FB_P(7));
	assert_int_equal(fixture->mock->dev.counters.discarded_bytes, FB_P(7));
	assert_int_equal(fixture->mock->dev.counters.ranges, 4);
	assert_int_equal(fixture->mock->dev.counters.requests, 1);
}

/* Each number of bits from 1 to 130, all set, and each with only its first and last. */
static void fb_test_all_lengths(void **state)
{
	struct fb_fixture *fixture = *state;

	for (unsigned int bits = 1; bits <= 130; bits++) {
		uint64_t *words;

		fb_mock_forget_ops(fixture->mock);
		fb_mock_bitmap_clear(fixture->bitmap);
		fb_mock_bitmap_add_run(fixture->bitmap, 5, bits);
		words = fb_mock_bitmap_add(fixture->bitmap, 1000, bits);
		fb_mock_bitmap_set(words, 0, 1);
		fb_mock_bitmap_set(words, bits - 1, 1);
		fb_send(fixture, FB_MOCK_INFLATEQ);
		fb_expect_discards(fixture, bits > 2 ? 3 : 2);
		fb_expect_discard(fixture, 0, 5, bits);
		fb_expect_discard(fixture, 1, 1000, bits > 2 ? 1 : bits);
		if (bits > 2)
			fb_expect_discard(fixture, 2, 999 + bits, 1);
	}
}

/* Each run inside two words, at each place. */
static void fb_test_all_runs(void **state)
{
	struct fb_fixture *fixture = *state;

	for (unsigned int first = 0; first < 128; first += 1 + first % 5) {
		for (unsigned int count = 1; count <= 128 - first; count++) {
			fb_mock_forget_ops(fixture->mock);
			fb_mock_bitmap_clear(fixture->bitmap);
			fb_mock_bitmap_set(fb_mock_bitmap_add(fixture->bitmap, 256, 128), first,
					   count);
			fb_send(fixture, FB_MOCK_INFLATEQ);
			fb_expect_discards(fixture, 1);
			fb_expect_discard(fixture, 0, 256 + first, count);
		}
	}
}

/* Records that touch, in order and in reverse, and overlapping ones are one operation. */
static void fb_test_joined_records(void **state)
{
	struct fb_fixture *fixture = *state;

	fb_mock_bitmap_add_run(fixture->bitmap, 100, 100);
	fb_mock_bitmap_add_run(fixture->bitmap, 200, 10);
	fb_mock_bitmap_add_run(fixture->bitmap, 90, 10);
	fb_mock_bitmap_add_run(fixture->bitmap, 80, 60);
	fb_send(fixture, FB_MOCK_INFLATEQ);
	fb_expect_discards(fixture, 1);
	fb_expect_discard(fixture, 0, 80, 130);
	assert_int_equal(fixture->mock->dev.counters.inflated_bytes, FB_P(130));
}

/* However the stream is cut into descriptors, it says the same. */
static void fb_test_split(void **state)
{
	struct fb_fixture *fixture = *state;
	unsigned int sent = 0;

	fb_mock_bitmap_add_run(fixture->bitmap, 10, 200);
	fb_mock_bitmap_add_run(fixture->bitmap, 300, 1);
	for (size_t split = 1; split < 90; split++) {
		fb_mock_bitmap_send(fixture->mock, FB_MOCK_INFLATEQ, fixture->bitmap, 0, split);
		sent += 2;
	}
	fb_expect_discards(fixture, sent);
	for (unsigned int i = 0; i < sent; i += 2) {
		fb_expect_discard(fixture, i, 10, 200);
		fb_expect_discard(fixture, i + 1, 300, 1);
	}
}

/* As many bits as allowed, in one record and in as many as allowed. */
static void fb_test_limits(void **state)
{
	struct fb_fixture *fixture = *state;
	uint64_t pfn = FB_BITS_MAX;

	fb_mock_bitmap_add_run(fixture->bitmap, 0, FB_BITS_MAX);
	fb_send(fixture, FB_MOCK_INFLATEQ);
	fb_expect_discards(fixture, 1);
	fb_expect_discard(fixture, 0, 0, FB_BITS_MAX);

	fb_mock_bitmap_clear(fixture->bitmap);
	for (unsigned int i = 0; i < FB_RECORDS_MAX; i++, pfn += 512)
		fb_mock_bitmap_add_run(fixture->bitmap, pfn, 512);
	fb_send(fixture, FB_MOCK_INFLATEQ);
	fb_expect_discards(fixture, 2);
	fb_expect_discard(fixture, 1, FB_BITS_MAX, FB_RECORDS_MAX * 512);
}

/* Every second page: more runs than the device sorts at once; each page once, none joined. */
static void fb_test_shattered(void **state)
{
	struct fb_fixture *fixture = *state;
	uint64_t *words = fb_mock_bitmap_add(fixture->bitmap, 0, FB_BITS_MAX);

	for (unsigned int bit = 0; bit < FB_BITS_MAX; bit += 2)
		fb_mock_bitmap_set(words, bit, 1);
	fb_send(fixture, FB_MOCK_INFLATEQ);
	fb_expect_discards(fixture, FB_BITS_MAX / 2);
	for (unsigned int i = 0; i < FB_BITS_MAX / 2; i++)
		fb_expect_discard(fixture, i, 2 * i, 1);
	assert_int_equal(fixture->mock->dev.counters.discarded_bytes, FB_P(FB_BITS_MAX / 2));
	assert_true(fixture->mock->find_ram_calls <= FB_BITS_MAX);
}

/* The run that is kept back when the device has to sort goes on in the next record. */
static void fb_test_joined_over_a_sort(void **state)
{
	struct fb_fixture *fixture = *state;
	uint64_t *words = fb_mock_bitmap_add(fixture->bitmap, 10000, 8191);

	for (unsigned int bit = 0; bit < 8192; bit += 2)
		fb_mock_bitmap_set(words, bit, 1);
	fb_mock_bitmap_add_run(fixture->bitmap, 5000, 10);
	fb_mock_bitmap_add_run(fixture->bitmap, 4990, 10);
	fb_send(fixture, FB_MOCK_INFLATEQ);
	fb_expect_discards(fixture, 4097);
	fb_expect_discard(fixture, 4096, 4990, 20);
}

static void fb_test_deflate(void **state)
{
	struct fb_fixture *fixture = *state;

	fb_mock_bitmap_add_run(fixture->bitmap, 7, 70);
	fb_send(fixture, FB_MOCK_DEFLATEQ);
	fb_expect_discards(fixture, 0);
	assert_int_equal(fixture->mock->dev.counters.deflated_bytes, FB_P(70));
	assert_int_equal(fixture->mock->dev.counters.inflated_bytes, 0);
}

/* Part of a large host page as a bitmap, the rest of it as a range and as numbers. */
static void fb_test_partial_host_page(void **state)
{
	struct fb_fixture *fixture = *state;
	struct fb_mock *mock = fixture->mock;
	static const uint32_t pfns[] = { 510, 511 };

	mock->ram_count = 0;
	fb_mock_add_ram(mock, 0, 16 * FB_MIB, 2 * FB_MIB);
	fb_device_set_features(&mock->dev,
			       mock->dev.features | FB_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST));
	fb_mock_bitmap_add_run(fixture->bitmap, 0, 100);
	fb_send(fixture, FB_MOCK_INFLATEQ);
	FB_SEND_RANGES(mock, FB_MOCK_INFLATEQ, { FB_P(100), FB_P(410) });
	assert_int_equal(fb_device_waiting_bytes(&mock->dev), FB_P(510));
	fb_expect_discards(fixture, 0);
	fb_mock_send_headed(mock, FB_MOCK_INFLATEQ, pfns, 2, 2, 0, 0);
	fb_expect_discards(fixture, 1);
	fb_expect_discard(fixture, 0, 0, 512);
	assert_int_equal(fb_device_waiting_bytes(&mock->dev), 0);
}

/* Padding bits and reserved fields mean nothing. */
static void fb_test_padding_ignored(void **state)
{
	struct fb_fixture *fixture = *state;

	fb_mock_bitmap_add_run(fixture->bitmap, 9, 3);
	fixture->bitmap->words[0] = UINT64_MAX;
	fixture->bitmap->header.reserved = 0xffff;
	fixture->bitmap->records[0].reserved = 0xffffffff;
	fb_send(fixture, FB_MOCK_INFLATEQ);
	fb_expect_discards(fixture, 1);
	fb_expect_discard(fixture, 0, 9, 3);
}

static void fb_test_outside_ram(void **state)
{
	struct fb_fixture *fixture = *state;
	uint64_t edge = 2 * FB_GIB / FB_PAGE_SIZE;

	fb_mock_bitmap_add_run(fixture->bitmap, edge - 2, 5);
	/* Above 32 bits, where no PFN array reaches. */
	fb_mock_bitmap_add_run(fixture->bitmap, UINT64_C(1) << 40, 2);
	fb_mock_bitmap_add_run(fixture->bitmap, 1, 1);
	fb_send(fixture, FB_MOCK_INFLATEQ);
	assert_int_equal(fixture->mock->op_count, 2);
	fb_expect_discard(fixture, 0, edge - 2, 2);
	fb_expect_discard(fixture, 1, 1, 1);
	assert_int_equal(fixture->mock->dev.counters.refused, 5);
	assert_int_equal(fixture->mock->guest_errors, 1);
}

/* A record that no guest can mean is refused alone, and its bitmap is read over. */
static void fb_test_bad_records(void **state)
{
	struct fb_fixture *fixture = *state;
	uint64_t end = UINT64_C(1) << 52;

	fb_mock_bitmap_add(fixture->bitmap, 1, 0);
	fb_mock_bitmap_add_run(fixture->bitmap, end, 70);
	fb_mock_bitmap_add_run(fixture->bitmap, 3, 2);
	fb_mock_bitmap_add_run(fixture->bitmap, end - 70, 70);
	fb_mock_bitmap_add_run(fixture->bitmap, UINT64_MAX, 64 * 65);
	fb_mock_bitmap_add_run(fixture->bitmap, 9, 1);
	fb_mock_bitmap_add(fixture->bitmap, 1, 0);
	fb_send(fixture, FB_MOCK_INFLATEQ);
	assert_int_equal(fixture->mock->op_count, 2);
	fb_expect_discard(fixture, 0, 3, 2);
	fb_expect_discard(fixture, 1, 9, 1);
	assert_int_equal(fixture->mock->dev.counters.refused, 5);
}

static void fb_test_wrong_length(void **state)
{
	struct fb_fixture *fixture = *state;
	uint64_t refused = 0;

	fb_mock_bitmap_add_run(fixture->bitmap, 9, 65);
	for (int extra = -40; extra <= 40; extra++) {
		if (!extra)
			continue;
		fb_mock_bitmap_send(fixture->mock, FB_MOCK_INFLATEQ, fixture->bitmap, extra, 0);
		fb_expect_refusals(fixture, ++refused);
	}
	fb_mock_send(fixture->mock, FB_MOCK_INFLATEQ, NULL, 0, 0, NULL, 0);
	fb_expect_refusals(fixture, ++refused);
}

static void fb_test_too_much(void **state)
{
	struct fb_fixture *fixture = *state;

	fb_mock_bitmap_add_run(fixture->bitmap, 0, FB_BITS_MAX + 1);
	fb_send(fixture, FB_MOCK_INFLATEQ);
	fb_expect_refusals(fixture, 1);

	/* Padding counts. */
	fb_mock_bitmap_clear(fixture->bitmap);
	fb_mock_bitmap_add_run(fixture->bitmap, 0, FB_BITS_MAX - 64);
	fb_mock_bitmap_add_run(fixture->bitmap, 0, 1);
	fb_mock_bitmap_add_run(fixture->bitmap, 0, 1);
	fb_send(fixture, FB_MOCK_INFLATEQ);
	fb_expect_refusals(fixture, 2);

	fb_mock_bitmap_clear(fixture->bitmap);
	for (unsigned int i = 0; i <= FB_RECORDS_MAX; i++)
		fb_mock_bitmap_add_run(fixture->bitmap, i, 1);
	fb_send(fixture, FB_MOCK_INFLATEQ);
	fb_expect_refusals(fixture, 3);
}

/* Sums that would overflow 32 bits, counts that announce what is not there. */
static void fb_test_announced_only(void **state)
{
	struct fb_fixture *fixture = *state;
	static const uint32_t counts[] = { 0, 2, 255, 256, 0x10000000, UINT32_MAX };
	unsigned int refused = 0;

	fb_mock_bitmap_add_run(fixture->bitmap, 9, 3);
	for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		fixture->bitmap->header.count = htole32(counts[i]);
		fb_send(fixture, FB_MOCK_INFLATEQ);
		fb_expect_refusals(fixture, ++refused);
	}
	fb_mock_bitmap_clear(fixture->bitmap);
	for (unsigned int i = 0; i < 255; i++) {
		fb_mock_bitmap_add(fixture->bitmap, 0, 0);
		fixture->bitmap->records[i].bits = htole32(UINT32_MAX);
	}
	fb_send(fixture, FB_MOCK_INFLATEQ);
	fb_expect_refusals(fixture, ++refused);
}

static void fb_test_unknown_format(void **state)
{
	struct fb_fixture *fixture = *state;
	static const uint16_t formats[] = { 0, 3, 0x0200, UINT16_MAX };

	fb_mock_bitmap_add_run(fixture->bitmap, 9, 3);
	for (unsigned int i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		fixture->bitmap->header.format = htole16(formats[i]);
		fb_send(fixture, FB_MOCK_INFLATEQ);
		fb_expect_refusals(fixture, i + 1);
	}
}

static void fb_test_headed_array(void **state)
{
	struct fb_fixture *fixture = *state;
	static const uint32_t pfns[] = { 5, 6, 7, 100 };

	fb_mock_send_headed(fixture->mock, FB_MOCK_INFLATEQ, pfns, 4, 4, 0, 0);
	fb_mock_send_headed(fixture->mock, FB_MOCK_INFLATEQ, pfns, 1, 1, 0, 3);
	fb_expect_discards(fixture, 3);
	fb_expect_discard(fixture, 0, 5, 3);
	fb_expect_discard(fixture, 1, 100, 1);
	fb_expect_discard(fixture, 2, 5, 1);
	assert_int_equal(fixture->mock->dev.counters.requests, 2);
}

static void fb_test_bad_headed_array(void **state)
{
	struct fb_fixture *fixture = *state;
	static const uint32_t pfns[VIRTIO_FASTBALLOON_PFNS_MAX + 1];
	const uint32_t max = VIRTIO_FASTBALLOON_PFNS_MAX;

	fb_mock_send_headed(fixture->mock, FB_MOCK_INFLATEQ, pfns, 0, 0, 0, 0);
	fb_mock_send_headed(fixture->mock, FB_MOCK_INFLATEQ, pfns, 2, 1, 0, 0);
	fb_mock_send_headed(fixture->mock, FB_MOCK_INFLATEQ, pfns, 1, 2, 0, 0);
	fb_mock_send_headed(fixture->mock, FB_MOCK_INFLATEQ, pfns, 1, 1, 1, 0);
	fb_mock_send_headed(fixture->mock, FB_MOCK_INFLATEQ, pfns, max + 1, max + 1, 0, 0);
	fb_mock_send_headed(fixture->mock, FB_MOCK_INFLATEQ, pfns, 0, 0x40000000, 0, 0);
	/* A standard array: its first two numbers are no header. */
	FB_SEND_PFNS(fixture->mock, FB_MOCK_INFLATEQ, 5, 6, 7);
	fb_expect_refusals(fixture, 7);
	fb_mock_send_headed(fixture->mock, FB_MOCK_INFLATEQ, pfns, max, max, 0, 0);
	assert_int_equal(fixture->mock->op_count, 1);
}

/* Without the feature there is no header: these are three numbers. */
static void fb_test_without_feature(void **state)
{
	struct fb_fixture *fixture = *state;
	static const uint32_t pfn = 7;

	fb_device_set_features(&fixture->mock->dev, 0);
	fb_mock_send_headed(fixture->mock, FB_MOCK_INFLATEQ, &pfn, 1, 40, 0, 0);
	fb_expect_discards(fixture, 3);
	fb_expect_discard(fixture, 0, 1, 1);
	fb_expect_discard(fixture, 1, 40, 1);
	fb_expect_discard(fixture, 2, 7, 1);
}

static void fb_test_mixed_directions(void **state)
{
	struct fb_fixture *fixture = *state;
	static const struct fb_range range = { 0, FB_PAGE_SIZE };
	static const uint64_t header = 1;

	fb_mock_send(fixture->mock, FB_MOCK_INFLATEQ, &header, sizeof(header), 0, &range, 1);
	fb_expect_refusals(fixture, 1);
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_wire),
		FB_TEST(fb_test_all_lengths),
		FB_TEST(fb_test_all_runs),
		FB_TEST(fb_test_joined_records),
		FB_TEST(fb_test_split),
		FB_TEST(fb_test_limits),
		FB_TEST(fb_test_shattered),
		FB_TEST(fb_test_joined_over_a_sort),
		FB_TEST(fb_test_deflate),
		FB_TEST(fb_test_partial_host_page),
		FB_TEST(fb_test_padding_ignored),
		FB_TEST(fb_test_outside_ram),
		FB_TEST(fb_test_bad_records),
		FB_TEST(fb_test_wrong_length),
		FB_TEST(fb_test_too_much),
		FB_TEST(fb_test_announced_only),
		FB_TEST(fb_test_unknown_format),
		FB_TEST(fb_test_headed_array),
		FB_TEST(fb_test_bad_headed_array),
		FB_TEST(fb_test_without_feature),
		FB_TEST(fb_test_mixed_directions),
	};

	return cmocka_run_group_tests_name("bitmap", tests, NULL, NULL);
}
