// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xbitmap.c - a sparse set of bits over the whole unsigned long range, such as page frames.
 */
#include <linux/lockdep.h>
#include <linux/slab.h>

#include "xbitmap.h"
#include "xbitmap_entry.h"

#define FB_XB_GFP (GFP_NOWAIT | __GFP_NOWARN)

/* Memory */

static struct fb_xb_bitmap *fb_xb_bitmap_alloc(struct fb_xb *xb)
{
	struct fb_xb_bitmap *bitmap = kzalloc(sizeof(*bitmap), FB_XB_GFP);

	if (bitmap)
		xb->nr_bitmaps++;
	return bitmap;
}

static void fb_xb_bitmap_free(struct fb_xb *xb, struct fb_xb_bitmap *bitmap)
{
	if (!bitmap)
		return;
	kfree(bitmap);
	xb->nr_bitmaps--;
}

/* A bitmap for a change of @first to @last: a spare one where these are preloaded. */
static struct fb_xb_bitmap *fb_xb_bitmap_get(struct fb_xb *xb, unsigned long first,
					     unsigned long last)
{
	unsigned int i;

	if (!xb->is_preloaded || first < xb->preloaded.first || last > xb->preloaded.last)
		return fb_xb_bitmap_alloc(xb);
	for (i = 0; i < ARRAY_SIZE(xb->spares); i++) {
		struct fb_xb_bitmap *bitmap = xb->spares[i];

		xb->spares[i] = NULL;
		if (bitmap)
			return bitmap;
	}
	return fb_xb_bitmap_alloc(xb);
}

static bool fb_xb_keeps_reserved(const struct fb_xb *xb, unsigned long index)
{
	return xb->is_preloaded && index >= xb->preloaded.first >> FB_XB_CHUNK_SHIFT &&
	       index <= xb->preloaded.last >> FB_XB_CHUNK_SHIFT;
}

/* Frees the nodes that failed stores can leave behind. */
static void fb_xb_drop_nodes(struct fb_xb *xb)
{
	if (!xb->nr_chunks && !xb->is_preloaded)
		xa_destroy(&xb->chunks);
}

static void fb_xb_unreserve(struct fb_xb *xb, unsigned long first, unsigned long last)
{
	unsigned long index;

	for (index = first; index <= last; index++)
		if (!fb_xb_keeps_reserved(xb, index))
			xa_release(&xb->chunks, index);
	fb_xb_drop_nodes(xb);
}

/* Make room for the entries of chunks @first to @last; all of them or none. */
static int fb_xb_reserve(struct fb_xb *xb, unsigned long first, unsigned long last)
{
	unsigned long index;

	for (index = first; index <= last; index++) {
		int err = xa_reserve(&xb->chunks, index, FB_XB_GFP);

		if (err) {
			fb_xb_unreserve(xb, first, index);
			return err;
		}
	}
	return 0;
}

/* Changes */

/* Fails only where an entry is added in a place that is not reserved. */
static int fb_xb_replace(struct fb_xb *xb, unsigned long index, const void *old, void *new)
{
	int err = 0;

	if (new == old)
		return 0;
	if (new)
		err = xa_err(xa_store(&xb->chunks, index, new, FB_XB_GFP));
	else if (fb_xb_keeps_reserved(xb, index))
		err = xa_err(xa_store(&xb->chunks, index, XA_ZERO_ENTRY, FB_XB_GFP));
	else
		xa_erase(&xb->chunks, index);
	if (!err)
		xb->nr_chunks += !!new - !!old;
	fb_xb_drop_nodes(xb);
	return err;
}

/* @spare: a bitmap where the change needs one; it is used up. */
static int fb_xb_change_chunk(struct fb_xb *xb, unsigned long index, struct fb_xb_part change,
			      bool set, struct fb_xb_bitmap *spare)
{
	void *old = xa_load(&xb->chunks, index);
	unsigned long old_weight = fb_xb_entry_weight(old);
	void *new;
	int err;

	if (fb_xb_is_bitmap(old)) {
		fb_xb_bitmap_change(old, change, set);
		new = fb_xb_bitmap_entry(old);
	} else if (spare) {
		fb_xb_bitmap_change(spare, fb_xb_entry_part(old), true);
		fb_xb_bitmap_change(spare, change, set);
		new = spare;
	} else {
		new = fb_xb_part_change(old, change, set);
	}
	err = fb_xb_replace(xb, index, old, new);
	/* Then there was no entry, and so nothing has changed and no spare was used. */
	if (err)
		return err;
	xb->nr_bits += fb_xb_entry_weight(new) - old_weight;
	if (new != old && fb_xb_is_bitmap(old))
		fb_xb_bitmap_free(xb, old);
	return 0;
}

