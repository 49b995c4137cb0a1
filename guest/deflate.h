/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deflate.h - shrinking the balloon.
 */
#ifndef FB_DEFLATE_H
#define FB_DEFLATE_H

struct fb_balloon;

bool fb_deflate_must_tell(struct fb_balloon *fb);
int fb_deflate(struct fb_balloon *fb, unsigned long want_pages);
unsigned long fb_deflate_for_oom(struct fb_balloon *fb, unsigned long want_pages);
unsigned long fb_deflate_range(struct fb_balloon *fb, unsigned long start_pfn,
			       unsigned long end_pfn);
void fb_deflate_after_reset(struct fb_balloon *fb);

#endif
