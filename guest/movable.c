// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * movable.c - single pages in the balloon that the guest's kernel may migrate.
 *
 * The pages are those of Linux's balloon compaction, so compaction, the offlining of memory
 * and contiguous allocations can move them: the kernel isolates a page and hands over another
 * one, the balloon takes that and gives the first one back.
 *
 * fb_movable_migrate() runs in the context of whoever compacts, perhaps a page fault. It only
 * exchanges the pages and leaves the rest to fb_movable_settle(), which tells the device of many
 * at once:
 * - The page that came is in "arrived": no one may use it, and it cannot be migrated or
 *   deflated before the device has answered that it is inflated.
 * - The page that went is in "left". Without MUST_TELL_HOST it is the guest's at once. With
 *   it, the balloon keeps a reference until the device has answered; page->lru is the
 *   kernel's then, which is why "left" is an array.
 * Where there is no room for more the migration is refused for now, and the kernel tries again.
 * It tries so often in so short a time that contiguous allocations and offlining, which need each
 * page of theirs, would fail: MIGRATE_SYNC waits for the device, within a bound.
 *
 * A page that went may be taken for the balloon again at once. So fb_inflate() settles after
 * it has taken pages and before it sends them, and settling announces what went before what
 * came.
 *
 * A page's flags change under its page lock, and within that under pages_lock.
 */
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/sort.h>

#include "fastballoon.h"

/* Pages looked at in one hold of pages_lock. */
#define FB_MOVABLE_HOLD_PAGES 64

/* How long a migration waits for room at most. */
#define FB_MOVABLE_ROOM_MS 500

static bool fb_movable_is_full(const struct fb_movable *movable)
{
	return READ_ONCE(movable->nr_left) == FB_MOVABLE_UNSETTLED ||
	       READ_ONCE(movable->arrived.nr_blocks) == FB_MOVABLE_UNSETTLED;
}

static int fb_movable_migrate(struct balloon_dev_info *info, struct page *to, struct page *from,
			      enum migrate_mode mode)
{
	struct fb_movable *movable = container_of(info, struct fb_movable, info);
	struct fb_balloon *fb = container_of(movable, struct fb_balloon, movable);
	bool keep = fb_deflate_must_tell(fb), full;
	unsigned long flags;

	if (mode == MIGRATE_SYNC)
		wait_event_timeout(movable->room,
				   !fb_movable_is_full(movable) || fb_stopping(fb) || fb_failed(fb),
				   msecs_to_jiffies(FB_MOVABLE_ROOM_MS));
	if (fb_stopping(fb) || fb_failed(fb))
		return -EAGAIN;
	spin_lock_irqsave(&info->pages_lock, flags);
	full = fb_movable_is_full(movable);
	if (!full) {
		get_page(to);
		fb_batch_add(&movable->arrived, to, 0);
		if (fb->announces_deflate)
			movable->left[movable->nr_left++] = page_to_pfn(from);
		balloon_page_finalize(from);
		if (fb_adjusts_managed(fb)) {
			adjust_managed_page_count(from, 1);
			adjust_managed_page_count(to, -1);
		}
#ifdef CONFIG_BALLOON_COMPACTION
		count_vm_event(BALLOON_MIGRATE);
#endif
		fb_count(&fb->counters, FB_C_migrated_pages, 1);
	}
	fb_queue_work(fb, fb->wq, &movable->work);
	/* Last: whoever waits for isolated pages may free the balloon when none is left. */
	if (!full)
		info->isolated_pages--;
	spin_unlock_irqrestore(&info->pages_lock, flags);
	if (full)
		return -EAGAIN;
	if (!keep)
		put_page(from);
	return MIGRATEPAGE_SUCCESS;
}

static int fb_movable_cmp_pfn(const void *a, const void *b)
{
	unsigned long pfn_a = *(const unsigned long *)a, pfn_b = *(const unsigned long *)b;

	return pfn_a < pfn_b ? -1 : pfn_a > pfn_b;
}