/* The part of a chunk that lies in a range. */
static struct fb_xb_part fb_xb_chunk_part(unsigned long index, unsigned long first,
					  unsigned long last)
{
	struct fb_xb_part part = { 0, FB_XB_CHUNK_LAST };

	if (index == first >> FB_XB_CHUNK_SHIFT)
		part.first = first & FB_XB_CHUNK_LAST;
	if (index == last >> FB_XB_CHUNK_SHIFT)
		part.last = last & FB_XB_CHUNK_LAST;
	return part;
}

/* The bitmap that a chunk needs for a change of a range, NULL for none, or -ENOMEM. */
static int fb_xb_prepare_chunk(struct fb_xb *xb, unsigned long index, unsigned long first,
			       unsigned long last, bool set, struct fb_xb_bitmap **bitmap)
{
	struct fb_xb_part change = fb_xb_chunk_part(index, first, last);

	*bitmap = NULL;
	if (!fb_xb_needs_bitmap(xa_load(&xb->chunks, index), change, set))
		return 0;
	*bitmap = fb_xb_bitmap_get(xb, first, last);
	return *bitmap ? 0 : -ENOMEM;
}

/* All that may fail is done before the first chunk changes. */
static int fb_xb_change_range(struct fb_xb *xb, unsigned long first, unsigned long last, bool set)
{
	unsigned long head = first >> FB_XB_CHUNK_SHIFT, tail = last >> FB_XB_CHUNK_SHIFT;
	struct fb_xb_bitmap *head_spare, *tail_spare = NULL;
	unsigned long index = head;
	int err;

	err = fb_xb_prepare_chunk(xb, head, first, last, set, &head_spare);
	if (!err && head == tail)
		return fb_xb_change_chunk(xb, head, fb_xb_chunk_part(head, first, last), set,
					  head_spare);
	if (!err)
		err = fb_xb_prepare_chunk(xb, tail, first, last, set, &tail_spare);
	if (!err && set)
		err = fb_xb_reserve(xb, head, tail);
	if (err) {
		fb_xb_bitmap_free(xb, head_spare);
		fb_xb_bitmap_free(xb, tail_spare);
		return err;
	}
	while (set || xa_find(&xb->chunks, &index, tail, XA_PRESENT)) {
		struct fb_xb_bitmap *spare = index == head ? head_spare :
					     index == tail ? tail_spare :
							     NULL;

		WARN_ON_ONCE(fb_xb_change_chunk(xb, index, fb_xb_chunk_part(index, first, last),
						set, spare));
		if (index++ == tail)
			break;
	}
	return 0;
}

/**
 * fb_xb_init() - make an empty set of bits.
 * @xb: the set.
 * @lock: the mutex that the caller holds for every other call but fb_xb_destroy().
 */
void fb_xb_init(struct fb_xb *xb, struct mutex *lock)
{
	*xb = (struct fb_xb){ .lock = lock };
	xa_init(&xb->chunks);
}

/** fb_xb_destroy() - clear every bit and free all memory; the set may be used again. */
void fb_xb_destroy(struct fb_xb *xb)
{
	unsigned long index = 0;
	void *entry;

	for (entry = xa_find(&xb->chunks, &index, ULONG_MAX, XA_PRESENT); entry;
	     entry = xa_find_after(&xb->chunks, &index, ULONG_MAX, XA_PRESENT))
		if (fb_xb_is_bitmap(entry))
			kfree(entry);
	kfree(xb->spares[0]);
	kfree(xb->spares[1]);
	xa_destroy(&xb->chunks);
	fb_xb_init(xb, xb->lock);
}

/**
 * fb_xb_set() - set a bit.
 * @xb: the set.
 * @bit: any; may be set already.
 *
 * Return: 0, or -ENOMEM, and nothing has changed then.
 */
int fb_xb_set(struct fb_xb *xb, unsigned long bit)
{
	return fb_xb_set_range(xb, bit, bit);
}

/**
 * fb_xb_clear() - clear a bit.
 * @xb: the set.
 * @bit: any; may be clear already.
 *
 * Return: 0, or -ENOMEM, and nothing has changed then. Never fails for an end of a run.
 */
int fb_xb_clear(struct fb_xb *xb, unsigned long bit)
{
	return fb_xb_clear_range(xb, bit, bit);
}

