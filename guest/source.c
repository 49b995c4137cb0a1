// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * source.c - where the balloon's pages come from: the free lists, or the page allocator.
 *
 * Free memory comes off the buddy lists. When they have nothing to spare, small requests to
 * the allocator let reclaim drop page cache, and what it frees comes off the lists again.
 * Where the lists may not be touched, the allocator serves all requests, large orders first.
 * The conservative source allocates single pages that the kernel may migrate (movable.c).
 *
 * The allocator would let the balloon dig into the reserves that keep the guest alive. So
 * nothing is allocated once the guest has neither available memory nor room in swap: the
 * balloon stops at the size that can be reached, rather than have tasks killed.
 *
 * With inflate_min_order the fast sources take no smaller block, but for the rest of a size that is
 * no multiple of one.
 */
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/swap.h>

#include "compat/buddy_gate.h"
#include "fastballoon.h"

/* Pages asked of the allocator before the free lists are looked at again. */
#define FB_RECLAIM_PAGES 256

/* Blocks allocated between two looks at what the guest has left. */
#define FB_RESERVE_CHECK_BLOCKS 16

/* Where ZONE_MOVABLE and the others are about level, so much is taken from one in a go. */
#define FB_LEVEL_PAGES (16UL << (20 - PAGE_SHIFT))

/* Blocks allocated from one node before the one with most free memory is looked for again. */
#define FB_NODE_BLOCKS 8

/**
 * fb_source_choose() - settle the source of pages, and log why where it is not the best.
 * @fb: the balloon.
 */
void fb_source_choose(struct fb_balloon *fb)
{
	const char *refusal = fb_buddy_refusal();

	fb->source = FB_SOURCE_BUDDY;
	fb->source_reason = "best available";
	if (fb_param_source() == FB_SOURCE_ALLOC || fb_param_source() == FB_SOURCE_CONSERVATIVE) {
		fb->source = fb_param_source();
		fb->source_reason = "page_source asks for it";
		if (fb->source == FB_SOURCE_CONSERVATIVE && !IS_ENABLED(CONFIG_BALLOON_COMPACTION))
			dev_notice(&fb->vdev->dev,
				   "the kernel is built without balloon compaction: it cannot "
				   "move ballooned pages\n");
	} else if (refusal) {
		fb->source = FB_SOURCE_ALLOC;
		fb->source_reason = refusal;
		dev_notice(&fb->vdev->dev,
			   "pages are allocated, not taken off the free lists: %s\n", refusal);
	}
	if (fb->source == FB_SOURCE_CONSERVATIVE && fb_param_inflate_min_order())
		dev_notice(&fb->vdev->dev,
			   "inflate_min_order does nothing: the conservative page_source takes "
			   "single pages\n");
}

/** fb_source_min_order() - the order of the smallest block that the balloon takes. */
unsigned int fb_source_min_order(const struct fb_balloon *fb)
{
	return fb->source == FB_SOURCE_CONSERVATIVE ? 0 : fb_param_inflate_min_order();
}

/**
 * fb_source_floor() - the smallest order to take next.
 * @fb: the balloon.
 * @left_pages: what is wanted yet; a rest that is less than a block comes in pieces of any order.
 */
unsigned int fb_source_floor(const struct fb_balloon *fb, unsigned long left_pages)
{
	unsigned int order = fb_source_min_order(fb);

	return left_pages >> order ? order : 0;
}

/** fb_source_name() - the source in use, as the parameter names it. */
const char *fb_source_name(const struct fb_balloon *fb)
{
	static const char *const names[] = { "auto", "buddy", "alloc", "conservative" };

	return names[fb->source];
}

/* The node with most free memory in zones from @first on; the next allocations go there. */
static int fb_source_node(enum zone_type first)
{
	unsigned long most_pages = 0;
	int nid, best = NUMA_NO_NODE;

	for_each_online_node(nid) {
		unsigned long pages = 0;
		int idx;

		for (idx = first; idx <= ZONE_MOVABLE; idx++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[idx];

			if (populated_zone(zone))
				pages += zone_page_state(zone, NR_FREE_PAGES);
		}
		if (pages > most_pages) {
			most_pages = pages;
			best = nid;
		}
	}
	return best;
}

/**
 * fb_source_alloc() - allocate one block.
 * @nid: the node to try first, or NUMA_NO_NODE.
 * @order: its order.
 * @reclaim: whether to start reclaim, and compaction for more than a page, where there is none.
 *
 * Return: first page of the block, as blocks.h describes it, or NULL.
 */
struct page *fb_source_alloc(int nid, unsigned int order, bool reclaim)
{
	gfp_t gfp = GFP_HIGHUSER | __GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC;

	if (!reclaim)
		gfp &= ~__GFP_RECLAIM;
	return alloc_pages_node(nid, gfp, order);
}

/*
 * Whether any zone has more free than its low watermark. Below it the kernel reclaims by itself, and
 * what counts as available may be slow to come back, or never: an inflate that went on would take
 * the last pages that others could have.
 */
static bool fb_source_above_low(void)
{
	int nid, idx;

	for_each_online_node(nid) {
		for (idx = 0; idx <= ZONE_MOVABLE; idx++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[idx];

			if (populated_zone(zone) && fb_buddy_above(zone, low_wmark_pages(zone)))
				return true;
		}
	}
	return false;
}

/**
 * fb_source_unboost() - lower the watermarks of zones that keep memory only since they are raised.
 *
 * Where memory fragments the kernel raises a zone's watermarks, by up to one and a half times the
 * high one, to have kswapd reclaim. kswapd lowers them after one pass, whatever came of it; but
 * where it had nothing to reclaim for long it does not run, and nobody does. For an inflate that has
 * stalled, and stalled again after kswapd's time for a pass.
 */
