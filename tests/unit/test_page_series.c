// SPDX-License-Identifier: GPL-2.0-or-later
/* test_page_series.c - pages of which a few bytes say all: there and back, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../qemu/page_series.h"
#include "../fuzz/random.h"

#define FB_TEST_WORDS (FB_SERIES_PAGE_BYTES / sizeof(uint64_t))
#define FB_TEST_RECORD_WORDS (FB_SERIES_RECORD_BYTES / sizeof(uint64_t))
#define FB_TEST_RECORDS (FB_TEST_WORDS / FB_TEST_RECORD_WORDS)
#define FB_TEST_ROUNDS 20000

/**
 * struct fb_page_case - a page and its code.
 * @state: of the random numbers.
 * @page: what is encoded.
 * @out: what comes of its code. Of their own size, so that ASan sees a step past them.
 * @code: room for the longest.
 */
struct fb_page_case {
	uint64_t state;
	uint64_t *page;
	uint64_t *out;
	uint8_t *code;
};

static int fb_setup(void **opaque)
{
	struct fb_page_case *c = malloc(sizeof(*c));

	c->state = 42;
	c->page = malloc(FB_SERIES_PAGE_BYTES);
	c->out = malloc(FB_SERIES_PAGE_BYTES);
	c->code = malloc(FB_SERIES_CODE_BYTES_MAX);
	*opaque = c;
	return 0;
}

static int fb_teardown(void **opaque)
{
	struct fb_page_case *c = *opaque;

	free(c->page);
	free(c->out);
	free(c->code);
	free(c);
	return 0;
}

/* A page by a random rule, of which words may wrap. */
static void fb_fill_series(struct fb_page_case *c)
{
	size_t word, record;

	for (word = 0; word < FB_TEST_RECORD_WORDS; word++) {
		uint64_t first = fb_one_in(&c->state, 3) ? 0 : fb_random(&c->state);
		uint64_t step = fb_one_in(&c->state, 3) ? 0 : fb_random(&c->state);

		for (record = 0; record < FB_TEST_RECORDS; record++)
			c->page[record * FB_TEST_RECORD_WORDS + word] = first + record * step;
	}
}

/* Make @count records different from the rule, by one word each, from @first_record on. */
static void fb_spoil(struct fb_page_case *c, size_t first_record, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		c->page[(first_record + i) * FB_TEST_RECORD_WORDS +
			fb_below(&c->state, FB_TEST_RECORD_WORDS)] ^= 1 + fb_below(&c->state, 1000);
}

static size_t fb_there_and_back(struct fb_page_case *c)
{
	size_t bytes;

	memset(c->code, 0xee, FB_SERIES_CODE_BYTES_MAX);
	bytes = fb_page_series_encode(c->page, c->code);
	if (bytes) {
		assert_int_equal(bytes, FB_SERIES_CODE_BYTES(c->code[0]));
		assert_true(fb_page_series_decode(c->code, c->out));
		assert_memory_equal(c->page, c->out, FB_SERIES_PAGE_BYTES);
	}
	return bytes;
}

static void test_a_rule_without_exceptions(void **opaque)
{
	struct fb_page_case *c = *opaque;
	int i;

	for (i = 0; i < FB_TEST_ROUNDS; i++) {
		fb_fill_series(c);
		assert_int_equal(fb_there_and_back(c), FB_SERIES_CODE_BYTES(0));
	}
}

static void test_pages_of_one_byte(void **opaque)
{
	struct fb_page_case *c = *opaque;
	int byte;

	for (byte = 0; byte < 256; byte++) {
		memset(c->page, byte, FB_SERIES_PAGE_BYTES);
		assert_int_equal(fb_there_and_back(c), FB_SERIES_CODE_BYTES(0));
	}
}

static void test_exceptions_wherever_they_are(void **opaque)
{
	struct fb_page_case *c = *opaque;
	size_t count, record;

	for (count = 1; count <= FB_SERIES_EXCEPTIONS_MAX; count++)
		for (record = 0; record <= FB_TEST_RECORDS - count; record++) {
			fb_fill_series(c);
			fb_spoil(c, record, count);
			assert_int_equal(fb_there_and_back(c), FB_SERIES_CODE_BYTES(count));
		}
}

static void test_scattered_exceptions(void **opaque)
{
	struct fb_page_case *c = *opaque;
	unsigned int encoded = 0;
	int i, exceptions;

	for (i = 0; i < FB_TEST_ROUNDS; i++) {
		fb_fill_series(c);
		exceptions = fb_below(&c->state, 2 * FB_SERIES_EXCEPTIONS_MAX);
		while (exceptions--)
			fb_spoil(c, fb_below(&c->state, FB_TEST_RECORDS), 1);
		encoded += !!fb_there_and_back(c);
	}
	assert_in_range(encoded, FB_TEST_ROUNDS / 4, FB_TEST_ROUNDS - 1);
}

static void test_too_many_exceptions(void **opaque)
{
	struct fb_page_case *c = *opaque;
	size_t record;

	for (record = 0; record < FB_TEST_RECORDS - FB_SERIES_EXCEPTIONS_MAX; record++) {
		fb_fill_series(c);
		fb_spoil(c, record, FB_SERIES_EXCEPTIONS_MAX + 1);
		assert_int_equal(fb_there_and_back(c), 0);
	}
}

static void test_random_pages_are_none(void **opaque)
{
	struct fb_page_case *c = *opaque;
	size_t word;
	int i;

	for (i = 0; i < 100; i++) {
		for (word = 0; word < FB_TEST_WORDS; word++)
			c->page[word] = fb_random(&c->state);
		assert_int_equal(fb_there_and_back(c), 0);
	}
}

static void test_a_record_past_the_page(void **opaque)
{
	struct fb_page_case *c = *opaque;

	memset(c->page, 0, FB_SERIES_PAGE_BYTES);
	fb_spoil(c, 0, 1);
	assert_int_equal(fb_there_and_back(c), FB_SERIES_CODE_BYTES(1));
	c->code[FB_SERIES_CODE_BYTES(0)] = FB_TEST_RECORDS;
	assert_false(fb_page_series_decode(c->code, c->out));
}

static void test_any_code_stays_within_its_page(void **opaque)
{
	struct fb_page_case *c = *opaque;
	unsigned long steps = fb_fuzz_steps(FB_TEST_ROUNDS);
	size_t byte;

	while (steps--) {
		uint8_t exceptions = fb_below(&c->state, FB_SERIES_EXCEPTIONS_MAX + 1);
		uint8_t *code = malloc(FB_SERIES_CODE_BYTES(exceptions));

		for (byte = 1; byte < FB_SERIES_CODE_BYTES(exceptions); byte++)
			code[byte] = fb_random(&c->state);
		code[0] = exceptions;
		fb_page_series_decode(code, c->out);
		free(code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_rule_without_exceptions),
		cmocka_unit_test(test_pages_of_one_byte),
		cmocka_unit_test(test_exceptions_wherever_they_are),
		cmocka_unit_test(test_scattered_exceptions),
		cmocka_unit_test(test_too_many_exceptions),
		cmocka_unit_test(test_random_pages_are_none),
		cmocka_unit_test(test_a_record_past_the_page),
		cmocka_unit_test(test_any_code_stays_within_its_page),
	};

	return cmocka_run_group_tests(tests, fb_setup, fb_teardown);
}