/**
 * fb_xb_set_range() - set neighbouring bits, all or none.
 * @xb: the set.
 * @first: the first of them; any of them may be set already.
 * @last: the last of them.
 *
 * Return: 0; -ENOMEM; -EINVAL where @last is less than @first; -E2BIG for more than
 * FB_XB_MAX_RANGE_BITS. Nothing has changed where it is not 0.
 */
int fb_xb_set_range(struct fb_xb *xb, unsigned long first, unsigned long last)
{
	lockdep_assert_held(xb->lock);
	if (last < first)
		return -EINVAL;
	if (last - first >= FB_XB_MAX_RANGE_BITS)
		return -E2BIG;
	return fb_xb_change_range(xb, first, last, true);
}

/**
 * fb_xb_clear_range() - clear neighbouring bits, all or none.
 * @xb: the set.
 * @first: the first of them; any of them may be clear already.
 * @last: the last of them.
 *
 * The work grows with the chunks that hold set bits, not with the range, which may be everything.
 *
 * Return: 0; -ENOMEM, only where both ends of one run stay set in a chunk; -EINVAL where @last is
 * less than @first. Nothing has changed where it is not 0.
 */
int fb_xb_clear_range(struct fb_xb *xb, unsigned long first, unsigned long last)
{
	lockdep_assert_held(xb->lock);
	if (last < first)
		return -EINVAL;
	return fb_xb_change_range(xb, first, last, false);
}

/**
 * fb_xb_preload() - set aside, without sleeping, what a change needs.
 * @xb: the set, with no range preloaded.
 * @first: first bit that will change.
 * @last: last bit that will change.
 *
 * Until fb_xb_preload_end() the first set or clear of bits that all lie in @first to @last cannot
 * fail. Changes elsewhere do not use up what is set aside for it.
 *
 * Return: 0; -ENOMEM; -EBUSY where a range is preloaded already; -EINVAL and -E2BIG as
 * fb_xb_set_range(). Nothing is set aside where it is not 0.
 */
int fb_xb_preload(struct fb_xb *xb, unsigned long first, unsigned long last)
{
	unsigned long head = first >> FB_XB_CHUNK_SHIFT, tail = last >> FB_XB_CHUNK_SHIFT;
	unsigned int i, nr_spares = head == tail ? 1 : 2;
	int err;

	lockdep_assert_held(xb->lock);
	if (last < first)
		return -EINVAL;
	if (last - first >= FB_XB_MAX_RANGE_BITS)
		return -E2BIG;
	if (xb->is_preloaded)
		return -EBUSY;
	err = fb_xb_reserve(xb, head, tail);
	if (err)
		return err;
	xb->preloaded = (struct fb_xb_run){ first, last };
	xb->is_preloaded = true;
	for (i = 0; i < nr_spares; i++) {
		xb->spares[i] = fb_xb_bitmap_alloc(xb);
		if (!xb->spares[i]) {
			fb_xb_preload_end(xb);
			return -ENOMEM;
		}
	}
	return 0;
}

/** fb_xb_preload_end() - free what a preload has set aside and no change has used. */
void fb_xb_preload_end(struct fb_xb *xb)
{
	unsigned int i;

	lockdep_assert_held(xb->lock);
	if (!xb->is_preloaded)
		return;
	xb->is_preloaded = false;
	for (i = 0; i < ARRAY_SIZE(xb->spares); i++) {
		fb_xb_bitmap_free(xb, xb->spares[i]);
		xb->spares[i] = NULL;
	}
	fb_xb_unreserve(xb, xb->preloaded.first >> FB_XB_CHUNK_SHIFT,
			xb->preloaded.last >> FB_XB_CHUNK_SHIFT);
}

/** fb_xb_test() - whether a bit is set. */
bool fb_xb_test(struct fb_xb *xb, unsigned long bit)
{
	unsigned int place = bit & FB_XB_CHUNK_LAST;

	lockdep_assert_held(xb->lock);
	return fb_xb_entry_next(xa_load(&xb->chunks, bit >> FB_XB_CHUNK_SHIFT), place, true) ==
	       place;
}

/**
 * fb_xb_next_set() - find the first set bit from some bit on.
 * @xb: the set.
 * @start: where to begin.
 * @bit: the bit found, which may be @start.
 *
 * Return: false where no bit from @start to ULONG_MAX is set; @bit is unchanged then.
 */
bool fb_xb_next_set(struct fb_xb *xb, unsigned long start, unsigned long *bit)
{
	unsigned long index = start >> FB_XB_CHUNK_SHIFT;
	unsigned int from = start & FB_XB_CHUNK_LAST;
	const void *entry;

	lockdep_assert_held(xb->lock);
	while ((entry = xa_find(&xb->chunks, &index, ULONG_MAX, XA_PRESENT))) {
		unsigned int place;

		if (index != start >> FB_XB_CHUNK_SHIFT)
			from = 0;
		place = fb_xb_entry_next(entry, from, true);
		if (place < FB_XB_CHUNK_BITS) {
			*bit = index << FB_XB_CHUNK_SHIFT | place;
			return true;
		}
		index++;
	}
	return false;
}

