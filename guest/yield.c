// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * yield.c - giving way to the guest's kernel where it needs the places of ballooned blocks.
 *
 * The kernel cannot move the blocks of the fast page sources. Three of its parts may want to:
 * - Offlining of memory. A notifier is called when the range has been isolated: no block of it
 *   is taken any more, and those that the balloon has are given back. The size worker then
 *   takes others for them.
 * - Compaction. A block of a whole pageblock or more is not in its way, for it makes room of
 *   whole pageblocks. Smaller ones are. While the balloon may have any, the kernel's count of
 *   compactions is looked at once a second, on a timer that wakes no idle processor. Where it
 *   has grown, the size worker turns up to 64 MiB of these blocks into single movable pages
 *   (movable.c) where they lie; the device need not know. Compaction then moves those that it
 *   finds in its way.
 * - Allocations that are about to kill a task: oom.c.
 *
 * Contiguous areas for devices (CMA), and ZONE_MOVABLE, hold no such blocks: the fast sources
 * do not take any there; see source.c.
 */
#include <linux/memory.h>

#include "fastballoon.h"

#define FB_YIELD_LOOK_MS 1000

/* What is made movable in one go. */
#define FB_YIELD_BLOCKS 4096
#define FB_YIELD_PAGES 16384

static unsigned long fb_yield_compactions(void)
{
#if defined(CONFIG_VM_EVENT_COUNTERS) && defined(CONFIG_BALLOON_COMPACTION)
	unsigned long events[NR_VM_EVENT_ITEMS];

	all_vm_events(events);
	return events[COMPACTSTALL] + events[KCOMPACTD_WAKE];
#else
	return 0;
#endif
}

/* Look whether the kernel compacts in a second, if the balloon may be in the way. */
static void fb_yield_arm(struct fb_balloon *fb)
{
	unsigned long flags;

	if (READ_ONCE(fb->yield.exhausted) || !READ_ONCE(fb->blocks.nr_blocks))
		return;
	spin_lock_irqsave(&fb->stop_lock, flags);
	if (!fb->stopping)
		queue_delayed_work(fb->wq, &fb->yield.work, msecs_to_jiffies(FB_YIELD_LOOK_MS));
	spin_unlock_irqrestore(&fb->stop_lock, flags);
}

static void fb_yield_look(struct work_struct *work)
{
	struct fb_balloon *fb = container_of(work, struct fb_balloon, yield.work.work);
	unsigned long compactions = fb_yield_compactions();

	if (compactions != fb->yield.compactions) {
		fb->yield.compactions = compactions;
		WRITE_ONCE(fb->yield.wanted, true);
		fb_size_wake(fb);
	}
	fb_yield_arm(fb);
}

/** fb_yield_watch() - look whether the kernel compacts: the balloon has grown. */
void fb_yield_watch(struct fb_balloon *fb)
{
	WRITE_ONCE(fb->yield.exhausted, false);
	fb_yield_arm(fb);
}

/* Part marked blocks into single pages. */
static void fb_yield_split(struct fb_batch *blocks, struct fb_batch *singles)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &blocks->blocks, lru) {
		unsigned int order = fb_block_order(page);
		unsigned long i;

		list_del(&page->lru);
		split_page(page, order);
		for (i = 0; i < 1UL << order; i++)
			fb_batch_add(singles, page + i, 0);
	}
	fb_batch_init(blocks);
}

/** fb_yield_run() - make small blocks movable if compaction asks for it. Size worker only. */
void fb_yield_run(struct fb_balloon *fb)
{
	struct fb_sieve sieve = { 0, ULONG_MAX, pageblock_order, FB_YIELD_PAGES, FB_YIELD_BLOCKS };
	struct fb_batch blocks, singles;

	if (!xchg(&fb->yield.wanted, false))
		return;
	fb_batch_init(&blocks);
	fb_batch_init(&singles);
	fb_blocks_sift(&fb->blocks, &sieve, &blocks);
	if (!blocks.nr_blocks) {
		WRITE_ONCE(fb->yield.exhausted, true);
		return;
	}
	fb_count(&fb->counters, FB_C_yielded_pages, blocks.nr_pages);
	fb_yield_split(&blocks, &singles);
	fb_movable_put(fb, &singles);
	fb_yield_arm(fb);
}

static int fb_yield_memory(struct notifier_block *nb, unsigned long action, void *data)
{
	struct fb_balloon *fb = container_of(nb, struct fb_balloon, yield.memory_nb);
	struct memory_notify *range = data;
	unsigned long pages;

	if (action == MEM_GOING_OFFLINE) {
		pages = fb_deflate_range(fb, range->start_pfn, range->start_pfn + range->nr_pages);
		fb_count(&fb->counters, FB_C_offline_deflated_pages, pages);
		if (pages)
			fb_size_write_actual(fb);
	}
	if (action != MEM_GOING_ONLINE)
		fb_size_wake(fb);
	return NOTIFY_OK;
}

/** fb_yield_init() - prepare. */
void fb_yield_init(struct fb_balloon *fb)
{
	INIT_DEFERRABLE_WORK(&fb->yield.work, fb_yield_look);
}

/** fb_yield_start() - listen for memory that is to go offline; a refusal is logged only. */
void fb_yield_start(struct fb_balloon *fb)
{
	int err;

	fb->yield.memory_nb.notifier_call = fb_yield_memory;
	fb->yield.compactions = fb_yield_compactions();
	err = register_memory_notifier(&fb->yield.memory_nb);
	fb->yield.registered = !err;
	if (err)
		dev_notice(&fb->vdev->dev,
			   "memory with pages of the balloon cannot go offline (%d)\n", err);
}

/** fb_yield_stop() - undo fb_yield_start(); returns when no notification runs. */
void fb_yield_stop(struct fb_balloon *fb)
{
	if (fb->yield.registered)
		unregister_memory_notifier(&fb->yield.memory_nb);
	fb->yield.registered = false;
	cancel_delayed_work_sync(&fb->yield.work);
}
