// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * buddy.c - blocks of free pages, taken off the buddy lists without allocating them.
 *
 * A block leaves its list as it does inside the page allocator, so that giving it back with
 * __free_pages() is all that is needed later. It is not zeroed, whatever init_on_alloc says:
 * nobody reads it before the device has answered, and the allocator clears it again for its
 * next user. compat/buddy_gate.h says on which kernels this may be done.
 *
 * Taken are blocks of the three ordinary migrate types, and only as many as leave a zone at
 * its high watermark with its reserves for lower and atomic requests, so that no task is
 * pushed into reclaim by it.
 */
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/vmstat.h>

#include "fastballoon.h"

/* Most blocks that one hold of a zone's lock takes. */
#define FB_BUDDY_HOLD_BLOCKS 4

static const int fb_buddy_types[] = { MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE };

static const enum zone_type fb_buddy_zones[] = {
	ZONE_NORMAL,
#ifdef CONFIG_ZONE_DMA32
	ZONE_DMA32,
#endif
};

/**
 * fb_buddy_above() - free pages that a zone has above a watermark and its reserves.
 * @zone: a populated zone.
 * @mark_pages: the watermark.
 */
unsigned long fb_buddy_above(struct zone *zone, unsigned long mark_pages)
{
	unsigned long free = zone_page_state(zone, NR_FREE_PAGES);
	unsigned long keep =
		mark_pages + zone->lowmem_reserve[ZONE_NORMAL] + zone->nr_reserved_highatomic;

	return free > keep ? free - keep : 0;
}

/**
 * fb_buddy_spare() - pages that a zone can do without.
 * @zone: a populated zone.
 */
unsigned long fb_buddy_spare(struct zone *zone)
{
	return fb_buddy_above(zone, high_wmark_pages(zone));
}

/** fb_buddy_spare_all() - pages that all zones from which blocks are taken can do without. */
unsigned long fb_buddy_spare_all(void)
{
	unsigned long pages = 0;
	size_t i;
	int nid;

	for_each_online_node(nid) {
		for (i = 0; i < ARRAY_SIZE(fb_buddy_zones); i++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[fb_buddy_zones[i]];

			if (populated_zone(zone))
				pages += fb_buddy_spare(zone);
		}
	}
	return pages;
}

/** fb_buddy_zone_ok() - whether blocks of a zone may be held for a short while. */
bool fb_buddy_zone_ok(struct zone *zone)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fb_buddy_zones); i++)
		if (zone_idx(zone) == fb_buddy_zones[i])
			return true;
	return false;
}

/** fb_buddy_order() - order of a block that is PageBuddy, read under its zone's lock. */
unsigned int fb_buddy_order(const struct page *page)
{
	return page_private(page);
}

/**
 * fb_buddy_remove() - take one block off its list.
 * @zone: its zone, whose lock is held with interrupts off.
 * @page: first page of a block of one of the ordinary migrate types.
 * @order: its order.
 */
void fb_buddy_remove(struct zone *zone, struct page *page, unsigned int order)
{
	lockdep_assert_held(&zone->lock);
	if (PageReported(page))
		__ClearPageReported(page);
	list_del(&page->buddy_list);
	__ClearPageBuddy(page);
	set_page_private(page, 0);
	zone->free_area[order].nr_free--;
	__mod_zone_page_state(zone, NR_FREE_PAGES, -(1L << order));
	set_page_count(page, 1);
}

static bool fb_buddy_has(struct zone *zone, unsigned int order)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fb_buddy_types); i++)
		if (!list_empty(&zone->free_area[order].free_list[fb_buddy_types[i]]))
			return true;
	return false;
}

static struct page *fb_buddy_first(struct zone *zone, unsigned int order)
{
	struct page *page;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fb_buddy_types); i++) {
		page = list_first_entry_or_null(
			&zone->free_area[order].free_list[fb_buddy_types[i]], struct page,
			buddy_list);
		if (page)
			return page;
	}
	return NULL;
}

/**
 * fb_buddy_spares_block() - whether there is a block to take. A look without locks.
 * @min_order: the smallest order that counts.
 */