static bool fb_xb_find_zero(struct fb_xb *xb, unsigned long start, unsigned long end,
			    unsigned long *bit)
{
	unsigned int from = start & FB_XB_CHUNK_LAST;
	unsigned long index;

	for (index = start >> FB_XB_CHUNK_SHIFT; index <= end >> FB_XB_CHUNK_SHIFT; index++) {
		unsigned int place = fb_xb_entry_next(xa_load(&xb->chunks, index), from, false);
		unsigned long found = index << FB_XB_CHUNK_SHIFT | place;

		if (place < FB_XB_CHUNK_BITS && found > end)
			return false;
		if (place < FB_XB_CHUNK_BITS) {
			*bit = found;
			return true;
		}
		from = 0;
	}
	return false;
}

/**
 * fb_xb_next_zero() - find the first clear bit from some bit on.
 * @xb: the set.
 * @start: where to begin.
 * @bit: the bit found, which may be @start.
 *
 * Return: false where every bit from @start to ULONG_MAX is set; @bit is unchanged then.
 */
bool fb_xb_next_zero(struct fb_xb *xb, unsigned long start, unsigned long *bit)
{
	lockdep_assert_held(xb->lock);
	return fb_xb_find_zero(xb, start, ULONG_MAX, bit);
}

/**
 * fb_xb_next_run() - find the first run of set bits from some bit on.
 * @xb: the set.
 * @start: where to begin; a run that begins before it is given from @start on.
 * @max_bits: longer runs are cut to this many bits, which bounds the work; 0: none is cut.
 * @run: the run; it ends before a clear bit unless it was cut or is at ULONG_MAX.
 *
 * Called with 0, then with the bit after each run, until a run ends at ULONG_MAX, it gives every
 * maximal run once.
 *
 * Return: false where no bit from @start to ULONG_MAX is set; @run is unchanged then.
 */
bool fb_xb_next_run(struct fb_xb *xb, unsigned long start, unsigned long max_bits,
		    struct fb_xb_run *run)
{
	unsigned long end = ULONG_MAX, zero;

	if (!fb_xb_next_set(xb, start, &run->first))
		return false;
	if (max_bits && max_bits - 1 < ULONG_MAX - run->first)
		end = run->first + max_bits - 1;
	run->last = fb_xb_find_zero(xb, run->first, end, &zero) ? zero - 1 : end;
	return true;
}

/* XArray nodes of one level, each with entries for 2^shift neighbouring chunks. */
static unsigned long fb_xb_level_nodes(struct fb_xb *xb, unsigned int shift)
{
	unsigned long index = 0, nr_nodes = 0;

	while (xa_find(&xb->chunks, &index, ULONG_MAX, XA_PRESENT)) {
		nr_nodes++;
		index |= (1UL << shift) - 1;
		index++;
	}
	return nr_nodes;
}

/* The tree is as high as its last entry needs; an entry 0 alone is in its root. */
static unsigned long fb_xb_count_nodes(struct fb_xb *xb)
{
	unsigned int shift = XA_CHUNK_SHIFT;
	unsigned long nr_nodes = 0, index = 1;

	if (!xa_find(&xb->chunks, &index, ULONG_MAX, XA_PRESENT))
		return 0;
	for (;;) {
		nr_nodes += fb_xb_level_nodes(xb, shift);
		index = 1UL << shift;
		if (!xa_find(&xb->chunks, &index, ULONG_MAX, XA_PRESENT))
			return nr_nodes;
		shift += XA_CHUNK_SHIFT;
	}
}

/**
 * fb_xb_stats() - what a set of bits holds.
 * @xb: the set.
 * @stats: receives it.
 *
 * The work grows with the XArray's nodes.
 */
void fb_xb_stats(struct fb_xb *xb, struct fb_xb_stats *stats)
{
	lockdep_assert_held(xb->lock);
	stats->nr_bits = xb->nr_bits;
	stats->nr_chunks = xb->nr_chunks;
	stats->nr_bitmaps = xb->nr_bitmaps;
	stats->nr_nodes = fb_xb_count_nodes(xb);
	stats->bytes = stats->nr_nodes * sizeof(struct xa_node) +
		       stats->nr_bitmaps * sizeof(struct fb_xb_bitmap);
}
