/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue.h - a virtqueue that carries runs of pages to the device.
 */
#ifndef FB_QUEUE_H
#define FB_QUEUE_H

#include <linux/mutex.h>
#include <linux/virtio.h>

#include "run.h"

struct fb_balloon;
struct fb_pfns;

/**
 * enum fb_encoding - how a buffer names pages.
 * @FB_ENCODING_RANGES: each device-writable descriptor is a run of pages.
 * @FB_ENCODING_PFNS: a device-readable array of 32 bit page frame numbers.
 */
enum fb_encoding { FB_ENCODING_RANGES, FB_ENCODING_PFNS };

/* Page frame numbers in one buffer, as Linux's own driver sends. */
#define FB_PFNS_PER_BUFFER 256
/* Arrays of page frame numbers in flight. */
#define FB_PFN_BUFFERS 16
/* Longest descriptor, in pages: 1 GiB. */
#define FB_RUN_MAX_PAGES (1UL << (30 - PAGE_SHIFT))

/**
 * struct fb_queue - see above; all zero where the device has no such queue.
 * @fb: the balloon.
 * @vq: the virtqueue, or NULL.
 * @lock: protects what follows and serialises all use of @vq. Held while waiting for buffers.
 * @encoding: how runs are sent.
 * @max_entries: descriptors or page frame numbers in one buffer.
 * @sgl: @max_entries descriptors (ranges).
 * @pfns: the arrays (page frame numbers).
 * @filling: the array that takes the next page, or NULL.
 * @run: pages put that are in no buffer yet.
 * @nr_entries: descriptors in the buffer being filled (ranges).
 * @inflight: buffers that the device has not returned.
 * @unkicked: buffers were added since the last kick.
 * @complete: called with the token of a returned buffer that is none of the queue's own; must
 *            not sleep.
 * @interrupted: asked when the configuration has changed: whether to stop; may be NULL.
 * @config_seq: fb->config_seq when @interrupted last looked.
 */
struct fb_queue {
	struct fb_balloon *fb;
	struct virtqueue *vq;
	struct mutex lock;
	enum fb_encoding encoding;
	unsigned int max_entries;
	struct scatterlist *sgl;
	struct fb_pfns *pfns;
	struct fb_pfns *filling;
	struct fb_run run;
	unsigned int nr_entries;
	unsigned int inflight;
	bool unkicked;
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
		   enum fb_encoding encoding, unsigned int max_entries);
void fb_queue_release(struct fb_queue *q);
int fb_queue_put(struct fb_queue *q, unsigned long pfn, unsigned long nr_pages);
int fb_queue_send(struct fb_queue *q);
int fb_queue_flush(struct fb_queue *q);
bool fb_queue_cut(struct fb_queue *q);
void fb_queue_abandon(struct fb_queue *q);
int fb_queue_wait(struct fb_queue *q);
unsigned int fb_queue_reap(struct fb_queue *q);
void fb_queue_kick(struct fb_queue *q);
int fb_queue_add_out(struct fb_queue *q, void *data, unsigned int len, void *token);
int fb_queue_add_in(struct fb_queue *q, unsigned long pfn, unsigned long nr_pages, void *token);
void fb_queue_callback(struct virtqueue *vq);

#endif