bool fb_buddy_spares_block(unsigned int min_order)
{
	unsigned int order;
	size_t i;
	int nid;

	for_each_online_node(nid) {
		for (i = 0; i < ARRAY_SIZE(fb_buddy_zones); i++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[fb_buddy_zones[i]];

			if (!populated_zone(zone))
				continue;
			for (order = min_order; order < FB_NR_ORDERS; order++)
				if (fb_buddy_has(zone, order) &&
				    fb_buddy_spare(zone) >= 1UL << order)
					return true;
		}
	}
	return false;
}

/* Take up to FB_BUDDY_HOLD_BLOCKS blocks in one hold of the lock; returns their number. */
static unsigned int fb_buddy_hold(struct fb_balloon *fb, struct zone *zone, unsigned int order,
				  struct fb_batch *batch, unsigned long want_pages,
				  unsigned int max_blocks)
{
	unsigned int taken = 0;
	unsigned long flags;
	u64 held_ns;

	spin_lock_irqsave(&zone->lock, flags);
	held_ns = fb_holds_clock();
	while (taken < FB_BUDDY_HOLD_BLOCKS && batch->nr_blocks < max_blocks &&
	       batch->nr_pages + (1UL << order) <= want_pages &&
	       fb_buddy_spare(zone) >= 1UL << order) {
		struct page *page = fb_buddy_first(zone, order);

		if (!page)
			break;
		fb_buddy_remove(zone, page, order);
		fb_batch_add(batch, page, order);
		taken++;
	}
	held_ns = fb_holds_clock() - held_ns;
	spin_unlock_irqrestore(&zone->lock, flags);
	fb_holds_add(&fb->holds, FB_HOLDS_TAKE, held_ns, taken);
	fb_count(&fb->counters, FB_C_buddy_blocks, taken);
	return taken;
}

static void fb_buddy_take_zone(struct fb_balloon *fb, struct zone *zone, unsigned int order,
			       struct fb_batch *batch, unsigned long want_pages,
			       unsigned int max_blocks)
{
	if (!populated_zone(zone))
		return;
	while (fb_buddy_has(zone, order) && fb_buddy_hold(fb, zone, order, batch, want_pages,
							  max_blocks) == FB_BUDDY_HOLD_BLOCKS)
		cond_resched();
}

/* Whether blocks of an order may be taken where the batch is to reach @want_pages. */
static bool fb_buddy_order_ok(struct fb_balloon *fb, const struct fb_batch *batch,
			      unsigned long want_pages, unsigned int order)
{
	unsigned long left_pages = want_pages - batch->nr_pages;

	return left_pages >> order && order >= fb_source_floor(fb, left_pages);
}

/* Take the largest blocks of one zone first, until the batch has the size wanted. */
static void fb_buddy_take_share(struct fb_balloon *fb, struct zone *zone, struct fb_batch *batch,
				unsigned long want_pages, unsigned int max_blocks)
{
	int order;

	for (order = FB_TOP_ORDER; order >= 0; order--)
		if (fb_buddy_order_ok(fb, batch, want_pages, order))
			fb_buddy_take_zone(fb, zone, order, batch, want_pages, max_blocks);
}

/* What of @total falls to one who has @part of @whole; rounded up, never more than all. */
static unsigned long fb_buddy_share(unsigned long total, unsigned long part, unsigned long whole)
{
	return part < whole ? min(total, mult_frac(total, part, whole) + 1) : total;
}

/*
 * Take from each zone in proportion to what it can spare. A zone whose memory is shattered
 * gets no more than its share of the batch's blocks either.
 *
 * Return: whether that kept a zone from giving its share of the pages.
 */
