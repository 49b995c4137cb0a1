/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source.h - where the balloon's pages come from.
 */
#ifndef FB_SOURCE_H
#define FB_SOURCE_H

struct fb_balloon;
struct fb_batch;
struct page;

enum fb_source { FB_SOURCE_AUTO, FB_SOURCE_BUDDY, FB_SOURCE_ALLOC, FB_SOURCE_CONSERVATIVE };

void fb_source_choose(struct fb_balloon *fb);
const char *fb_source_name(const struct fb_balloon *fb);
bool fb_source_take(struct fb_balloon *fb, struct fb_batch *batch, unsigned long want_pages,
		    unsigned int max_blocks);
bool fb_source_can_spare(unsigned int order);
void fb_source_unboost(void);
struct page *fb_source_alloc(int nid, unsigned int order, bool reclaim);
unsigned int fb_source_min_order(const struct fb_balloon *fb);
unsigned int fb_source_floor(const struct fb_balloon *fb, unsigned long left_pages);

#endif
