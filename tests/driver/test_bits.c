// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_bits.c - the driver's packing of runs into page bitmaps (guest/bits.h), read back by the
 * device's reader.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "bits.h"

#define FB_SPAN_PAGES (FB_BITS_WORDS * FB_BITS_PER_WORD)
#define FB_RANDOM_ROUNDS 300

/* A buffer whose memory is not zero, so that what is not written shows. */
static struct fb_bits *fb_bits_new(void)
{
	struct fb_bits *bits = malloc(sizeof(*bits));

	assert_non_null(bits);
	memset(bits, 0xa5, sizeof(*bits));
	fb_bits_clear(bits);
	return bits;
}

/* Let the device read the buffer; returns how many runs it found. */
static size_t fb_read_back(struct fb_bits *bits, struct fb_range *runs, size_t max_runs)
{
	struct iovec iov[] = {
		{ &bits->header, fb_bits_close(bits) },
		{ bits->words, bits->nr_words * sizeof(bits->words[0]) },
	};
	struct virtio_fastballoon_pages header;
	struct fb_bitmap bitmap;
	struct fb_iov it;
	size_t n = 0;

	fb_iov_init(&it, iov, 2);
	assert_true(fb_pages_read_header(&it, &header));
	assert_int_equal(header.format, VIRTIO_FASTBALLOON_PAGES_BITMAP);
	assert_int_equal(header.reserved, 0);
	assert_null(fb_bitmap_open(&bitmap, &it, header.count));
	for (uint32_t i = 0; i < header.count; i++)
		assert_int_equal(bitmap.records[i].reserved, 0);
	while (n < max_runs && fb_bitmap_next(&bitmap, &runs[n]))
		n++;
	assert_int_equal(bitmap.refused, 0);
	return n;
}

static void fb_assert_range(const struct fb_range *range, unsigned long pfn, unsigned long nr)
{
	assert_int_equal(range->gpa >> FB_PAGE_SHIFT, pfn);
	assert_int_equal(range->len >> FB_PAGE_SHIFT, nr);
}

/* Add a run for which there is room. */
static void fb_add(struct fb_bits *bits, unsigned long pfn, unsigned long nr_pages)
{
	struct fb_run run = { pfn, nr_pages };

	fb_bits_add(bits, &run);
	assert_int_equal(run.nr_pages, 0);
}

static void fb_test_one_run(void **state)
{
	static const unsigned long lengths[] = { 1, 2, 63, 64, 65, 127, 128, 1000, FB_SPAN_PAGES };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct fb_bits *bits = fb_bits_new();
		struct fb_range runs[2];

		fb_add(bits, 12345 + i, lengths[i]);
		assert_int_equal(fb_read_back(bits, runs, 2), 1);
		fb_assert_range(&runs[0], 12345 + i, lengths[i]);
		free(bits);
	}
}

