/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue.h - a virtqueue: adding buffers, taking them back, waiting for the device.
 */
#ifndef FB_QUEUE_H
#define FB_QUEUE_H

#include <linux/mutex.h>
#include <linux/virtio.h>

#include "encode.h"

struct fb_balloon;

/**
 * struct fb_queue - see above; all zero where the device has no such queue.
 * @fb: the balloon.
 * @vq: the virtqueue, or NULL.
 * @lock: protects what follows and serialises all use of @vq. Held while waiting for buffers.
 * @enc: how runs are sent, and buffers being filled.
 * @inflight: buffers that the device has not returned.
 * @unkicked: buffers were added since the last kick.
 * @drops: pages that find the ring full are dropped instead of waited for; for hints.
 * @dropped_pages: how many; reset by the sender.
 * @complete: called with the token of a returned buffer that is none of the queue's own; must
 *            not sleep.
 * @interrupted: asked when the configuration has changed: whether to stop; may be NULL.
 * @config_seq: fb->config_seq when @interrupted last looked.
 */
struct fb_queue {
	struct fb_balloon *fb;
	struct virtqueue *vq;
	struct mutex lock;
	struct fb_encoder enc;
	unsigned int inflight;
	bool unkicked;
	bool drops;
	unsigned long dropped_pages;
	void (*complete)(struct fb_queue *q, void *token);
	bool (*interrupted)(struct fb_queue *q);
	int config_seq;
};

/** fb_queue_exists() - whether the device has this queue. */
static inline bool fb_queue_exists(const struct fb_queue *q)
{
	return q->vq;
}

int fb_queue_setup(struct fb_queue *q, struct fb_balloon *fb, struct virtqueue *vq,
		   const struct fb_encoding *how);
void fb_queue_release(struct fb_queue *q);
bool fb_queue_cut(struct fb_queue *q);
void fb_queue_abandon(struct fb_queue *q);
int fb_queue_wait(struct fb_queue *q);
unsigned int fb_queue_reap(struct fb_queue *q);
void fb_queue_kick(struct fb_queue *q);
int fb_queue_add(struct fb_queue *q, struct scatterlist *sgl, unsigned int nr, bool out,
		 void *token);
int fb_queue_add_pages(struct fb_queue *q, struct scatterlist *sgl, unsigned int nr, bool out,
		       void *token);
int fb_queue_dropped(struct fb_queue *q, int err, unsigned long nr_pages);
int fb_queue_add_out(struct fb_queue *q, void *data, unsigned int len, void *token);
int fb_queue_add_in(struct fb_queue *q, unsigned long pfn, unsigned long nr_pages, void *token);
void fb_queue_callback(struct virtqueue *vq);

#endif
