/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * size.h - the worker that brings the balloon to the size that the host asks for.
 */
#ifndef FB_SIZE_H
#define FB_SIZE_H

#include <linux/workqueue.h>

struct fb_balloon;

void fb_size_init(struct fb_balloon *fb);
void fb_size_wake(struct fb_balloon *fb);
void fb_size_progress(struct fb_balloon *fb);
void fb_size_write_actual(struct fb_balloon *fb);

#endif
