// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pattern.c - contents of a page that tell which page and which version of it they are.
 *
 * Word 0 names the page, word 1 its generation; the rest follows from both, so that a page that
 * is old, empty, another one or mixed is recognised, and shows what it was.
 */
#include "fb_init.h"

#define FB_PAGE_WORDS (FB_GUEST_PAGE_SIZE / sizeof(uint64_t))
#define FB_PAGE_MAGIC UINT64_C(0xfa57ba1100000000)
#define FB_STEP UINT64_C(0x9e3779b97f4a7c15)

/** fb_random() - next number of the sequence that @state holds (an xorshift; never 0). */
uint64_t fb_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

static uint64_t fb_pattern_seed(uint64_t page, uint32_t generation)
{
	return (page + 1) * UINT64_C(0xd6e8feb86659fd93) ^
	       ((uint64_t)generation << 32 | generation);
}

static inline uint64_t fb_pattern_word(uint64_t seed, size_t word)
{
	uint64_t x = seed + word * FB_STEP;

	return x ^ x >> 29;
}

/** fb_pattern_write() - fill the page at @words as version @generation of page @page. */
void fb_pattern_write(uint64_t *words, uint64_t page, uint32_t generation)
{
	uint64_t seed = fb_pattern_seed(page, generation);

	words[0] = FB_PAGE_MAGIC ^ page;
	words[1] = generation;
	for (size_t i = 2; i < FB_PAGE_WORDS; i++)
		words[i] = fb_pattern_word(seed, i);
}

/**
 * fb_pattern_check() - compare a page with what fb_pattern_write() made of it.
 * @bad_word: receives the index of the first wrong word.
 * @expected: receives what it should be.
 *
 * Return: true where the page is right.
 */
bool fb_pattern_check(const uint64_t *words, uint64_t page, uint32_t generation, size_t *bad_word,
		      uint64_t *expected)
{
	uint64_t seed = fb_pattern_seed(page, generation);

	for (size_t i = 0; i < FB_PAGE_WORDS; i++) {
		uint64_t want = i == 0 ? FB_PAGE_MAGIC ^ page :
				i == 1 ? generation :
					 fb_pattern_word(seed, i);

		if (words[i] != want) {
			*bad_word = i;
			*expected = want;
			return false;
		}
	}
	return true;
}
