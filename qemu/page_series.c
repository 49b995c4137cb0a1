// SPDX-License-Identifier: GPL-2.0-or-later
/* page_series.c - pages of which a few bytes say all. */
#include <string.h>

#include "page_series.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the words of a code are little-endian"
#endif

#define FB_SERIES_RECORDS (FB_SERIES_PAGE_BYTES / FB_SERIES_RECORD_BYTES)

/* Two words, as a vector of the compiler's: one register on any processor of amd64. */
typedef uint64_t fb_words __attribute__((vector_size(16)));

/* By name and not as an array, which the compiler would not keep in registers. */
typedef struct fb_record {
	fb_words a, b, c, d;
} fb_record;

/*
 * Where records in a row are looked at for the rule. The first record of a page is often
 * different, since blocks of free memory begin there.
 */
static const unsigned int fb_series_probes[] = { 1, 29, 58 };

static inline fb_record fb_record_read(const void *page, size_t index)
{
	fb_record record;

	memcpy(&record, (const uint8_t *)page + index * FB_SERIES_RECORD_BYTES, sizeof(record));
	return record;
}

static inline bool fb_record_equal(fb_record x, fb_record y)
{
	fb_words different = (x.a ^ y.a) | (x.b ^ y.b) | (x.c ^ y.c) | (x.d ^ y.d);

	return !(different[0] | different[1]);
}

/* @x plus @times @step. */
static inline fb_record fb_record_ahead(fb_record x, fb_record step, uint64_t times)
{
	return (fb_record){ x.a + times * step.a, x.b + times * step.b, x.c + times * step.c,
			    x.d + times * step.d };
}

static inline fb_record fb_record_step(fb_record from, fb_record to)
{
	return (fb_record){ to.a - from.a, to.b - from.b, to.c - from.c, to.d - from.d };
}

/* Whether the records at @probe and behind it follow a rule; if so, that of the whole page. */
static bool fb_series_probe(const void *page, uint64_t probe, fb_record *first, fb_record *step)
{
	fb_record a = fb_record_read(page, probe);
	fb_record b = fb_record_read(page, probe + 1);

	*step = fb_record_step(a, b);
	if (!fb_record_equal(fb_record_ahead(b, *step, 1), fb_record_read(page, probe + 2)))
		return false;
	*first = fb_record_ahead(a, *step, -probe);
	return true;
}

/* Return: bytes of the code, or 0 where there are too many exceptions. */
static size_t fb_series_encode_by(const void *page, fb_record first, fb_record step, uint8_t *code)
{
	uint8_t *at = code + FB_SERIES_CODE_BYTES(0);
	unsigned int i, exceptions = 0;
	fb_record expected = first;

	for (i = 0; i < FB_SERIES_RECORDS; i++) {
		fb_record record = fb_record_read(page, i);

		if (!fb_record_equal(record, expected)) {
			if (exceptions++ == FB_SERIES_EXCEPTIONS_MAX)
				return 0;
			*at++ = i;
			memcpy(at, &record, sizeof(record));
			at += FB_SERIES_RECORD_BYTES;
		}
		expected = fb_record_ahead(expected, step, 1);
	}
	code[0] = exceptions;
	memcpy(code + 1, &first, sizeof(first));
	memcpy(code + 1 + FB_SERIES_RECORD_BYTES, &step, sizeof(step));
	return at - code;
}

size_t fb_page_series_encode(const void *page, uint8_t *code)
{
	fb_record first, step;
	size_t i, bytes;

	for (i = 0; i < sizeof(fb_series_probes) / sizeof(fb_series_probes[0]); i++) {
		if (!fb_series_probe(page, fb_series_probes[i], &first, &step))
			continue;
		bytes = fb_series_encode_by(page, first, step, code);
		if (bytes)
			return bytes;
	}
	return 0;
}

bool fb_page_series_decode(const uint8_t *code, void *page)
{
	const uint8_t *exception = code + FB_SERIES_CODE_BYTES(0);
	fb_record record = fb_record_read(code + 1, 0), step = fb_record_read(code + 1, 1);
	uint8_t *to = page;
	unsigned int i;

	for (i = 0; i < FB_SERIES_RECORDS; i++) {
		memcpy(to + i * FB_SERIES_RECORD_BYTES, &record, sizeof(record));
		record = fb_record_ahead(record, step, 1);
	}
	for (i = 0; i < code[0]; i++, exception += 1 + FB_SERIES_RECORD_BYTES) {
		if (*exception >= FB_SERIES_RECORDS)
			return false;
		memcpy(to + *exception * FB_SERIES_RECORD_BYTES, exception + 1,
		       FB_SERIES_RECORD_BYTES);
	}
	return true;
}
