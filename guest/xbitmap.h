/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xbitmap.h - a sparse set of bits over the whole unsigned long range, such as page frames.
 *
 * The bits are kept in chunks of 1024, one XArray entry each, and cost what their shape needs:
 * - no bit set: nothing;
 * - one run of set bits, as in a chunk that is full: its ends, in the entry itself;
 * - more runs: a bitmap of 128 bytes.
 * The shape follows from the bits alone, so what they cost does too.
 *
 * Memory, for 64-bit kernels with XArray nodes of 576 bytes for 64 entries, as a share of memory
 * where a bit is a page of 4 KiB:
 * - unfragmented: at most 9.2 bytes for 4 MiB, 0.00022 %;
 * - at worst, with every chunk shattered: 137.2 bytes for 4 MiB of what the bits span, 0.0033 %;
 * - besides, nodes that are only partly filled, on the way to each end of each far apart region
 *   that is used: 9 at most, 5184 bytes, and 4 for page frames below 64 TiB;
 * - and what is preloaded: at most 256 bytes and the nodes for the range.
 * An empty bitmap holds no memory. fb_xb_stats() tells what is held.
 *
 * Memory is only ever asked for with GFP_NOWAIT: nothing here sleeps or reclaims. A call that
 * returns an error has changed no bit. Not every change needs memory. These never fail:
 * - clearing a range that begins where a run begins, ends where a run ends, or covers whole runs,
 *   and so giving back what fb_xb_next_run() names, whole or from its front;
 * - the first change within a range that was preloaded.
 *
 * The caller locks: every call but init and destroy is made with the mutex that fb_xb_init() was
 * given held.
 */
#ifndef FB_XBITMAP_H
#define FB_XBITMAP_H

#include <linux/mutex.h>
#include <linux/xarray.h>

/* Bits that one fb_xb_set_range() or fb_xb_preload() takes: 256 GiB of pages of 4 KiB. */
#define FB_XB_MAX_RANGE_BITS (1UL << 26)

struct fb_xb_bitmap;

/**
 * struct fb_xb_run - neighbouring bits.
 * @first: the first of them.
 * @last: the last of them, not less than @first.
 */
struct fb_xb_run {
	unsigned long first;
	unsigned long last;
};

/**
 * struct fb_xb - the set of bits.
 * @chunks: the chunks with a bit set, by number: value entries (runs) or struct fb_xb_bitmap.
 * @lock: the caller's.
 * @nr_bits: set bits.
 * @nr_chunks: entries in @chunks, without those that are only reserved.
 * @nr_bitmaps: bitmaps, with the spare ones.
 * @spares: preloaded bitmaps.
 * @preloaded: where @spares and reserved entries serve, while @is_preloaded.
 * @is_preloaded: between fb_xb_preload() and fb_xb_preload_end().
 */
struct fb_xb {
	struct xarray chunks;
	struct mutex *lock;
	unsigned long nr_bits;
	unsigned long nr_chunks;
	unsigned long nr_bitmaps;
	struct fb_xb_bitmap *spares[2];
	struct fb_xb_run preloaded;
	bool is_preloaded;
};

/**
 * struct fb_xb_stats - what a set of bits holds.
 * @nr_bits: set bits.
 * @nr_chunks: chunks with a bit set.
 * @nr_bitmaps: chunks that need a bitmap, and preloaded bitmaps.
 * @nr_nodes: XArray nodes that @nr_chunks entries need. While a range is preloaded, and after a
 *	call that failed, there can be more; the worst case given above covers these.
 * @bytes: memory in bitmaps and nodes.
 */
struct fb_xb_stats {
	unsigned long nr_bits;
	unsigned long nr_chunks;
	unsigned long nr_bitmaps;
	unsigned long nr_nodes;
	size_t bytes;
};

void fb_xb_init(struct fb_xb *xb, struct mutex *lock);
void fb_xb_destroy(struct fb_xb *xb);

int fb_xb_set(struct fb_xb *xb, unsigned long bit);
int fb_xb_clear(struct fb_xb *xb, unsigned long bit);
int fb_xb_set_range(struct fb_xb *xb, unsigned long first, unsigned long last);
int fb_xb_clear_range(struct fb_xb *xb, unsigned long first, unsigned long last);
int fb_xb_preload(struct fb_xb *xb, unsigned long first, unsigned long last);
void fb_xb_preload_end(struct fb_xb *xb);

bool fb_xb_test(struct fb_xb *xb, unsigned long bit);
bool fb_xb_next_set(struct fb_xb *xb, unsigned long start, unsigned long *bit);
bool fb_xb_next_zero(struct fb_xb *xb, unsigned long start, unsigned long *bit);
bool fb_xb_next_run(struct fb_xb *xb, unsigned long start, unsigned long max_bits,
		    struct fb_xb_run *run);
void fb_xb_stats(struct fb_xb *xb, struct fb_xb_stats *stats);

#endif
