/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * size.h - the worker that brings the balloon to the size that the host asks for.
 */
#ifndef FB_SIZE_H
#define FB_SIZE_H

#include <linux/mutex.h>
#include <linux/workqueue.h>

struct fb_balloon;

/**
 * struct fb_size - the way to the target; the size worker's, if nothing else is said.
 * @work: the size worker.
 * @target_pages: the target when it was last read; others may look.
 * @config_seq: fb->config_seq when the worker looked last.
 * @retry_ms: the current pause; 0 when there is progress or a new target.
 * @actual_lock: orders writes of "actual", and protects what follows.
 * @actual_known: the device has been told @actual_pages.
 * @actual_pages: what was written last.
 * @actual_written: when, in jiffies.
 */
struct fb_size {
	struct delayed_work work;
	unsigned long target_pages;
	int config_seq;
	unsigned int retry_ms;
	struct mutex actual_lock;
	bool actual_known;
	u32 actual_pages;
	unsigned long actual_written;
};

void fb_size_init(struct fb_balloon *fb);
void fb_size_start(struct fb_balloon *fb);
void fb_size_wake(struct fb_balloon *fb);
bool fb_size_cut(struct fb_balloon *fb);
void fb_size_progress(struct fb_balloon *fb);
void fb_size_write_actual(struct fb_balloon *fb);

#endif
