// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prefault.c - backing the destination's memory a little ahead of an incoming migration.
 *
 * Theory of operation
 * -------------------
 * QEMU loads a migration in one thread, which zeroes each huge page of RAM at its first touch
 * and then copies into it; the faults are the greatest part of its time. A thread of ours sees in
 * the bitmaps of received pages how far the load has come, and backs the next huge pages, as a
 * file's readahead does: one at first, then twice as many with each that was used, up to
 * FB_PREFAULT_AHEAD. It follows pages with contents only, not those that were sent as zeroes.
 *
 * Backing memory changes no byte of it. What was backed and then not received is given back in
 * fb_prefault_loaded(), which QEMU's loading thread calls: by then all RAM has arrived, and nobody
 * else writes to it. Only what reads zero is given back, whatever the bitmap says. Memory that was
 * backed before, as with prealloc=on, is left alone. So the destination's memory in use is what
 * the load alone would make it with huge pages.
 *
 * The bitmaps appear when the load begins, and are freed behind fb_prefault_loaded(). A failed
 * load ends the process. With postcopy-ram, pages that were not received must stay absent, and
 * what multifd brings QEMU 7.2 does not note as received: nothing is done then; nor with COLO,
 * without transparent huge pages, where discards are forbidden, or with blocks that are shared or
 * have a host page size of their own.
 */
#include <sys/mman.h>

#include "balloon.h"
#include "qemu/units.h"
#include "prefault.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* What is backed at a time: a huge page of x86. */
#define FB_PREFAULT_BYTES (2 * MiB)
#define FB_PREFAULT_LONGS BITS_TO_LONGS(FB_PREFAULT_BYTES >> TARGET_PAGE_BITS)

/* Most pieces that the load can be behind us. */
#define FB_PREFAULT_AHEAD 8

/* Looks at the bitmaps: before the load begins, and during it. */
#define FB_PREFAULT_IDLE_US 5000
#define FB_PREFAULT_BUSY_US 100

/**
 * struct FbPrefaultBlock - a RAM block that is being loaded.
 * @rb: the block.
 * @pieces: of FB_PREFAULT_BYTES, whole ones.
 * @seen: pieces of which a page was received when we last looked.
 * @backed: pieces that we have backed.
 * @next: the piece behind the last one that we have backed.
 * @window: how many to back ahead.
 */
typedef struct FbPrefaultBlock {
	RAMBlock *rb;
	size_t pieces;
	unsigned long *seen;
	unsigned long *backed;
	size_t next;
	size_t window;
} FbPrefaultBlock;

static void fb_block_free(void *data)
{
	FbPrefaultBlock *block = data;

	g_free(block->seen);
	g_free(block->backed);
	g_free(block);
}

static bool fb_block_fits(RAMBlock *rb)
{
	return rb->receivedmap && qemu_ram_is_migratable(rb) && !qemu_ram_is_shared(rb) &&
	       !ramblock_is_ignored(rb) && qemu_ram_pagesize(rb) == qemu_real_host_page_size() &&
	       rb->used_length >= FB_PREFAULT_BYTES;
}

static void fb_prefault_find_blocks(FbPrefault *prefault)
{
	RAMBlock *rb;

	RCU_READ_LOCK_GUARD();
	RAMBLOCK_FOREACH(rb) {
		FbPrefaultBlock *block;

		if (!fb_block_fits(rb))
			continue;
		block = g_new0(FbPrefaultBlock, 1);
		block->rb = rb;
		block->pieces = rb->used_length / FB_PREFAULT_BYTES;
		block->seen = bitmap_new(block->pieces);
		block->backed = bitmap_new(block->pieces);
		g_ptr_array_add(prefault->blocks, block);
	}
}

/* Whether a page of the piece has been received. */
static bool fb_piece_received(const FbPrefaultBlock *block, size_t piece)
{
	const unsigned long *bits = block->rb->receivedmap + piece * FB_PREFAULT_LONGS;
	size_t i;

	for (i = 0; i < FB_PREFAULT_LONGS; i++) {
		if (qatomic_read(&bits[i]))
			return true;
	}
	return false;
}

static bool fb_page_has_contents(const FbPrefaultBlock *block, size_t page)
{
	return !buffer_is_zero(block->rb->host + (page << TARGET_PAGE_BITS), TARGET_PAGE_SIZE);
}

/* Whether the first or the last page received of the piece has contents. */
static bool fb_piece_has_contents(const FbPrefaultBlock *block, size_t piece)
{
	size_t first = piece * FB_PREFAULT_LONGS * BITS_PER_LONG;
	size_t end = first + FB_PREFAULT_LONGS * BITS_PER_LONG;
	size_t low = find_next_bit(block->rb->receivedmap, end, first);
	size_t high = end;

	if (low >= end)
		return false;
	while (!test_bit(--high, block->rb->receivedmap))
		;
	return fb_page_has_contents(block, low) || fb_page_has_contents(block, high);
}

/*
 * Whether what follows the piece is likely to be needed. A page counts as received before its
 * contents are there, and at the first one the load waits for a huge page: then the piece before
 * tells.
 */
static bool fb_piece_leads_on(const FbPrefaultBlock *block, size_t piece)
{
	return fb_piece_has_contents(block, piece) ||
	       (piece && fb_piece_has_contents(block, piece - 1));
}