/* A gap of up to two words of zero bits is bridged, a longer one costs a record. */
static void fb_test_gaps(void **state)
{
	static const struct {
		unsigned long gap;
		unsigned int records;
		unsigned int words;
	} cases[] = {
		{ 1, 1, 1 },   { 62, 1, 1 },  { 63, 1, 2 },
		{ 190, 1, 3 }, { 191, 1, 4 }, { 255, 2, 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fb_bits *bits = fb_bits_new();
		struct fb_range runs[3];

		fb_add(bits, 1000, 1);
		fb_add(bits, 1001 + cases[i].gap, 1);
		assert_int_equal(bits->nr_records, cases[i].records);
		assert_int_equal(bits->nr_words, cases[i].words);
		assert_int_equal(fb_read_back(bits, runs, 3), 2);
		fb_assert_range(&runs[1], 1001 + cases[i].gap, 1);
		free(bits);
	}
}

static void fb_test_descending(void **state)
{
	struct fb_bits *bits = fb_bits_new();
	struct fb_range runs[4];

	fb_add(bits, 500, 10);
	fb_add(bits, 490, 10);
	fb_add(bits, 0, 1);
	assert_int_equal(bits->nr_records, 3);
	assert_int_equal(fb_read_back(bits, runs, 4), 3);
	fb_assert_range(&runs[1], 490, 10);
	fb_assert_range(&runs[2], 0, 1);
	free(bits);
}

static void fb_test_records_run_out(void **state)
{
	struct fb_bits *bits = fb_bits_new();
	struct fb_range *runs = calloc(300, sizeof(*runs));
	unsigned long i;

	assert_non_null(runs);
	for (i = 0; i < FB_BITS_RECORDS; i++)
		fb_add(bits, i * 1000, 1);
	for (i = 0; i < 2; i++) {
		struct fb_run run = { 1000000, 2 };

		fb_bits_add(bits, &run);
		assert_int_equal(run.nr_pages, 2);
	}
	fb_add(bits, (FB_BITS_RECORDS - 1) * 1000 + 70, 5);
	assert_int_equal(fb_read_back(bits, runs, 300), FB_BITS_RECORDS + 1);
	fb_assert_range(&runs[FB_BITS_RECORDS], (FB_BITS_RECORDS - 1) * 1000 + 70, 5);
	free(runs);
	free(bits);
}

static void fb_test_words_run_out(void **state)
{
	struct fb_bits *bits = fb_bits_new();
	struct fb_run run = { 777, FB_SPAN_PAGES + 5 };
	struct fb_range runs[3];

	fb_add(bits, 5, 2);
	fb_bits_add(bits, &run);
	assert_int_equal(run.nr_pages, 5 + FB_BITS_PER_WORD);
	assert_int_equal(run.pfn, 777 + FB_SPAN_PAGES - FB_BITS_PER_WORD);
	assert_int_equal(fb_read_back(bits, runs, 3), 2);
	fb_assert_range(&runs[1], 777, FB_SPAN_PAGES - FB_BITS_PER_WORD);
	fb_bits_clear(bits);
	fb_bits_add(bits, &run);
	assert_int_equal(run.nr_pages, 0);
	free(bits);
}

/* The last record could bridge the gap, but the words that are left do not reach over it. */
static void fb_test_gap_at_the_end(void **state)
{
	struct fb_bits *bits = fb_bits_new();
	struct fb_range runs[3];

	fb_add(bits, 0, FB_SPAN_PAGES - FB_BITS_PER_WORD);
	fb_add(bits, FB_SPAN_PAGES + 10, 1);
	assert_int_equal(bits->nr_records, 2);
	assert_int_equal(fb_read_back(bits, runs, 3), 2);
	fb_assert_range(&runs[1], FB_SPAN_PAGES + 10, 1);
	free(bits);
}

/* Read a buffer back and compare it with the pages that were put; forgets these. */
static void fb_check_pages(struct fb_bits *bits, unsigned char *expected, unsigned long nr_pages)
{
	struct fb_range *runs = calloc(FB_SPAN_PAGES, sizeof(*runs));
	size_t n;

	assert_non_null(runs);
	n = fb_read_back(bits, runs, FB_SPAN_PAGES);
	for (size_t i = 0; i < n; i++) {
		unsigned long pfn = runs[i].gpa >> FB_PAGE_SHIFT;

		for (unsigned long end = pfn + (runs[i].len >> FB_PAGE_SHIFT); pfn < end; pfn++) {
			assert_true(pfn < nr_pages);
			assert_int_equal(expected[pfn], 1);
			expected[pfn] = 0;
		}
	}
	for (unsigned long pfn = 0; pfn < nr_pages; pfn++)
		assert_int_equal(expected[pfn], 0);
	fb_bits_clear(bits);
	free(runs);
}

/* Random runs and gaps of all lengths: what the device reads is what was put, buffer by buffer. */
static void fb_test_random(void **state)
{
	const unsigned long nr_pages = 1 << 20;
	unsigned char *expected = calloc(nr_pages, 1);
	struct fb_bits *bits = fb_bits_new();

	assert_non_null(expected);
	srandom(1);
	for (unsigned int round = 0; round < FB_RANDOM_ROUNDS; round++) {
		unsigned int gap_bits = random() % 12, run_bits = random() % 12;
		unsigned long pfn = random() % 5000;
		bool full = false;

		while (!full && pfn + (2UL << run_bits) < nr_pages) {
			struct fb_run run = { pfn, 1 + random() % (1UL << run_bits) };
			unsigned long end = pfn + run.nr_pages;

			fb_bits_add(bits, &run);
			full = run.nr_pages;
			memset(expected + pfn, 1, end - run.nr_pages - pfn);
			pfn = end + 1 + random() % (1UL << gap_bits);
		}
		fb_check_pages(bits, expected, nr_pages);
	}
	free(bits);
	free(expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fb_test_one_run),       cmocka_unit_test(fb_test_gaps),
		cmocka_unit_test(fb_test_descending),    cmocka_unit_test(fb_test_records_run_out),
		cmocka_unit_test(fb_test_words_run_out), cmocka_unit_test(fb_test_gap_at_the_end),
		cmocka_unit_test(fb_test_random),
	};

	return cmocka_run_group_tests_name("driver_bits", tests, NULL, NULL);
}
