/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xarray.h - a stand-in for the kernel's XArray: a sorted list of entries.
 *
 * Only an entry in a new place allocates, as in the kernel at worst. A reserved place holds
 * XA_ZERO_ENTRY, which loads and searches do not see.
 */
#ifndef FB_SHIM_XARRAY_H
#define FB_SHIM_XARRAY_H

#include <linux/kernel.h>
#include <linux/slab.h>
#include <stdint.h>

#define XA_CHUNK_SHIFT 6
#define XA_PRESENT 0
#define XA_ZERO_ENTRY ((void *)(uintptr_t)6)

/* Of the kernel's node only the size matters. */
struct xa_node {
	unsigned long words[72];
};

struct fb_shim_slot {
	struct fb_shim_slot *next;
	unsigned long index;
	void *entry;
};

struct xarray {
	struct fb_shim_slot *slots;
};

static inline void *xa_mk_value(unsigned long value)
{
	if (value > ULONG_MAX >> 1)
		abort();
	return (void *)(value << 1 | 1);
}

static inline unsigned long xa_to_value(const void *entry)
{
	return (uintptr_t)entry >> 1;
}

static inline bool xa_is_value(const void *entry)
{
	return (uintptr_t)entry & 1;
}

static inline int xa_err(const void *entry)
{
	return entry == (void *)-2 ? -ENOMEM : 0;
}

static inline void xa_init(struct xarray *xa)
{
	xa->slots = NULL;
}

static inline bool xa_empty(const struct xarray *xa)
{
	return !xa->slots;
}

void *xa_load(struct xarray *xa, unsigned long index);
void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
void *xa_erase(struct xarray *xa, unsigned long index);
int xa_reserve(struct xarray *xa, unsigned long index, gfp_t gfp);
void xa_release(struct xarray *xa, unsigned long index);
void *xa_find(struct xarray *xa, unsigned long *index, unsigned long last, unsigned int filter);
void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long last,
		    unsigned int filter);
void xa_destroy(struct xarray *xa);

#endif
