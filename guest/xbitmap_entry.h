/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xbitmap_entry.h - an XArray entry of an xbitmap: pure functions.
 *
 * An entry stands for a chunk of 1024 bits. It is NULL where none is set, a value entry that holds
 * both ends where they are one run, and a pointer to a bitmap otherwise.
 */
#ifndef FB_XBITMAP_ENTRY_H
#define FB_XBITMAP_ENTRY_H

#include <linux/bitmap.h>
#include <linux/xarray.h>

#define FB_XB_CHUNK_SHIFT 10
#define FB_XB_CHUNK_BITS (1U << FB_XB_CHUNK_SHIFT)
#define FB_XB_CHUNK_LAST (FB_XB_CHUNK_BITS - 1)

/**
 * struct fb_xb_bitmap - the bits of a chunk that holds more than one run.
 * @bits: the bits.
 */
struct fb_xb_bitmap {
	DECLARE_BITMAP(bits, FB_XB_CHUNK_BITS);
};

/**
 * struct fb_xb_part - neighbouring bits of one chunk.
 * @first: the first bit's place in the chunk.
 * @last: the last bit's.
 */
struct fb_xb_part {
	unsigned int first;
	unsigned int last;
};

static inline void *fb_xb_part_entry(unsigned int first, unsigned int last)
{
	return xa_mk_value(first | (unsigned long)last << FB_XB_CHUNK_SHIFT);
}

static inline struct fb_xb_part fb_xb_entry_part(const void *entry)
{
	unsigned long value = xa_to_value(entry);

	return (struct fb_xb_part){ value & FB_XB_CHUNK_LAST, value >> FB_XB_CHUNK_SHIFT };
}

static inline bool fb_xb_is_bitmap(const void *entry)
{
	return entry && !xa_is_value(entry);
}

/* First bit at or after @from that is @set; FB_XB_CHUNK_BITS where there is none. */
static inline unsigned int fb_xb_entry_next(const void *entry, unsigned int from, bool set)
{
	struct fb_xb_part part;

	if (!entry)
		return set ? FB_XB_CHUNK_BITS : from;
	if (fb_xb_is_bitmap(entry)) {
		const struct fb_xb_bitmap *bitmap = entry;

		return set ? find_next_bit(bitmap->bits, FB_XB_CHUNK_BITS, from) :
			     find_next_zero_bit(bitmap->bits, FB_XB_CHUNK_BITS, from);
	}
	part = fb_xb_entry_part(entry);
	if (set && from > part.last)
		return FB_XB_CHUNK_BITS;
	if (set)
		return max(from, part.first);
	return from < part.first || from > part.last ? from : part.last + 1;
}

static inline unsigned int fb_xb_entry_weight(const void *entry)
{
	struct fb_xb_part part;

	if (!entry)
		return 0;
	if (fb_xb_is_bitmap(entry))
		return bitmap_weight(((const struct fb_xb_bitmap *)entry)->bits, FB_XB_CHUNK_BITS);
	part = fb_xb_entry_part(entry);
	return part.last - part.first + 1;
}

/* Whether a change makes two runs of one, so that a bitmap must take the entry's place. */
static inline bool fb_xb_needs_bitmap(const void *entry, struct fb_xb_part change, bool set)
{
	struct fb_xb_part part;

	if (!xa_is_value(entry))
		return false;
	part = fb_xb_entry_part(entry);
	if (set)
		return change.first > part.last + 1 || change.last + 1 < part.first;
	return change.first > part.first && change.last < part.last;
}

/* The entry after a change that needs no bitmap; @entry is none. */
static inline void *fb_xb_part_change(const void *entry, struct fb_xb_part change, bool set)
{
	struct fb_xb_part part;

	if (!entry)
		return set ? fb_xb_part_entry(change.first, change.last) : NULL;
	part = fb_xb_entry_part(entry);
	if (set)
		return fb_xb_part_entry(min(part.first, change.first), max(part.last, change.last));
	if (change.first > part.first)
		return fb_xb_part_entry(part.first, min(part.last, change.first - 1));
	if (change.last < part.last)
		return fb_xb_part_entry(max(part.first, change.last + 1), part.last);
	return NULL;
}

static inline void fb_xb_bitmap_change(struct fb_xb_bitmap *bitmap, struct fb_xb_part change,
				       bool set)
{
	unsigned int nr_bits = change.last - change.first + 1;

	if (set)
		bitmap_set(bitmap->bits, change.first, nr_bits);
	else
		bitmap_clear(bitmap->bits, change.first, nr_bits);
}

/* The entry for a bitmap's bits: the bitmap itself unless they are less than two runs. */
static inline void *fb_xb_bitmap_entry(struct fb_xb_bitmap *bitmap)
{
	unsigned int first = fb_xb_entry_next(bitmap, 0, true);
	unsigned int end;

	if (first == FB_XB_CHUNK_BITS)
		return NULL;
	end = fb_xb_entry_next(bitmap, first, false);
	if (fb_xb_entry_next(bitmap, end, true) < FB_XB_CHUNK_BITS)
		return bitmap;
	return fb_xb_part_entry(first, end - 1);
}

#endif
