// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_tool_text.c - the tool's pure parts: sizes, counts, durations, quoting.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <stdlib.h>

#include <cmocka.h>

#include "quote.h"
#include "size.h"

#define FB_COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void fb_test_bytes(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "4096B", 0, 4096 },
		{ "1k", 0, 1024 },
		{ "1KiB", 0, 1024 },
		{ "512m", 0, UINT64_C(512) << 20 },
		{ "1.5G", 0, UINT64_C(3) << 29 },
		{ "1.5gib", 0, UINT64_C(3) << 29 },
		{ "2T", 0, UINT64_C(2) << 40 },
		{ "0.999999999T", 0, UINT64_C(1099511626676) },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "16777215T", 0, UINT64_C(16777215) << 40 },
		{ "16777216T", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "G", -EINVAL, 0 },
		{ "1.5", -EINVAL, 0 },
		{ "1.5B", -EINVAL, 0 },
		{ "1.G", -EINVAL, 0 },
		{ ".5G", -EINVAL, 0 },
		{ "1.0000000001G", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "1P", -EINVAL, 0 },
		{ "1GiBx", -EINVAL, 0 },
		{ "1 G", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
	};

	for (size_t i = 0; i < FB_COUNT(cases); i++) {
		uint64_t bytes = 0;

		assert_int_equal(fb_size_parse_bytes(cases[i].text, &bytes), cases[i].rc);
		if (!cases[i].rc)
			assert_int_equal(bytes, cases[i].bytes);
	}
}

static void fb_test_size_signs(void **state)
{
	struct fb_size size;

	assert_int_equal(fb_size_parse("1G", &size), 0);
	assert_int_equal(size.sign, FB_SIZE_ABSOLUTE);
	assert_int_equal(fb_size_parse("+1G", &size), 0);
	assert_int_equal(size.sign, FB_SIZE_PLUS);
	assert_int_equal(fb_size_parse("-1G", &size), 0);
	assert_int_equal(size.sign, FB_SIZE_MINUS);
	assert_int_equal(size.bytes, UINT64_C(1) << 30);
	assert_int_equal(fb_size_parse("Max", &size), 0);
	assert_int_equal(size.sign, FB_SIZE_MAX);
	assert_int_equal(fb_size_parse("+max", &size), -EINVAL);
	assert_int_equal(fb_size_parse("--1G", &size), -EINVAL);
	assert_int_equal(fb_size_parse("", &size), -EINVAL);
}

static void fb_test_size_resolve(void **state)
{
	struct fb_size size = { .sign = FB_SIZE_ABSOLUTE, .bytes = 30 };
	uint64_t bytes;

	assert_int_equal(fb_size_resolve(&size, 10, 20, &bytes), 0);
	assert_int_equal(bytes, 30);
	size.sign = FB_SIZE_PLUS;
	assert_int_equal(fb_size_resolve(&size, 10, 20, &bytes), 0);
	assert_int_equal(bytes, 40);
	assert_int_equal(fb_size_resolve(&size, UINT64_MAX - 29, 20, &bytes), -ERANGE);
	size.sign = FB_SIZE_MINUS;
	assert_int_equal(fb_size_resolve(&size, 29, 20, &bytes), -ERANGE);
	assert_int_equal(fb_size_resolve(&size, 30, 20, &bytes), 0);
	assert_int_equal(bytes, 0);
	size.sign = FB_SIZE_MAX;
	assert_int_equal(fb_size_resolve(&size, 10, 20, &bytes), 0);
	assert_int_equal(bytes, 20);
}

static void fb_test_count(void **state)
{
	uint64_t value;

	assert_int_equal(fb_count_parse("7", 1, 7, &value), 0);
	assert_int_equal(value, 7);
	assert_int_equal(fb_count_parse("0", 1, 7, &value), -ERANGE);
	assert_int_equal(fb_count_parse("8", 1, 7, &value), -ERANGE);
	assert_int_equal(fb_count_parse("99999999999999999999", 1, 7, &value), -ERANGE);
	assert_int_equal(fb_count_parse("", 0, 7, &value), -EINVAL);
	assert_int_equal(fb_count_parse("1s", 0, 7, &value), -EINVAL);
	assert_int_equal(fb_count_parse("-1", 0, 7, &value), -EINVAL);
}

static void fb_test_format(void **state)
{
	char text[FB_TEXT_MAX];

	assert_string_equal(fb_size_format(0, text), "0 bytes");
	assert_string_equal(fb_size_format(1023, text), "1023 bytes");
	assert_string_equal(fb_size_format(1024, text), "1 KiB");
	assert_string_equal(fb_size_format(UINT64_C(3) << 29, text), "1.5 GiB");
	assert_string_equal(fb_size_format((UINT64_C(10) << 30) + 1, text), "10 GiB");
	assert_string_equal(fb_size_format(UINT64_MAX, text), "16 EiB");
	assert_string_equal(fb_count_format(0, text), "0");
	assert_string_equal(fb_count_format(999, text), "999");
	assert_string_equal(fb_count_format(1000, text), "1,000");
	assert_string_equal(fb_count_format(UINT64_MAX, text), "18,446,744,073,709,551,615");
	assert_string_equal(fb_time_format(0, text), "0 ms");
	assert_string_equal(fb_time_format(4680, text), "4.68 ms");
	assert_string_equal(fb_time_format(2610000, text), "2.61 s");
	assert_string_equal(fb_time_format(UINT64_MAX, text), "18446744073709.55 s");
}

static void fb_test_quote_shell(void **state)
{
	static const char *const cases[][2] = {
		{ "plain-word_1.so,id=a", "plain-word_1.so,id=a" },
		{ "", "''" },
		{ "two words", "'two words'" },
		{ "it's", "'it'\\''s'" },
		{ "'", "''\\'''" },
		{ "$x`y`\\\"*", "'$x`y`\\\"*'" },
		{ "~", "'~'" },
		{ "\xc3\xa4", "'\xc3\xa4'" },
	};

	for (size_t i = 0; i < FB_COUNT(cases); i++) {
		char *quoted = fb_quote_shell(cases[i][0]);

		assert_string_equal(quoted, cases[i][1]);
		free(quoted);
	}
}

static void fb_test_quote_qemu(void **state)
{
	char *quoted = fb_quote_qemu(",a,,b,");

	assert_string_equal(quoted, ",,a,,,,b,,");
	free(quoted);
	quoted = fb_quote_qemu("");
	assert_string_equal(quoted, "");
	free(quoted);
}

static void fb_test_qemu_id(void **state)
{
	assert_true(fb_qemu_id_ok("balloon0"));
	assert_true(fb_qemu_id_ok("a-b.c_D"));
	assert_false(fb_qemu_id_ok(""));
	assert_false(fb_qemu_id_ok("0a"));
	assert_false(fb_qemu_id_ok("a,b"));
	assert_false(fb_qemu_id_ok("a b"));
	assert_false(fb_qemu_id_ok("-a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fb_test_bytes),        cmocka_unit_test(fb_test_size_signs),
		cmocka_unit_test(fb_test_size_resolve), cmocka_unit_test(fb_test_count),
		cmocka_unit_test(fb_test_format),       cmocka_unit_test(fb_test_quote_shell),
		cmocka_unit_test(fb_test_quote_qemu),   cmocka_unit_test(fb_test_qemu_id),
	};

	return cmocka_run_group_tests_name("tool text", tests, NULL, NULL);
}
