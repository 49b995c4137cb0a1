/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * partial.h - host pages of which the balloon holds a part.
 *
 * A host page larger than FB_PAGE_SIZE can be discarded only when every page in it is in the
 * balloon. The table remembers which are, until the host page is complete.
 *
 * Memory is bounded: when the table is full, the host page touched longest ago is forgotten,
 * which costs a discard and nothing else.
 */
#ifndef FB_PARTIAL_H
#define FB_PARTIAL_H

#include "fastballoon_device.h"

/* Host pages remembered at most. */
#define FB_PARTIAL_PAGES_MAX 16384
/* Bytes of bitmaps at most: one bit for each FB_PAGE_SIZE of a remembered host page. */
#define FB_PARTIAL_BITMAP_MAX (4U << 20)

/** fb_partial_new() - an empty table, or NULL without memory. */
struct fb_partial *fb_partial_new(void);

/** fb_partial_free() - release a table; NULL is allowed. */
void fb_partial_free(struct fb_partial *partial);

/** fb_partial_clear() - forget all host pages. */
void fb_partial_clear(struct fb_partial *partial);

/** fb_partial_count() - how many host pages are remembered. */
size_t fb_partial_count(const struct fb_partial *partial);

/** fb_partial_bytes() - memory in the balloon that is part of them. */
uint64_t fb_partial_bytes(const struct fb_partial *partial);

/**
 * fb_partial_add() - pages of one host page went into the balloon.
 * @host_page: the whole host page; its length is a power of two, larger than FB_PAGE_SIZE.
 * @part: pages inside it.
 *
 * Return: whether the balloon now holds the whole host page, which is then forgotten. False
 * also where there is no memory to remember it.
 */
bool fb_partial_add(struct fb_partial *partial, const struct fb_range *host_page,
		    const struct fb_range *part);

/**
 * fb_partial_remove() - pages left the balloon, or their host pages were discarded.
 * @range: any number of pages; of a host page partly inside, only these are removed.
 * @host_page_size: size of the host pages in @range, in bytes.
 * @origin: address of a host page, not above @range.
 */
void fb_partial_remove(struct fb_partial *partial, const struct fb_range *range, uint64_t origin,
		       uint64_t host_page_size);

#endif /* FB_PARTIAL_H */
