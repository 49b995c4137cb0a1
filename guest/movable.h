/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * movable.h - single pages in the balloon that the guest's kernel may migrate.
 */
#ifndef FB_MOVABLE_H
#define FB_MOVABLE_H

#include <linux/balloon_compaction.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "blocks.h"

struct fb_balloon;

/* Most pages that migrations put in, or take out, before the device hears of them. */
#define FB_MOVABLE_UNSETTLED 512

/**
 * struct fb_movable - see movable.c.
 * @lock: orders those who settle; held while the device is waited for.
 * @info: Linux's record of the pages. Its pages_lock protects the fields below.
 * @nr_pages: all pages, also those that a migration has isolated and those in @arrived; may be
 *            read without the lock.
 * @arrived: pages that migrations put into the balloon and that the device has not heard of.
 * @left: frame numbers of pages that migrations took out and that it has not heard of.
 * @nr_left: their number. Entries are appended by migrations and removed under @lock alone.
 * @room: woken when the device has heard of pages.
 * @work: settles.
 */
struct fb_movable {
	struct mutex lock;
	struct balloon_dev_info info;
	unsigned long nr_pages;
	struct fb_batch arrived;
	unsigned long left[FB_MOVABLE_UNSETTLED];
	unsigned int nr_left;
	wait_queue_head_t room;
	struct work_struct work;
};

void fb_movable_init(struct fb_balloon *fb);
unsigned long fb_movable_pages(const struct fb_balloon *fb);
struct page *fb_movable_alloc(int nid);
void fb_movable_put(struct fb_balloon *fb, struct fb_batch *batch);
void fb_movable_take(struct fb_balloon *fb, struct fb_batch *batch, unsigned long want_pages,
		     unsigned int max_blocks);
int fb_movable_settle(struct fb_balloon *fb);

#endif
