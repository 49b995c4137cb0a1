/* SPDX-License-Identifier: GPL-2.0-or-later */
/* model.h - a plain reference model of an xbitmap: an array of a few thousand bits. */
#ifndef FB_XBITMAP_MODEL_H
#define FB_XBITMAP_MODEL_H

#include "env.h"

#define FB_MODEL_CHUNK_BITS 1024
#define FB_MODEL_CHUNKS 6
#define FB_MODEL_BITS (FB_MODEL_CHUNKS * FB_MODEL_CHUNK_BITS)

/* A check that does not hold ends the function with an error. */
#define FB_CHECK(check)                                         \
	do {                                                    \
		if (!(check)) {                                 \
			fb_env_say(__FILE__, __LINE__, #check); \
			return -EINVAL;                         \
		}                                               \
	} while (0)

/**
 * struct fb_model - the bits from @base on; no other bit is set.
 * @base: where they begin, at a chunk's border.
 * @bits: whether each is set.
 */
struct fb_model {
	unsigned long base;
	bool bits[FB_MODEL_BITS];
};

void fb_model_change(struct fb_model *model, unsigned long first, unsigned long last, bool set);
int fb_model_compare(const struct fb_model *model, struct fb_xb *xb);

#endif
