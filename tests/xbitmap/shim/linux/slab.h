/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slab.h - a stand-in for the kernel's allocator; memory that may sleep is refused. */
#ifndef FB_SHIM_SLAB_H
#define FB_SHIM_SLAB_H

#include <linux/kernel.h>

typedef unsigned int gfp_t;

#define GFP_NOWAIT ((gfp_t)1)
#define __GFP_NOWARN ((gfp_t)2)

void *kzalloc(size_t size, gfp_t gfp);
void kfree(const void *memory);

/* What the next allocations do, and what is not freed: see tests/xbitmap/env.h. */
extern long fb_shim_fail_after;
extern long fb_shim_live;

#endif
