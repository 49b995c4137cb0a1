/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inflate.h - growing the balloon.
 */
#ifndef FB_INFLATE_H
#define FB_INFLATE_H

struct fb_balloon;

int fb_inflate(struct fb_balloon *fb, unsigned long want_pages);

#endif
