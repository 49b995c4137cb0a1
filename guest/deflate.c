// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * deflate.c - shrinking the balloon.
 *
 * The device is told which pages leave the balloon, in the encoding in which it was told of
 * them. Pages that went through the reporting queue it knows nothing of, and hears nothing.
 * With MUST_TELL_HOST the pages are the guest's when the device has answered; without, at
 * once. fb_inflate() waits for late answers before it takes pages again.
 */
#include <linux/delay.h>

#include "fastballoon.h"

/* How often, about a millisecond apart, pages in the middle of a migration are waited for. */
#define FB_MIGRATION_TRIES 1000

/* How long an allocation in distress waits for another deflation to finish. */
#define FB_OOM_LOCK_TRIES_MS 100

/* How long the offlining of memory waits for an inflation and for a deflation. */
#define FB_RANGE_LOCK_TRIES_MS 2000

/** fb_deflate_must_tell() - whether pages are the guest's only when the device has answered. */
bool fb_deflate_must_tell(struct fb_balloon *fb)
{
	return fb->announces_deflate &&
	       virtio_has_feature(fb->vdev, VIRTIO_BALLOON_F_MUST_TELL_HOST);
}

static int fb_deflate_announce(struct fb_balloon *fb, struct fb_batch *batch)
{
	lockdep_assert_held(&fb->deflate.lock);
	if (!fb->announces_deflate || fb_dead(fb))
		return 0;
	fb_batch_sort(batch);
	return fb_batch_send(&fb->deflate, batch);
}

static void fb_deflate_release(struct fb_balloon *fb, struct fb_batch *batch)
{
	fb_count(&fb->counters, FB_C_deflated_pages, batch->nr_pages);
	count_vm_events(BALLOON_DEFLATE, batch->nr_pages);
	fb_batch_unmark(fb, batch);
	fb_batch_free(batch);
}

/* Announce and free a batch; on an error with MUST_TELL_HOST it is kept until a reset. */
static int fb_deflate_batch(struct fb_balloon *fb, struct fb_batch *batch)
{
	int err;

	lockdep_assert_held(&fb->deflate.lock);
	err = fb_deflate_announce(fb, batch);
	if (fb_deflate_must_tell(fb)) {
		if (!err)
			err = fb_queue_flush(&fb->deflate);
		if (err && !fb_dead(fb)) {
			fb_fail(fb, err);
			fb_batch_splice(&fb->unacked, batch);
			return err;
		}
	}
	fb_deflate_release(fb, batch);
	if (err)
		fb_fail(fb, err);
	return 0;
}

static void fb_deflate_take(struct fb_balloon *fb, struct fb_batch *batch, unsigned long want_pages)
{
	want_pages = min(want_pages, FB_BATCH_PAGES);
	fb_batch_init(batch);
	fb_blocks_take(&fb->blocks, batch, want_pages, FB_BATCH_BLOCKS);
	if (fb_movable_pages(fb))
		fb_movable_take(fb, batch, want_pages, FB_BATCH_BLOCKS);
}

static int fb_deflate_some(struct fb_balloon *fb, unsigned long want_pages)
{
	struct fb_batch batch;
	int err;

	mutex_lock(&fb->deflate.lock);
	fb_deflate_take(fb, &batch, want_pages);
	err = batch.nr_blocks ? fb_deflate_batch(fb, &batch) : -ENOENT;
	mutex_unlock(&fb->deflate.lock);
	return err;
}

/* All pages left are being migrated: let the device know of those that have been, and wait. */
static int fb_deflate_wait_migration(struct fb_balloon *fb, unsigned int *tries)
{
	int err;

	if (!fb_movable_pages(fb))
		return -ENOENT;
	if (++*tries > FB_MIGRATION_TRIES)
		return -EAGAIN;
	err = fb_movable_settle(fb);
	if (!err)
		usleep_range(500, 1500);
	return err;
}

/**
 * fb_deflate() - give pages of the balloon back to the guest. Size worker, or none running.
 * @fb: the balloon.
 * @want_pages: how many; sleeps until they are given back or the balloon is empty.
 *
 * Return: 0; -EAGAIN where the pages left are being migrated for long; an error of
 * fb_queue_wait() where the device must be told and does not answer.
 */