void fb_source_unboost(void)
{
	int nid, idx;

	for_each_online_node(nid) {
		for (idx = 0; idx <= ZONE_MOVABLE; idx++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[idx];
			unsigned long flags;

			if (!populated_zone(zone) || !READ_ONCE(zone->watermark_boost) ||
			    fb_buddy_above(zone, low_wmark_pages(zone)) ||
			    !fb_buddy_above(zone, zone->_watermark[WMARK_LOW]))
				continue;
			spin_lock_irqsave(&zone->lock, flags);
			zone->watermark_boost = 0;
			spin_unlock_irqrestore(&zone->lock, flags);
		}
	}
}

/** fb_source_can_spare() - whether the guest can do without another few blocks of an order. */
bool fb_source_can_spare(unsigned int order)
{
	long need_pages = (long)FB_RESERVE_CHECK_BLOCKS << order;

	if (!fb_source_above_low())
		return false;
	return si_mem_available() > need_pages || get_nr_swap_pages() > need_pages;
}

/* Allocate until the batch has @want_pages; returns false when the allocator refuses a page. */
static bool fb_source_take_alloc(struct fb_balloon *fb, struct fb_batch *batch,
				 unsigned long want_pages, unsigned int max_blocks, bool movable)
{
	enum zone_type first = movable && fb->source != FB_SOURCE_CONSERVATIVE ? ZONE_MOVABLE : 0;
	unsigned int order = movable ? 0 : FB_TOP_ORDER, spare_blocks = 0;
	int nid = NUMA_NO_NODE;

	while (batch->nr_pages < want_pages && batch->nr_blocks < max_blocks) {
		unsigned long left_pages = want_pages - batch->nr_pages;
		unsigned int floor = fb_source_floor(fb, left_pages);
		struct page *page = NULL;

		order = min_t(unsigned int, order, ilog2(left_pages));
		if (!spare_blocks && fb_source_can_spare(order))
			spare_blocks = FB_RESERVE_CHECK_BLOCKS;
		if (!(spare_blocks % FB_NODE_BLOCKS))
			nid = fb_source_node(first);
		if (spare_blocks)
			page = movable ? fb_movable_alloc(nid) :
					 fb_source_alloc(nid, order, order <= floor);
		if (page) {
			spare_blocks--;
			fb_batch_add(batch, page, order);
			fb_count(&fb->counters, FB_C_alloc_blocks, 1);
		} else if (order > floor) {
			order--;
			spare_blocks = 0;
		} else {
			fb_count(&fb->counters, FB_C_alloc_failures, 1);
			return false;
		}
		if (fb_size_cut(fb))
			return false;
		cond_resched();
	}
	return true;
}

/* Pages that ZONE_MOVABLE can do without, in all nodes. */
static unsigned long fb_source_movable_spare(void)
{
	unsigned long pages = 0;
	int nid;

	for_each_online_node(nid) {
		struct zone *zone = &NODE_DATA(nid)->node_zones[ZONE_MOVABLE];

		if (populated_zone(zone))
			pages += fb_buddy_spare(zone);
	}
	return pages;
}

static void fb_source_take_blocks(struct fb_balloon *fb, struct fb_batch *batch,
				  unsigned long want_pages, unsigned int max_blocks)
{
	unsigned long more_pages, step_pages;
	bool ok;

	if (fb->source == FB_SOURCE_ALLOC) {
		fb_source_take_alloc(fb, batch, want_pages, max_blocks, false);
		return;
	}
	step_pages = max_t(unsigned long, FB_RECLAIM_PAGES, 1UL << fb_source_min_order(fb));
	do {
		if (fb_buddy_take(fb, batch, want_pages, max_blocks))
			break;
		more_pages = min(want_pages, batch->nr_pages + step_pages);
		ok = fb_source_take_alloc(fb, batch, more_pages, max_blocks, false);
	} while (ok && batch->nr_pages < want_pages && batch->nr_blocks < max_blocks &&
		 !fb_size_cut(fb));
}

/**
 * fb_source_take() - fill a batch. May sleep.
 * @fb: the balloon.
 * @batch: empty.
 * @want_pages: how many pages.
 * @max_blocks: blocks after which it is full.
 *
 * ZONE_MOVABLE is for memory that can be moved: what is taken there are single pages for
 * movable.c, also where the source is a fast one. Of the two kinds of zones, that which has more
 * to spare gives first, until they are level. With inflate_min_order nothing is taken there.
 *
 * The batch is empty afterwards only where no page could be had, or fb_size_cut() says so.
 *
 * Return: whether the batch is to go to fb_movable_put().
 */
bool fb_source_take(struct fb_balloon *fb, struct fb_batch *batch, unsigned long want_pages,
		    unsigned int max_blocks)
{
	unsigned long movable_pages, other_pages, max_pages;

	if (fb->source == FB_SOURCE_CONSERVATIVE) {
		fb_source_take_alloc(fb, batch, want_pages, max_blocks, true);
		return true;
	}
	movable_pages = fb_source_min_order(fb) ? 0 : fb_source_movable_spare();
	other_pages = fb_buddy_spare_all();
	if (movable_pages > other_pages) {
		max_pages = max(movable_pages - other_pages, FB_LEVEL_PAGES);
		fb_source_take_alloc(fb, batch, min(want_pages, max_pages), max_blocks, true);
		if (batch->nr_blocks)
			return true;
	} else if (movable_pages) {
		want_pages = min(want_pages, max(other_pages - movable_pages, FB_LEVEL_PAGES));
	}
	fb_source_take_blocks(fb, batch, want_pages, max_blocks);
	return false;
}
