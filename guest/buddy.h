/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * buddy.h - blocks of free pages, taken off the buddy lists without allocating them.
 */
#ifndef FB_BUDDY_H
#define FB_BUDDY_H

#include <linux/mmzone.h>

struct fb_balloon;
struct fb_batch;

unsigned long fb_buddy_above(struct zone *zone, unsigned long mark_pages);
unsigned long fb_buddy_spare(struct zone *zone);
unsigned long fb_buddy_spare_all(void);
bool fb_buddy_spares_block(unsigned int min_order);
bool fb_buddy_zone_ok(struct zone *zone);
unsigned int fb_buddy_order(const struct page *page);
void fb_buddy_remove(struct zone *zone, struct page *page, unsigned int order);
bool fb_buddy_take(struct fb_balloon *fb, struct fb_batch *batch, unsigned long want_pages,
		   unsigned int max_blocks);

#endif