int fb_deflate(struct fb_balloon *fb, unsigned long want_pages)
{
	unsigned long start_pages = fb_blocks_pages(&fb->blocks);
	unsigned long end_pages = start_pages - min(start_pages, want_pages);
	u64 start_us = fb_now_us();
	unsigned int tries = 0;
	int err = 0;

	while (!err) {
		unsigned long now_pages = fb_blocks_pages(&fb->blocks);

		if (now_pages <= end_pages)
			break;
		err = fb_deflate_some(fb, now_pages - end_pages);
		if (err == -ENOENT)
			err = fb_deflate_wait_migration(fb, &tries);
		fb_size_progress(fb);
		cond_resched();
	}
	fb_count_set(&fb->counters, FB_C_deflate_us_last, fb_now_us() - start_us);
	return err == -ENOENT ? 0 : err;
}

static bool fb_deflate_lock_bounded(struct mutex *lock, unsigned int tries)
{
	for (; tries; tries--) {
		if (mutex_trylock(lock))
			return true;
		msleep(1);
	}
	return false;
}

/**
 * fb_deflate_for_oom() - give pages back to a guest that is out of memory; bounded waits.
 * @fb: the balloon.
 * @want_pages: how many.
 *
 * Return: pages given back.
 */
unsigned long fb_deflate_for_oom(struct fb_balloon *fb, unsigned long want_pages)
{
	unsigned long freed_pages = 0;

	if (!fb_deflate_lock_bounded(&fb->deflate.lock, FB_OOM_LOCK_TRIES_MS))
		return 0;
	while (freed_pages < want_pages) {
		struct fb_batch batch;
		unsigned long pages;

		fb_deflate_take(fb, &batch, want_pages - freed_pages);
		pages = batch.nr_pages;
		if (!pages || fb_deflate_batch(fb, &batch))
			break;
		freed_pages += pages;
	}
	mutex_unlock(&fb->deflate.lock);
	return freed_pages;
}

/**
 * fb_deflate_range() - give blocks back that lie in a range; single movable pages stay.
 * @fb: the balloon.
 * @start_pfn: first page frame of the range, of whose memory no more is free to be taken.
 * @end_pfn: the one behind its last.
 *
 * Waits for blocks that are on their way into the balloon; sleeps.
 *
 * Return: pages given back.
 */
unsigned long fb_deflate_range(struct fb_balloon *fb, unsigned long start_pfn,
			       unsigned long end_pfn)
{
	struct fb_sieve sieve = { start_pfn, end_pfn, FB_NR_ORDERS, FB_BATCH_PAGES,
				  FB_BATCH_BLOCKS };
	unsigned long freed_pages = 0, pages;

	if (!fb_deflate_lock_bounded(&fb->taking, FB_RANGE_LOCK_TRIES_MS))
		return 0;
	mutex_unlock(&fb->taking);
	do {
		struct fb_batch batch;

		if (!fb_deflate_lock_bounded(&fb->deflate.lock, FB_RANGE_LOCK_TRIES_MS))
			break;
		fb_batch_init(&batch);
		fb_blocks_sift(&fb->blocks, &sieve, &batch);
		pages = batch.nr_pages;
		if (pages && fb_deflate_batch(fb, &batch))
			pages = 0;
		mutex_unlock(&fb->deflate.lock);
		freed_pages += pages;
	} while (pages);
	return freed_pages;
}

/**
 * fb_deflate_after_reset() - free what the device could have kept.
 * @fb: a balloon whose device has been reset and that nothing else uses any more.
 */
void fb_deflate_after_reset(struct fb_balloon *fb)
{
	int err;

	/* The kernel gives back what it has isolated; it must not find the driver gone then. */
	do {
		err = fb_deflate(fb, fb_blocks_pages(&fb->blocks));
	} while (err == -EAGAIN);
	fb_movable_settle(fb);
	fb_deflate_release(fb, &fb->unacked);
}
