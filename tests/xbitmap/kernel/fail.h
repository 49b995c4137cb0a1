/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fail.h - what the xbitmap allocates in the test module goes through functions that can fail.
 *
 * Kbuild includes this before guest/xbitmap.c, which knows nothing of it. A store fails only where
 * an entry is added in a place that is neither used nor reserved: elsewhere it never allocates.
 */
#ifndef FB_XBITMAP_FAIL_H
#define FB_XBITMAP_FAIL_H

#include <linux/slab.h>
#include <linux/xarray.h>

void *fb_fail_kzalloc(size_t size, gfp_t gfp);
void fb_fail_kfree(const void *memory);
void *fb_fail_xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
int fb_fail_xa_reserve(struct xarray *xa, unsigned long index, gfp_t gfp);

#ifdef FB_XBITMAP_FAILS
#undef kzalloc
#define kzalloc fb_fail_kzalloc
#define kfree fb_fail_kfree
#define xa_store fb_fail_xa_store
#define xa_reserve fb_fail_xa_reserve
#endif

#endif
