/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * yield.h - giving way to the guest's kernel where it needs the places of ballooned blocks.
 */
#ifndef FB_YIELD_H
#define FB_YIELD_H

#include <linux/notifier.h>
#include <linux/workqueue.h>

struct fb_balloon;

/**
 * struct fb_yield - see yield.c.
 * @memory_nb: hears of memory that is to go offline.
 * @registered: that is in force.
 * @work: looks whether the kernel compacts memory.
 * @compactions: how often it had when @work last looked.
 * @exhausted: the balloon had no small block when one was last looked for.
 * @wanted: the size worker is to make blocks movable.
 */
struct fb_yield {
	struct notifier_block memory_nb;
	bool registered;
	struct delayed_work work;
	unsigned long compactions;
	bool exhausted;
	bool wanted;
};

void fb_yield_init(struct fb_balloon *fb);
void fb_yield_start(struct fb_balloon *fb);
void fb_yield_stop(struct fb_balloon *fb);
void fb_yield_watch(struct fb_balloon *fb);
void fb_yield_run(struct fb_balloon *fb);

#endif
