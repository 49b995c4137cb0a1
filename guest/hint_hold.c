// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hint_hold.c - hinting blocks that are held off the free lists until the device has answered.
 *
 * Within a pageblock, runs of free blocks that are long enough are taken in the same hold of
 * the zone's lock that found them. Neighbours go out as one descriptor; its token is the run's
 * first page, whose index holds the run's length, and page->private of each block its order.
 * When it comes back, the blocks go straight to the free lists. hint_hold_mib limits what is
 * away at a time, by default to a quarter of what the guest can spare, and no zone is taken
 * below its high watermark. In a round of FB_HINT_HELD what comes back is kept (hint_kept.c), and
 * where the free lists may not be touched, blocks are allocated (hint_alloc.c).
 *
 * The migration holds the lock that a hint needs for up to 50 ms at a time, so a few long runs
 * get through sooner than many short ones.
 *
 * Giving back writes to a struct page for each block, memory that the migration then sends
 * again: small runs are taken in the first round only.
 */
#include <linux/memory_hotplug.h>

#include "compat/pageblock.h"
#include "fastballoon.h"

/* From the second round on, shorter runs are left alone. */
#define FB_HOLD_LATER_ORDER 9

/* A run is sent when it is this part of all that may be held, so that answers overlap. */
#define FB_HOLD_RUN_PART 2

/* Without hint_hold_mib: a part of what is spare; of little, half, but no more than this. */
#define FB_HOLD_SPARE_PART 4
#define FB_HOLD_HALF_PAGES (256UL << (20 - PAGE_SHIFT))

/* Pages that may be held at a time in this round. */
static unsigned long fb_hold_limit_pages(void)
{
	unsigned long limit_pages = (unsigned long)fb_param_hint_hold_mib() << (20 - PAGE_SHIFT);
	unsigned long spare_pages;

	if (limit_pages)
		return limit_pages;
	spare_pages = fb_buddy_spare_all();
	return max(spare_pages / FB_HOLD_SPARE_PART, min(spare_pages / 2, FB_HOLD_HALF_PAGES));
}

static void fb_hold_give_back(struct fb_balloon *fb, struct page *page)
{
	unsigned long nr_pages = page->index;

	while (nr_pages) {
		unsigned int order = fb_block_order(page);

		set_page_private(page, 0);
		__free_pages(page, order);
		page += 1UL << order;
		nr_pages -= 1UL << order;
	}
}

/**
 * fb_hint_hold_complete() - the device has handled a hint, or has been reset.
 * @q: the free page queue.
 * @token: the run's first page.
 */
void fb_hint_hold_complete(struct fb_queue *q, void *token)
{
	struct fb_hint *hint = &q->fb->hint;
	struct page *page = token;

	hint->held_pages -= page->index;
	if (hint->round_mode == FB_HINT_HELD && !hint->done)
		fb_hint_keep(hint, page);
	else
		fb_hold_give_back(q->fb, page);
}

/* Queue the run that is open; gives it back where that fails or the ring is full. */
static int fb_hold_send(struct fb_balloon *fb)
{
	struct fb_hint *hint = &fb->hint;
	struct fb_run run = hint->open;
	struct page *page;
	int err;

	if (!run.nr_pages)
		return 0;
	hint->open.nr_pages = 0;
	page = pfn_to_page(run.pfn);
	page->index = run.nr_pages;
	fb_count(&fb->counters, FB_C_hinted_pages, run.nr_pages);
	err = fb_queue_add_in(&hint->queue, run.pfn, run.nr_pages, page);
	if (err) {
		hint->held_pages -= run.nr_pages;
		fb_hold_give_back(fb, page);
		return fb_queue_dropped(&hint->queue, err, run.nr_pages);
	}
	fb_queue_kick(&hint->queue);
	return 0;
}

/* Whether a block lies in pageblocks of the ordinary types alone. */
static bool fb_hold_type_ok(unsigned long pfn, unsigned long nr_pages)
{
	unsigned long end = pfn + nr_pages;

	for (; pfn < end; pfn = pageblock_end_pfn(pfn))
		if (fb_pageblock_type(pfn) >= MIGRATE_PCPTYPES)
			return false;
	return true;
}

/* Pages of the free block at @pfn that may be taken, or 0. */
static unsigned long fb_hold_free_block(struct zone *zone, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	unsigned long nr_pages;

	lockdep_assert_held(&zone->lock);
	if (!PageBuddy(page) || page_zone(page) != zone || fb_buddy_order(page) >= FB_NR_ORDERS)
		return 0;
	nr_pages = 1UL << fb_buddy_order(page);
	return fb_hold_type_ok(pfn, nr_pages) ? nr_pages : 0;
}

/* End of the run of free blocks that begins at @pfn and in which a block begins before @end. */
static unsigned long fb_hold_run_end(struct zone *zone, unsigned long pfn, unsigned long end)
{
	unsigned long nr_pages;

	while (pfn < end && (nr_pages = fb_hold_free_block(zone, pfn)))
		pfn += nr_pages;
	return pfn;
}

