// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * size.c - sizes, counts and durations between text and number; pure functions.
 */
#include "size.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FB_UNITS "KMGT"
/* Digits after the decimal point that a size may have. */
#define FB_FRACTION_DIGITS_MAX 9

/* The power of 1024 that a suffix stands for, as a shift, or -1. */
static int fb_size_shift(const char *suffix)
{
	const char *unit;

	if (!*suffix || !strcasecmp(suffix, "B"))
		return 0;
	unit = strchr(FB_UNITS, toupper((unsigned char)*suffix));
	if (!unit || (suffix[1] && strcasecmp(suffix + 1, "iB")))
		return -1;
	return 10 * (int)(unit - FB_UNITS + 1);
}

/* Reads digits into *value; returns how many, or -ERANGE. */
static int fb_digits(const char **text, uint64_t *value)
{
	int count = 0;

	*value = 0;
	for (; isdigit((unsigned char)**text); (*text)++, count++) {
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, **text - '0', value))
			return -ERANGE;
	}
	return count;
}

/* The bytes of the decimal fraction digits/10^count of a unit, rounded down. */
static uint64_t fb_fraction(uint64_t digits, int count, int shift)
{
	unsigned __int128 bytes = (unsigned __int128)digits << shift;

	while (count--)
		bytes /= 10;
	return (uint64_t)bytes;
}

/**
 * fb_size_parse_bytes() - read an amount of memory.
 * @text: a decimal number, with a fraction if it has a unit, then nothing or B for bytes, or
 *        K, M, G, T or KiB, MiB, GiB, TiB in either case for powers of 1024.
 * @bytes: receives the amount in bytes.
 *
 * Return: 0; -EINVAL if @text is no such amount, -ERANGE if it exceeds 64 bits.
 */
int fb_size_parse_bytes(const char *text, uint64_t *bytes)
{
	uint64_t whole, digits = 0;
	int count, fraction = 0, shift;

	count = fb_digits(&text, &whole);
	if (count <= 0)
		return count ? count : -EINVAL;
	if (*text == '.') {
		text++;
		fraction = fb_digits(&text, &digits);
		if (fraction <= 0 || fraction > FB_FRACTION_DIGITS_MAX)
			return -EINVAL;
	}
	shift = fb_size_shift(text);
	if (shift < 0 || (fraction && !shift))
		return -EINVAL;
	if (whole > UINT64_MAX >> shift)
		return -ERANGE;
	*bytes = whole << shift;
	if (__builtin_add_overflow(*bytes, fb_fraction(digits, fraction, shift), bytes))
		return -ERANGE;
	return 0;
}

/**
 * fb_size_parse() - read a size that may be absolute, relative or "max".
 * @text: "max", or an amount as fb_size_parse_bytes() reads it, after + or - for a difference.
 * @size: receives what was read.
 *
 * Return: 0; -EINVAL or -ERANGE as fb_size_parse_bytes().
 */
int fb_size_parse(const char *text, struct fb_size *size)
{
	size->bytes = 0;
	size->sign = FB_SIZE_ABSOLUTE;
	if (!strcasecmp(text, "max")) {
		size->sign = FB_SIZE_MAX;
		return 0;
	}
	if (*text == '+' || *text == '-')
		size->sign = *text++ == '+' ? FB_SIZE_PLUS : FB_SIZE_MINUS;
	return fb_size_parse_bytes(text, &size->bytes);
}

/**
 * fb_size_resolve() - turn a size into bytes.
 * @size: what the operator asked for.
 * @now: the size in force, in bytes.
 * @max: the largest size, in bytes, which "max" stands for.
 * @bytes: receives the size in bytes; may exceed @max.
 *
 * Return: 0; -ERANGE if the result is negative or exceeds 64 bits.
 */
int fb_size_resolve(const struct fb_size *size, uint64_t now, uint64_t max, uint64_t *bytes)
{
	bool overflow = false;

	switch (size->sign) {
	case FB_SIZE_ABSOLUTE:
		*bytes = size->bytes;
		break;
	case FB_SIZE_PLUS:
		overflow = __builtin_add_overflow(now, size->bytes, bytes);
		break;
	case FB_SIZE_MINUS:
		overflow = __builtin_sub_overflow(now, size->bytes, bytes);
		break;
	case FB_SIZE_MAX:
		*bytes = max;
		break;
	}
	return overflow ? -ERANGE : 0;
}

/**
 * fb_count_parse() - read a plain decimal number.
 * @text: digits and nothing else.
 * @min: least value allowed.
 * @max: greatest value allowed.
 * @value: receives the number.
 *
 * Return: 0; -EINVAL if @text is no number, -ERANGE if it is outside [@min, @max].
 */
int fb_count_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	int count = fb_digits(&text, value);

	if (count < 0)
		return count;
	if (!count || *text)
		return -EINVAL;
	return *value < min || *value > max ? -ERANGE : 0;
}

/* Writes a number with up to two decimals, without trailing zeroes, and its unit. */
static const char *fb_format(double value, const char *unit, char text[FB_TEXT_MAX])
{
	size_t len = (size_t)snprintf(text, FB_TEXT_MAX - 8, "%.2f", value);

	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	snprintf(text + len, FB_TEXT_MAX - len, " %s", unit);
	return text;
}

/**
 * fb_size_format() - write an amount of memory for people.
 * @bytes: the amount.
 * @text: receives it in the largest binary unit that leaves a number of at least 1.
 *
 * Return: @text.
 */
const char *fb_size_format(uint64_t bytes, char text[FB_TEXT_MAX])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned int unit = 0;

	while (bytes >> (10 * unit) >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]))
		unit++;
	return fb_format((double)bytes / (double)(UINT64_C(1) << (10 * unit)), units[unit], text);
}

/**
 * fb_count_format() - write a count for people, in groups of three digits.
 * @count: the count.
 * @text: receives it.
 *
 * Return: @text.
 */
const char *fb_count_format(uint64_t count, char text[FB_TEXT_MAX])
{
	char digits[FB_TEXT_MAX];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	char *to = text;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

/**
 * fb_time_format() - write a duration for people.
 * @us: microseconds.
 * @text: receives it in milliseconds below a second, else in seconds.
 *
 * Return: @text.
 */
const char *fb_time_format(uint64_t us, char text[FB_TEXT_MAX])
{
	if (us < 1000000)
		return fb_format((double)us / 1e3, "ms", text);
	return fb_format((double)us / 1e6, "s", text);
}
