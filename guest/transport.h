/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * transport.h - which queue carries the balloon's pages, and how.
 */
#ifndef FB_TRANSPORT_H
#define FB_TRANSPORT_H

#include "encode.h"
#include "params.h"

struct fb_balloon;

void fb_transport_choose(struct fb_balloon *fb);
int fb_transport_setup(struct fb_balloon *fb, struct virtqueue *inflate, struct virtqueue *deflate,
		       struct virtqueue *report);
void fb_transport_release(struct fb_balloon *fb);
struct fb_encoding fb_transport_encoding(struct fb_balloon *fb, enum fb_transport transport,
					 unsigned int max_ranges);
const char *fb_transport_name(const struct fb_balloon *fb);

#endif