/* Announce pages that went and wait, since they may come again on another queue. */
static int fb_movable_announce_left(struct fb_balloon *fb, const unsigned long *pfns,
				    unsigned int nr)
{
	struct fb_queue *q = &fb->deflate;
	unsigned int i;
	int err = 0;

	mutex_lock(&q->lock);
	for (i = 0; i < nr && !err; i++)
		err = fb_queue_put(q, pfns[i], 1);
	if (!err)
		err = fb_queue_flush(q);
	mutex_unlock(&q->lock);
	return err;
}

static int fb_movable_settle_left(struct fb_balloon *fb)
{
	struct fb_movable *movable = &fb->movable;
	unsigned int i, nr = READ_ONCE(movable->nr_left);
	unsigned long flags;

	lockdep_assert_held(&movable->lock);
	if (!nr)
		return 0;
	sort(movable->left, nr, sizeof(movable->left[0]), fb_movable_cmp_pfn, NULL);
	if (!fb_dead(fb)) {
		int err = fb_movable_announce_left(fb, movable->left, nr);

		if (err)
			return err;
	}
	if (fb_deflate_must_tell(fb))
		for (i = 0; i < nr; i++)
			put_page(pfn_to_page(movable->left[i]));
	spin_lock_irqsave(&movable->info.pages_lock, flags);
	movable->nr_left -= nr;
	memmove(movable->left, movable->left + nr, movable->nr_left * sizeof(movable->left[0]));
	spin_unlock_irqrestore(&movable->info.pages_lock, flags);
	return 0;
}

/* Let the kernel migrate a page that the device knows to be inflated. */
static void fb_movable_insert(struct fb_movable *movable, struct page *page)
{
	unsigned long flags;

	list_del(&page->lru);
	lock_page(page);
	spin_lock_irqsave(&movable->info.pages_lock, flags);
	balloon_page_insert(&movable->info, page);
	spin_unlock_irqrestore(&movable->info.pages_lock, flags);
	unlock_page(page);
}

static int fb_movable_settle_arrived(struct fb_balloon *fb)
{
	struct fb_movable *movable = &fb->movable;
	struct fb_queue *q = fb->inflate_via;
	struct page *page, *next;
	struct fb_batch batch;
	int err = 0;

	lockdep_assert_held(&movable->lock);
	fb_batch_init(&batch);
	spin_lock_irq(&movable->info.pages_lock);
	fb_batch_splice(&batch, &movable->arrived);
	spin_unlock_irq(&movable->info.pages_lock);
	if (!batch.nr_blocks)
		return 0;
	if (!fb_dead(fb)) {
		fb_batch_sort(&batch);
		mutex_lock(&q->lock);
		err = fb_batch_send(q, &batch);
		if (!err)
			err = fb_queue_flush(q);
		mutex_unlock(&q->lock);
	}
	if (err) {
		spin_lock_irq(&movable->info.pages_lock);
		fb_batch_splice(&movable->arrived, &batch);
		spin_unlock_irq(&movable->info.pages_lock);
		return err;
	}
	list_for_each_entry_safe(page, next, &batch.blocks, lru)
		fb_movable_insert(movable, page);
	return 0;
}

/**
 * fb_movable_settle() - tell the device of the pages that migrations exchanged. Sleeps.
 * @fb: the balloon; none of its queues is locked.
 *
 * Return: 0; an error of fb_queue_wait() where the device does not work. The pages that it has
 * not answered for stay where they are then; after a reset they are free to be deflated.
 */
int fb_movable_settle(struct fb_balloon *fb)
{
	int err;

	mutex_lock(&fb->movable.lock);
	err = fb_movable_settle_left(fb);
	if (!err)
		err = fb_movable_settle_arrived(fb);
	mutex_unlock(&fb->movable.lock);
	if (err)
		fb_fail(fb, err);
	wake_up_all(&fb->movable.room);
	return err;
}

