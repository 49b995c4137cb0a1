/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oom.h - giving pages back when the guest runs out of memory (DEFLATE_ON_OOM).
 */
#ifndef FB_OOM_H
#define FB_OOM_H

struct fb_balloon;

int fb_oom_start(struct fb_balloon *fb);
void fb_oom_stop(struct fb_balloon *fb);
unsigned int fb_oom_backoff_ms(struct fb_balloon *fb);

#endif
