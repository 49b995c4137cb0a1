/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random.h - numbers for the fuzzers. Seeds and numbers of steps are fixed, so that a failure
 * comes again; another number of steps can be given in the environment: FB_FUZZ_STEPS.
 */
#ifndef FB_RANDOM_H
#define FB_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/** fb_random() - xorshift64. @state: any but 0. */
static inline uint64_t fb_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/** fb_below() - 0 to @limit - 1. */
static inline uint64_t fb_below(uint64_t *state, uint64_t limit)
{
	return fb_random(state) % limit;
}

/** fb_one_in() - true once in @n times. */
static inline bool fb_one_in(uint64_t *state, uint64_t n)
{
	return !fb_below(state, n);
}

/** fb_fuzz_steps() - how many steps to do, unless the environment says otherwise. */
static inline unsigned long fb_fuzz_steps(unsigned long usual)
{
	const char *text = getenv("FB_FUZZ_STEPS");

	return text ? strtoul(text, NULL, 10) : usual;
}

#endif /* FB_RANDOM_H */