/* Whether any of the piece is backed by host memory; where the host does not say, it is. */
static bool fb_piece_resident(const FbPrefaultBlock *block, size_t piece)
{
	unsigned char resident[FB_PREFAULT_BYTES >> TARGET_PAGE_BITS];

	return mincore(block->rb->host + piece * FB_PREFAULT_BYTES, FB_PREFAULT_BYTES, resident) ||
	       memchr(resident, 1, sizeof(resident));
}

/* Returns whether the host can back memory ahead of its use. */
static bool fb_piece_back(FbPrefaultBlock *block, size_t piece)
{
	if (fb_piece_resident(block, piece))
		return true;
	if (madvise(block->rb->host + piece * FB_PREFAULT_BYTES, FB_PREFAULT_BYTES,
		    MADV_POPULATE_WRITE))
		return false;
	set_bit(piece, block->backed);
	return true;
}

/* The load has come to a piece: back what follows. Returns whether the host can do it. */
static bool fb_block_follow(FbPrefault *prefault, FbPrefaultBlock *block, size_t piece)
{
	size_t end, i;

	if (test_bit(piece, block->backed))
		block->window = MIN(2 * block->window, FB_PREFAULT_AHEAD);
	else
		block->window = 1;
	end = MIN(piece + 1 + block->window, block->pieces);
	for (i = piece + 1; i < end && !qatomic_read(&prefault->stop); i++) {
		if (test_bit(i, block->backed) || fb_piece_received(block, i))
			continue;
		if (!fb_piece_back(block, i))
			return false;
	}
	return true;
}

static bool fb_block_look(FbPrefault *prefault, FbPrefaultBlock *block)
{
	size_t piece = find_first_zero_bit(block->seen, block->pieces);

	while (piece < block->pieces && !qatomic_read(&prefault->stop)) {
		if (fb_piece_received(block, piece)) {
			set_bit(piece, block->seen);
			if (fb_piece_leads_on(block, piece) &&
			    !fb_block_follow(prefault, block, piece))
				return false;
		}
		piece = find_next_zero_bit(block->seen, block->pieces, piece + 1);
	}
	return true;
}

static bool fb_prefault_look(FbPrefault *prefault)
{
	size_t i;

	for (i = 0; i < prefault->blocks->len; i++) {
		if (!fb_block_look(prefault, g_ptr_array_index(prefault->blocks, i)))
			return false;
	}
	return true;
}

static bool fb_prefault_allowed(void)
{
	return !migrate_postcopy_ram() && !migrate_colo_enabled() && !migrate_use_multifd() &&
	       !ram_block_discard_is_disabled();
}

static void *fb_prefault_run(void *opaque)
{
	FbPrefault *prefault = opaque;
	bool ok = true;

	rcu_register_thread();
	while (ok && !qatomic_read(&prefault->stop)) {
		g_usleep(prefault->blocks->len ? FB_PREFAULT_BUSY_US : FB_PREFAULT_IDLE_US);
		if (!prefault->blocks->len)
			fb_prefault_find_blocks(prefault);
		if (prefault->blocks->len)
			ok = fb_prefault_allowed() && fb_prefault_look(prefault);
	}
	rcu_unregister_thread();
	return NULL;
}

static bool fb_huge_pages_enabled(void)
{
	g_autofree char *text = NULL;

	return g_file_get_contents("/sys/kernel/mm/transparent_hugepage/enabled", &text, NULL,
				   NULL) &&
	       !strstr(text, "[never]");
}

void fb_prefault_realize(FbPrefault *prefault, bool wanted)
{
	if (!wanted || !runstate_check(RUN_STATE_INMIGRATE) || !fb_huge_pages_enabled())
		return;
	prefault->stop = false;
	prefault->running = true;
	prefault->blocks = g_ptr_array_new_with_free_func(fb_block_free);
	qemu_thread_create(&prefault->thread, "fb-prefault", fb_prefault_run, prefault,
			   QEMU_THREAD_JOINABLE);
}

static void fb_block_give_back(FbPrefault *prefault, const FbPrefaultBlock *block)
{
	size_t piece = find_first_bit(block->backed, block->pieces);

	while (piece < block->pieces) {
		prefault->backed_bytes += FB_PREFAULT_BYTES;
		if (!fb_piece_received(block, piece) &&
		    buffer_is_zero(block->rb->host + piece * FB_PREFAULT_BYTES,
				   FB_PREFAULT_BYTES) &&
		    !ram_block_discard_is_disabled() &&
		    !ram_block_discard_range(block->rb, piece * FB_PREFAULT_BYTES,
					     FB_PREFAULT_BYTES))
			prefault->returned_bytes += FB_PREFAULT_BYTES;
		piece = find_next_bit(block->backed, block->pieces, piece + 1);
	}
}

static void fb_prefault_end(FbPrefault *prefault)
{
	qatomic_set(&prefault->stop, true);
	qemu_thread_join(&prefault->thread);
	prefault->running = false;
}

void fb_prefault_loaded(FbPrefault *prefault)
{
	size_t i;

	if (!prefault->running)
		return;
	fb_prefault_end(prefault);
	for (i = 0; i < prefault->blocks->len; i++)
		fb_block_give_back(prefault, g_ptr_array_index(prefault->blocks, i));
	g_ptr_array_free(prefault->blocks, true);
}

void fb_prefault_unrealize(FbPrefault *prefault)
{
	if (!prefault->running)
		return;
	fb_prefault_end(prefault);
	g_ptr_array_free(prefault->blocks, true);
}
