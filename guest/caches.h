/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * caches.h - dropping caches and compacting memory on the host's request.
 */
#ifndef FB_CACHES_H
#define FB_CACHES_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct fb_balloon;
struct fb_request;

/**
 * struct fb_chore - one of the two; the control worker's while @work is not queued or running.
 * @work: does it and replies.
 * @fb: the balloon.
 * @busy: @work is queued or running.
 * @id: the request's id.
 * @caches: VIRTIO_FASTBALLOON_CACHE_*, where it is dropping caches.
 * @ended: when @work last ended, in jiffies.
 * @rests: @ended counts.
 */
struct fb_chore {
	struct work_struct work;
	struct fb_balloon *fb;
	bool busy;
	u32 id;
	u32 caches;
	unsigned long ended;
	bool rests;
};

/** struct fb_caches - dropping caches, and compacting. */
struct fb_caches {
	struct fb_chore drop;
	struct fb_chore compact;
};

void fb_caches_init(struct fb_balloon *fb);
void fb_caches_quiesce(struct fb_balloon *fb);
int fb_caches_ask(struct fb_balloon *fb, const struct fb_request *request);

#endif
