/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * size.h - sizes, counts and durations between text and number.
 */
#ifndef FB_SIZE_H
#define FB_SIZE_H

#include <stdint.h>

/* Room for any text that the functions of this file write. */
#define FB_TEXT_MAX 32

/* How a size stands to the one in force. */
enum fb_size_sign {
	FB_SIZE_ABSOLUTE,
	FB_SIZE_PLUS,
	FB_SIZE_MINUS,
	FB_SIZE_MAX,
};

/**
 * struct fb_size - a size as an operator writes it.
 * @sign: absolute, a difference, or the word "max".
 * @bytes: the amount; 0 with FB_SIZE_MAX.
 */
struct fb_size {
	enum fb_size_sign sign;
	uint64_t bytes;
};

int fb_size_parse_bytes(const char *text, uint64_t *bytes);
int fb_size_parse(const char *text, struct fb_size *size);
int fb_size_resolve(const struct fb_size *size, uint64_t now, uint64_t max, uint64_t *bytes);
int fb_count_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value);
const char *fb_size_format(uint64_t bytes, char text[FB_TEXT_MAX]);
const char *fb_count_format(uint64_t count, char text[FB_TEXT_MAX]);
const char *fb_time_format(uint64_t us, char text[FB_TEXT_MAX]);

#endif /* FB_SIZE_H */