static void fb_movable_work(struct work_struct *work)
{
	fb_movable_settle(container_of(work, struct fb_balloon, movable.work));
}

/** fb_movable_init() - make an empty record. */
void fb_movable_init(struct fb_balloon *fb)
{
	struct fb_movable *movable = &fb->movable;

	mutex_init(&movable->lock);
	init_waitqueue_head(&movable->room);
	balloon_devinfo_init(&movable->info);
	movable->info.migratepage = fb_movable_migrate;
	fb_batch_init(&movable->arrived);
	INIT_WORK(&movable->work, fb_movable_work);
}

/** fb_movable_pages() - number of pages, also those that are being migrated. */
unsigned long fb_movable_pages(const struct fb_balloon *fb)
{
	return READ_ONCE(fb->movable.nr_pages);
}

/**
 * fb_movable_alloc() - allocate a page that fb_movable_put() takes. May reclaim memory.
 * @nid: the node to try first, or NUMA_NO_NODE.
 *
 * Return: a page, or NULL.
 */
struct page *fb_movable_alloc(int nid)
{
	gfp_t gfp = __GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC;

	return alloc_pages_node(nid, balloon_mapping_gfp_mask() | gfp, 0);
}

static void fb_movable_account(struct fb_balloon *fb, long pages)
{
	unsigned long flags;

	spin_lock_irqsave(&fb->movable.info.pages_lock, flags);
	WRITE_ONCE(fb->movable.nr_pages, fb->movable.nr_pages + pages);
	spin_unlock_irqrestore(&fb->movable.info.pages_lock, flags);
	fb_blocks_account(&fb->blocks, pages);
}

/**
 * fb_movable_put() - let the kernel migrate single pages that the device has inflated. Sleeps.
 * @fb: the balloon.
 * @batch: marked blocks of order 0, which become part of the balloon.
 */
void fb_movable_put(struct fb_balloon *fb, struct fb_batch *batch)
{
	struct page *page, *next;

	fb_movable_account(fb, batch->nr_pages);
	list_for_each_entry_safe(page, next, &batch->blocks, lru) {
		__ClearPageOffline(page);
		fb_movable_insert(&fb->movable, page);
		cond_resched();
	}
	fb_batch_init(batch);
}

/* Take what one hold of the lock allows; returns whether more may be had. */
static bool fb_movable_take_some(struct fb_movable *movable, struct fb_batch *batch,
				 unsigned long want_pages, unsigned int max_blocks)
{
	unsigned int looks = FB_MOVABLE_HOLD_PAGES;
	struct page *page, *next;
	unsigned long flags;
	bool taken = false;

	spin_lock_irqsave(&movable->info.pages_lock, flags);
	list_for_each_entry_safe(page, next, &movable->info.pages, lru) {
		if (!looks-- || batch->nr_pages >= want_pages || batch->nr_blocks >= max_blocks)
			break;
		if (!trylock_page(page))
			continue;
		if (!PageIsolated(page)) {
			list_del(&page->lru);
			balloon_page_finalize(page);
			__SetPageOffline(page);
			fb_batch_add(batch, page, 0);
			taken = true;
		}
		unlock_page(page);
	}
	spin_unlock_irqrestore(&movable->info.pages_lock, flags);
	return taken && batch->nr_pages < want_pages && batch->nr_blocks < max_blocks;
}

/**
 * fb_movable_take() - take pages that are not being migrated just now. May sleep.
 * @fb: the balloon.
 * @batch: receives them, marked.
 * @want_pages: size that the batch is to reach.
 * @max_blocks: blocks after which it is full.
 */
void fb_movable_take(struct fb_balloon *fb, struct fb_batch *batch, unsigned long want_pages,
		     unsigned int max_blocks)
{
	unsigned long before_pages = batch->nr_pages;

	while (fb_movable_take_some(&fb->movable, batch, want_pages, max_blocks))
		cond_resched();
	fb_movable_account(fb, -(long)(batch->nr_pages - before_pages));
}