static void fb_hold_take(struct fb_balloon *fb, struct zone *zone, unsigned long pfn,
			 unsigned long end)
{
	while (pfn < end) {
		struct page *page = pfn_to_page(pfn);
		unsigned int order = fb_buddy_order(page);

		fb_buddy_remove(zone, page, order);
		set_page_private(page, order);
		fb_count(&fb->counters, FB_C_hint_blocks_held, 1);
		pfn += 1UL << order;
	}
}

/* Find the next run in [*@pfn, @end) that is long enough, and take it. */
static struct fb_run fb_hold_next(struct fb_balloon *fb, struct zone *zone, unsigned long *pfn,
				  unsigned long end)
{
	unsigned long flags, from_pfn = *pfn;
	struct fb_run run = {};
	u64 held_ns;

	spin_lock_irqsave(&zone->lock, flags);
	held_ns = fb_holds_clock();
	if (!pfn_to_online_page(*pfn))
		*pfn = end;
	while (*pfn < end && !run.nr_pages) {
		unsigned long run_end = fb_hold_run_end(zone, *pfn, end);
		unsigned long nr_pages = run_end - *pfn;

		if (nr_pages >= fb->hint.min_pages && nr_pages <= fb_buddy_spare(zone)) {
			run = (struct fb_run){ *pfn, nr_pages };
			fb_hold_take(fb, zone, *pfn, run_end);
		}
		*pfn = max(run_end, *pfn + 1);
	}
	held_ns = fb_holds_clock() - held_ns;
	spin_unlock_irqrestore(&zone->lock, flags);
	fb_holds_add(&fb->holds, FB_HOLDS_HINT, held_ns, min(*pfn, end) - from_pfn);
	return run;
}

/**
 * fb_hint_hold_add() - hint blocks that have been taken. Queue locked; sleeps.
 * @fb: the balloon.
 * @run: neighbouring blocks. They wait for others as long as these touch them.
 *
 * Return: as fb_queue_put(); the blocks are taken care of also after an error.
 */
int fb_hint_hold_add(struct fb_balloon *fb, const struct fb_run *run)
{
	struct fb_hint *hint = &fb->hint;
	unsigned long max_pages = min(hint->limit_pages / FB_HOLD_RUN_PART, FB_RUN_MAX_PAGES);
	int err = 0;

	hint->held_pages += run->nr_pages;
	fb_count_max(&fb->counters, FB_C_hint_held_pages_max, hint->held_pages);
	if (hint->open.nr_pages + run->nr_pages > max_pages ||
	    !fb_run_extend(&hint->open, run->pfn, run->nr_pages)) {
		err = fb_hold_send(fb);
		hint->open = *run;
	}
	return err;
}

/**
 * fb_hint_hold_make_room() - wait until another block, or pageblock, may be in flight.
 * @fb: the balloon; its hint queue is locked.
 *
 * Return: as fb_queue_wait().
 */
int fb_hint_hold_make_room(struct fb_balloon *fb)
{
	unsigned long need_pages = max(pageblock_nr_pages, 1UL << FB_TOP_ORDER);
	struct fb_hint *hint = &fb->hint;
	int err = 0;

	fb_queue_reap(&hint->queue);
	while (!err && hint->held_pages + need_pages > hint->limit_pages) {
		err = fb_hold_send(fb);
		if (!err && hint->queue.inflight)
			err = fb_queue_wait(&hint->queue);
		if (!hint->queue.inflight)
			break;
	}
	return err;
}

static int fb_hold_visit(void *opaque, struct zone *zone, unsigned long *pfn, unsigned long end)
{
	struct fb_balloon *fb = opaque;
	int err = 0;

	if (!fb_buddy_zone_ok(zone)) {
		*pfn = end;
		return 0;
	}
	if (fb_queue_cut(&fb->hint.queue))
		return -EINTR;
	while (!err && *pfn < end) {
		struct fb_run run;

		err = fb_hint_hold_make_room(fb);
		if (err)
			break;
		run = fb_hold_next(fb, zone, pfn, end);
		if (run.nr_pages)
			err = fb_hint_hold_add(fb, &run);
	}
	return err;
}

/**
 * fb_hint_hold_round() - hint all free memory once. Queue locked; sleeps.
 * @fb: the balloon.
 *
 * Return: 0; -EINTR where the host wants no more of it; an error of fb_queue_wait().
 */
int fb_hint_hold_round(struct fb_balloon *fb)
{
	struct fb_hint *hint = &fb->hint;
	int err, send_err;

	if (hint->rounds)
		hint->min_pages = max(hint->min_pages, 1UL << FB_HOLD_LATER_ORDER);
	hint->limit_pages = fb_hold_limit_pages();
	if (fb->source == FB_SOURCE_BUDDY)
		err = fb_walk_pageblocks(fb, fb_hold_visit);
	else
		err = fb_hint_alloc_round(fb);
	send_err = fb_hold_send(fb);
	return err ? err : send_err;
}
