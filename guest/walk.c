// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * walk.c - looking for free memory by page frame number.
 *
 * Free blocks are read under their zone's lock, with FB_WALK_LOOKS looks at a page per hold, so
 * that nobody waits for long. A free block takes one look, whatever its size: a hold covers a
 * pageblock of small pages (512 on x86), and gigabytes of large free blocks. Neighbouring blocks
 * grow together into runs, also from hold to hold, and runs shorter than a minimum are left out.
 * A run that is reported was free when it was read; nothing keeps it so. Pages on per-CPU lists
 * are not seen.
 *
 * Memory that is taken offline: a section that is online while zone->lock is held, interrupts
 * off, keeps its memory map until they are on again, since freeing the map needs them.
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>

#include "buddy.h"
#include "compat/orders.h"
#include "holds.h"
#include "run.h"
#include "walk.h"

/* The callback hears of a walk that finds nothing after this many holds. */
#define FB_WALK_HEARTBEAT 64

/* A hold of the lock ends after this many looks at a page, */
#define FB_WALK_LOOKS 512

/* and after this many runs, so that they fit on the stack. */
#define FB_WALK_FOUND 32

static int fb_walk_zone(struct zone *zone, void *opaque, fb_walk_visit *visit)
{
	unsigned long pfn = zone->zone_start_pfn;
	unsigned long zone_end = zone_end_pfn(zone);

	while (pfn < zone_end) {
		unsigned long end = min(pageblock_end_pfn(pfn), zone_end);
		int err;

		if (!pfn_to_online_page(pfn))
			pfn = end;
		while (pfn < end) {
			err = visit(opaque, zone, &pfn, end);
			if (err)
				return err;
		}
		cond_resched();
	}
	return 0;
}

/**
 * fb_walk_pageblocks() - visit every pageblock of ordinary memory. Sleeps.
 * @opaque: passed on.
 * @visit: called for each, in the order of page frame numbers within a zone.
 *
 * Return: 0, or what the visitor returned to end the walk.
 */
int fb_walk_pageblocks(void *opaque, fb_walk_visit *visit)
{
	int nid, idx, err;

	for_each_online_node(nid) {
		for (idx = 0; idx <= ZONE_MOVABLE; idx++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[idx];

			if (!populated_zone(zone))
				continue;
			err = fb_walk_zone(zone, opaque, visit);
			if (err)
				return err;
		}
	}
	return 0;
}

/**
 * struct fb_walk - a walk that only reads.
 * @min_pages: shorter runs are left out.
 * @callback: takes the runs.
 * @opaque: passed to @callback.
 * @open: the run that the next hold may continue.
 * @found: runs of what was just read.
 * @nr_found: their number.
 * @quiet: holds since the callback was last called.
 * @holds: counts the holds of a zone's lock.
 */
struct fb_walk {
	unsigned long min_pages;
	fb_walk_callback *callback;
	void *opaque;
	struct fb_run open;
	struct fb_run found[FB_WALK_FOUND];
	unsigned int nr_found;
	unsigned int quiet;
	struct fb_holds *holds;
};

static int fb_walk_emit(struct fb_walk *walk)
{
	struct fb_run run = walk->open;

	walk->open.nr_pages = 0;
	if (!run.nr_pages || run.nr_pages < walk->min_pages)
		return 0;
	walk->quiet = 0;
	return walk->callback(walk->opaque, run.pfn, run.nr_pages);
}

/* Keep a run of this hold, unless it is short and cannot grow together with another hold's. */
static void fb_walk_keep(struct fb_walk *walk, const struct fb_run *run, bool may_grow)
{
	if (run->nr_pages && (may_grow || run->nr_pages >= walk->min_pages))
		walk->found[walk->nr_found++] = *run;
}

/*
 * Find runs from @start on; the zone's lock is held. Returns where it has looked up to, which is
 * @start if there is no memory; @looks counts looks at a page.
 */
static unsigned long fb_walk_read(struct fb_walk *walk, struct zone *zone, unsigned long start,
				  unsigned int *looks)
{
	unsigned long pfn = start, online_end = start, zone_end = zone_end_pfn(zone);
	struct fb_run run = {};

	lockdep_assert_held(&zone->lock);
	while (pfn < zone_end && *looks < FB_WALK_LOOKS && walk->nr_found < FB_WALK_FOUND - 1) {
		unsigned long nr_pages = 1;
		struct page *page;

		if (pfn >= online_end) {
			if (!pfn_to_online_page(pfn))
				break;
			online_end = pageblock_end_pfn(pfn);
		}
		page = pfn_to_page(pfn);
		++*looks;
		if (PageBuddy(page) && page_zone(page) == zone &&
		    fb_buddy_order(page) < FB_NR_ORDERS) {
			nr_pages = 1UL << fb_buddy_order(page);
			fb_run_extend(&run, pfn, nr_pages);
		} else {
			fb_walk_keep(walk, &run, run.pfn == start);
			run.nr_pages = 0;
		}
		pfn += nr_pages;
	}
	fb_walk_keep(walk, &run, true);
	return pfn;
}

static int fb_walk_take_found(struct fb_walk *walk)
{
	unsigned int i;
	int err;

	for (i = 0; i < walk->nr_found; i++) {
		if (fb_run_extend(&walk->open, walk->found[i].pfn, walk->found[i].nr_pages))
			continue;
		err = fb_walk_emit(walk);
		if (err)
			return err;
		walk->open = walk->found[i];
	}
	return 0;
}

static int fb_walk_read_visit(void *opaque, struct zone *zone, unsigned long *pfn,
			      unsigned long end)
{
	struct fb_walk *walk = opaque;
	unsigned long flags, read_pfn;
	unsigned int looks = 0;
	u64 held_ns;
	int err;

	walk->nr_found = 0;
	spin_lock_irqsave(&zone->lock, flags);
	held_ns = fb_holds_clock();
	read_pfn = fb_walk_read(walk, zone, *pfn, &looks);
	held_ns = fb_holds_clock() - held_ns;
	spin_unlock_irqrestore(&zone->lock, flags);
	fb_holds_add(walk->holds, FB_HOLDS_WALK, held_ns, looks);
	*pfn = looks ? read_pfn : end;

	err = fb_walk_take_found(walk);
	if (err || ++walk->quiet < FB_WALK_HEARTBEAT)
		return err;
	walk->quiet = 0;
	return walk->callback(walk->opaque, *pfn, 0);
}

/**
 * fb_walk_free_mem_block() - find runs of free pages. Sleeps; allocates and changes nothing.
 * @opaque: passed to the callback.
 * @min_pages: runs shorter than this are left out.
 * @callback: called for each run, with no lock held.
 * @holds: counts the holds of a zone's lock.
 *
 * Return: 0, or what the callback returned to end the walk.
 */
int fb_walk_free_mem_block(void *opaque, unsigned long min_pages, fb_walk_callback *callback,
			   struct fb_holds *holds)
{
	struct fb_walk walk = {
		.min_pages = min_pages,
		.callback = callback,
		.opaque = opaque,
		.holds = holds,
	};
	int err = fb_walk_pageblocks(&walk, fb_walk_read_visit);

	if (!err)
		err = fb_walk_emit(&walk);
	return err;
}
