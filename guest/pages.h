/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pages.h - what happens to the pages of a batch.
 */
#ifndef FB_PAGES_H
#define FB_PAGES_H

#include "batch.h"

struct fb_balloon;
struct fb_queue;

/*
 * A batch ends with so many blocks or pages: it bounds the time until the target is looked at
 * again, and the sort. 4 GiB of the largest blocks, 32 MiB of single pages.
 */
#define FB_BATCH_BLOCKS 8192
#define FB_BATCH_PAGES (1UL << (32 - PAGE_SHIFT))

void fb_batch_sort(struct fb_batch *batch);
int fb_batch_send(struct fb_queue *q, struct fb_batch *batch);
void fb_batch_free(struct fb_batch *batch);
bool fb_adjusts_managed(struct fb_balloon *fb);
void fb_batch_mark(struct fb_balloon *fb, struct fb_batch *batch);
void fb_batch_unmark(struct fb_balloon *fb, struct fb_batch *batch);

#endif
