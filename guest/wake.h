/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wake.h - waking the size worker when the guest frees memory.
 */
#ifndef FB_WAKE_H
#define FB_WAKE_H

#include <linux/irq_work.h>
#include <linux/types.h>

struct fb_balloon;

/**
 * struct fb_wake - see above.
 * @freed: pages freed on each CPU since it last looked at the free memory.
 * @attached: the probe is in place; size worker only.
 * @armed: free memory of @threshold_pages wakes the size worker.
 * @threshold_pages: of all zones.
 * @irq_work: queues the size worker out of any context.
 */
struct fb_wake {
	unsigned int __percpu *freed;
	bool attached;
	bool armed;
	unsigned long threshold_pages;
	struct irq_work irq_work;
};

void fb_wake_find(void);
int fb_wake_create(struct fb_balloon *fb);
void fb_wake_destroy(struct fb_balloon *fb);
bool fb_wake_arm(struct fb_balloon *fb, unsigned long free_pages);
void fb_wake_detach(struct fb_balloon *fb);
void fb_wake_stop(struct fb_balloon *fb);

#endif