static bool fb_buddy_take_shares(struct fb_balloon *fb, struct fb_batch *batch,
				 unsigned long want_pages, unsigned int max_blocks)
{
	unsigned long all_pages = fb_buddy_spare_all();
	int nid = fb->next_node;
	bool cut = false;
	size_t i;

	do {
		for (i = 0; i < ARRAY_SIZE(fb_buddy_zones); i++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[fb_buddy_zones[i]];
			unsigned long left_pages = want_pages - batch->nr_pages;
			unsigned long spare_pages, pages, blocks;

			if (!populated_zone(zone))
				continue;
			spare_pages = min(fb_buddy_spare(zone), all_pages);
			pages = fb_buddy_share(left_pages, spare_pages, all_pages);
			pages = min(left_pages, round_up(pages, 1UL << FB_TOP_ORDER));
			blocks = fb_buddy_share(max_blocks - batch->nr_blocks, spare_pages,
						all_pages);
			pages += batch->nr_pages;
			blocks += batch->nr_blocks;
			all_pages -= spare_pages;
			fb_buddy_take_share(fb, zone, batch, pages, blocks);
			cut |= batch->nr_blocks >= blocks && batch->nr_pages < pages;
		}
		nid = next_node_in(nid, node_online_map);
	} while (nid != fb->next_node);
	return cut;
}

static void fb_buddy_take_order(struct fb_balloon *fb, unsigned int order, struct fb_batch *batch,
				unsigned long want_pages, unsigned int max_blocks)
{
	int nid = fb->next_node;
	size_t i;

	do {
		for (i = 0; i < ARRAY_SIZE(fb_buddy_zones); i++)
			fb_buddy_take_zone(fb, &NODE_DATA(nid)->node_zones[fb_buddy_zones[i]],
					   order, batch, want_pages, max_blocks);
		nid = next_node_in(nid, node_online_map);
	} while (nid != fb->next_node);
}

/* What is left to take is smaller than any block: take the smallest one and part it. */
static void fb_buddy_take_part(struct fb_balloon *fb, struct fb_batch *batch,
			       unsigned long want_pages)
{
	struct fb_batch whole, rest;
	unsigned int order;

	fb_batch_init(&whole);
	fb_batch_init(&rest);
	for (order = 1; order < FB_NR_ORDERS && !whole.nr_blocks; order++)
		if (1UL << order > want_pages)
			fb_buddy_take_order(fb, order, &whole, 1UL << order, 1);
	if (whole.nr_blocks) {
		struct page *page = list_first_entry(&whole.blocks, struct page, lru);
		unsigned long pfn = page_to_pfn(page), nr_pages = fb_block_pages(page);

		fb_batch_remove(&whole, page);
		fb_block_split(page, want_pages);
		fb_batch_add_run(batch, pfn, want_pages);
		fb_batch_add_run(&rest, pfn + want_pages, nr_pages - want_pages);
		fb_count(&fb->counters, FB_C_split_blocks, 1);
	}
	fb_batch_free(&rest);
}

/**
 * fb_buddy_take() - take free blocks, the largest first, from all nodes and zones alike.
 * @fb: the balloon.
 * @batch: receives them.
 * @want_pages: size that the batch is to reach, to the page.
 * @max_blocks: blocks after which it is full.
 *
 * May sleep.
 *
 * Return: false where the batch is smaller and the zones have nothing left to spare; true
 * where there may be more.
 */
bool fb_buddy_take(struct fb_balloon *fb, struct fb_batch *batch, unsigned long want_pages,
		   unsigned int max_blocks)
{
	bool cut;
	int order;

	if (!node_online(fb->next_node))
		fb->next_node = first_online_node;
	cut = fb_buddy_take_shares(fb, batch, want_pages, max_blocks);
	for (order = FB_TOP_ORDER; order >= 0 && !cut; order--)
		if (fb_buddy_order_ok(fb, batch, want_pages, order))
			fb_buddy_take_order(fb, order, batch, want_pages, max_blocks);
	if (!cut && batch->nr_pages < want_pages && batch->nr_blocks < max_blocks &&
	    !fb_source_floor(fb, want_pages - batch->nr_pages))
		fb_buddy_take_part(fb, batch, want_pages - batch->nr_pages);
	fb->next_node = next_node_in(fb->next_node, node_online_map);
	return cut || batch->nr_pages >= want_pages || batch->nr_blocks >= max_blocks;
}
