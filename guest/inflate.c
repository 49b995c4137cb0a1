// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * inflate.c - growing the balloon.
 *
 * A batch of blocks is taken, sorted, and sent as maximal runs with one kick per full ring.
 * While the device gives the memory back, the pages are marked as those of a balloon; that
 * touches only struct pages. The batch joins the balloon when the device has answered all of
 * it, so nothing that is in the balloon is still being discarded.
 */
#include "fastballoon.h"

static int fb_inflate_batch(struct fb_balloon *fb, struct fb_batch *batch)
{
	struct fb_counters *counters = &fb->counters;
	struct fb_queue *q = fb->inflate_via;
	u64 start_us, sent_us, marked_us;
	int err;

	fb_batch_sort(batch);
	mutex_lock(&q->lock);
	start_us = fb_now_us();
	err = fb_batch_send(q, batch);
	sent_us = fb_now_us();
	fb_batch_mark(fb, batch);
	marked_us = fb_now_us();
	if (!err)
		err = fb_queue_flush(q);
	mutex_unlock(&q->lock);
	fb_count(counters, FB_C_inflate_send_us_last, sent_us - start_us);
	fb_count(counters, FB_C_inflate_mark_us_last, marked_us - sent_us);
	fb_count(counters, FB_C_inflate_wait_us_last, fb_now_us() - marked_us);
	return err;
}

/* Give the batch to the balloon, or keep it until the device has been reset. */
static void fb_inflate_commit(struct fb_balloon *fb, struct fb_batch *batch, bool movable, int err)
{
	if (err) {
		fb_fail(fb, err);
		fb_batch_splice(&fb->unacked, batch);
		return;
	}
	fb_count(&fb->counters, FB_C_inflated_pages, batch->nr_pages);
	count_vm_events(BALLOON_INFLATE, batch->nr_pages);
	if (movable)
		fb_movable_put(fb, batch);
	else
		fb_blocks_put(&fb->blocks, batch);
}

static int fb_inflate_take_and_send(struct fb_balloon *fb, unsigned long want_pages)
{
	u64 start_us = fb_now_us();
	struct fb_batch batch;
	bool movable;
	int err;

	fb_batch_init(&batch);
	movable = fb_source_take(fb, &batch, min(want_pages, FB_BATCH_PAGES), FB_BATCH_BLOCKS);
	fb_count(&fb->counters, FB_C_inflate_take_us_last, fb_now_us() - start_us);
	if (!batch.nr_blocks)
		return fb_size_cut(fb) ? 0 : -EAGAIN;
	/* A page may have left the balloon unannounced and be in the batch: see movable.c. */
	err = fb_movable_settle(fb);
	if (err) {
		fb_batch_free(&batch);
		return err;
	}
	err = fb_inflate_batch(fb, &batch);
	fb_inflate_commit(fb, &batch, movable, err);
	return err;
}

static int fb_inflate_some(struct fb_balloon *fb, unsigned long want_pages)
{
	int err;

	mutex_lock(&fb->taking);
	err = fb_inflate_take_and_send(fb, want_pages);
	mutex_unlock(&fb->taking);
	fb_yield_watch(fb);
	return err;
}

/* Deflated pages that the device has not heard of could be inflated again before it has. */
static int fb_inflate_settle(struct fb_balloon *fb)
{
	int err;

	mutex_lock(&fb->deflate.lock);
	err = fb_queue_flush(&fb->deflate);
	mutex_unlock(&fb->deflate.lock);
	return err;
}

static void fb_inflate_clear_times(struct fb_counters *counters)
{
	fb_count_set(counters, FB_C_inflate_take_us_last, 0);
	fb_count_set(counters, FB_C_inflate_send_us_last, 0);
	fb_count_set(counters, FB_C_inflate_mark_us_last, 0);
	fb_count_set(counters, FB_C_inflate_wait_us_last, 0);
}

/**
 * fb_inflate() - take pages into the balloon. Size worker only; sleeps.
 * @fb: the balloon.
 * @want_pages: how many.
 *
 * Return: 0 when done, or ended early by fb_size_cut(); -EAGAIN where the guest has nothing left to
 * give; an error of fb_queue_wait() where the device does not work.
 */
int fb_inflate(struct fb_balloon *fb, unsigned long want_pages)
{
	unsigned long start_pages = fb_blocks_pages(&fb->blocks);
	u64 start_us = fb_now_us();
	int err;

	fb_inflate_clear_times(&fb->counters);
	err = fb_inflate_settle(fb);
	while (!err && !fb_size_cut(fb)) {
		unsigned long done_pages = fb_blocks_pages(&fb->blocks) - start_pages;

		if (fb_oom_backoff_ms(fb)) {
			err = -EAGAIN;
			break;
		}
		if (done_pages >= want_pages)
			break;
		err = fb_inflate_some(fb, want_pages - done_pages);
		fb_size_progress(fb);
		cond_resched();
	}
	fb_count_set(&fb->counters, FB_C_inflate_us_last, fb_now_us() - start_us);
	return err;
}
