// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * queue.c - a virtqueue: adding buffers, taking them back, waiting for the device.
 *
 * Waits for the device. A wait looks at the ring in slices and kicks again after each, since a
 * device that was migrated may have lost the first kick. It has no end while the driver
 * works, for the pages it waits for are the device's. Once the driver is being stopped it
 * gives up after FB_STOP_WAIT_MS; the pages are kept then until the device has been reset.
 */
#include <linux/jiffies.h>
#include <linux/virtio_ring.h>

#include "fastballoon.h"

#define FB_WAIT_SLICE_MS 250
#define FB_WAIT_WARN_MS 5000

/* Sending must not need reclaim: the ring does without an indirect table if it has to. */
#define FB_QUEUE_GFP (GFP_NOWAIT | __GFP_NOWARN)

/**
 * fb_queue_callback() - wake who waits for buffers. Interrupt context.
 * @vq: any of the driver's virtqueues, except that of the statistics.
 */
void fb_queue_callback(struct virtqueue *vq)
{
	struct fb_balloon *fb = vq->vdev->priv;

	wake_up_all(&fb->acked);
}

/**
 * fb_queue_setup() - prepare a queue.
 * @q: zeroed.
 * @fb: the balloon.
 * @vq: its virtqueue.
 * @how: how runs of pages are sent.
 *
 * Return: 0, or -ENOMEM.
 */
int fb_queue_setup(struct fb_queue *q, struct fb_balloon *fb, struct virtqueue *vq,
		   const struct fb_encoding *how)
{
	int err;

	mutex_init(&q->lock);
	q->fb = fb;
	err = fb_encoder_setup(&q->enc, vq, how);
	if (!err)
		q->vq = vq;
	return err;
}

/** fb_queue_release() - undo fb_queue_setup() once the device has been reset. */
void fb_queue_release(struct fb_queue *q)
{
	fb_encoder_release(&q->enc);
	memset(q, 0, sizeof(*q));
}

static void fb_queue_complete(struct fb_queue *q, void *token)
{
	if (!fb_encoder_complete(&q->enc, token) && token != q && q->complete)
		q->complete(q, token);
}

/**
 * fb_queue_reap() - take back all buffers that the device has returned. Queue locked.
 * @q: the queue.
 *
 * Return: their number.
 */
unsigned int fb_queue_reap(struct fb_queue *q)
{
	unsigned int nr = 0, len;
	void *token;

	lockdep_assert_held(&q->lock);
	while (q->inflight && (token = virtqueue_get_buf(q->vq, &len))) {
		q->inflight--;
		nr++;
		fb_queue_complete(q, token);
	}
	return nr;
}

/** fb_queue_kick() - tell the device of buffers added since the last kick. Queue locked. */
void fb_queue_kick(struct fb_queue *q)
{
	if (!q->unkicked)
		return;
	q->unkicked = false;
	fb_count(&q->fb->counters, FB_C_kicks, 1);
	virtqueue_kick(q->vq);
}

/* Cheap, for wait conditions: whether fb_queue_cut() may have something new to say. */
static bool fb_queue_stirred(struct fb_queue *q)
{
	return q->interrupted && q->config_seq != atomic_read(&q->fb->config_seq);
}

/**
 * fb_queue_cut() - whether what is being sent is still wanted. May sleep.
 * @q: the queue, locked. Asks @q->interrupted only if the configuration has changed.
 */
bool fb_queue_cut(struct fb_queue *q)
{
	if (!fb_queue_stirred(q))
		return false;
	q->config_seq = atomic_read(&q->fb->config_seq);
	return q->interrupted(q);
}

static int fb_queue_wait_slow(struct fb_queue *q, unsigned int waited_ms)
{
	struct fb_balloon *fb = q->fb;

	fb_count(&fb->counters, FB_C_slow_waits, 1);
	if (virtqueue_is_broken(q->vq))
		return -EIO;
	if (fb_stopping(fb) && waited_ms >= FB_STOP_WAIT_MS)
		return -ETIMEDOUT;
	if (waited_ms && !(waited_ms % FB_WAIT_WARN_MS))
		dev_warn_ratelimited(&fb->vdev->dev,
				     "the device has not answered on its %s queue for %u s\n",
				     q->vq->name, waited_ms / 1000);
	virtqueue_notify(q->vq);
	return 0;
}

/**
 * fb_queue_wait() - wait until the device has returned a buffer. Queue locked.
 * @q: a queue with buffers in flight.
 *
 * Return: 0; -EINTR where the queue's own condition ends the wait; -EIO where the ring is
 * broken; -ENODEV after the device was reset; -ETIMEDOUT where the driver is being stopped and
 * the device does not answer. After an error the device may still have the buffers.
 */
int fb_queue_wait(struct fb_queue *q)
{
	struct fb_balloon *fb = q->fb;
	unsigned int waited_ms = 0, reaped = 0;
	int err;

	lockdep_assert_held(&q->lock);
	fb_queue_kick(q);
	for (;;) {
		long left = wait_event_idle_timeout(fb->acked,
						    fb_dead(fb) || (reaped = fb_queue_reap(q)) ||
							    fb_queue_stirred(q),
						    msecs_to_jiffies(FB_WAIT_SLICE_MS));

		if (reaped)
			return 0;
		if (fb_dead(fb))
			return -ENODEV;
		if (fb_queue_cut(q))
			return -EINTR;
		if (left)
			continue;
		waited_ms += FB_WAIT_SLICE_MS;
		err = fb_queue_wait_slow(q, waited_ms);
		if (err)
			return err;
	}
}

/**
 * fb_queue_abandon() - hand all buffers back as completed. The device has been reset.
 * @q: the queue.
 */
void fb_queue_abandon(struct fb_queue *q)
{
	void *token;

	mutex_lock(&q->lock);
	fb_queue_reap(q);
	while ((token = virtqueue_detach_unused_buf(q->vq)))
		fb_queue_complete(q, token);
	q->inflight = 0;
	mutex_unlock(&q->lock);
}

/* Add a buffer if there is room in the ring; -ENOSPC if not. */
static int fb_queue_try_add(struct fb_queue *q, struct scatterlist *sgl, unsigned int nr, bool out,
			    void *token)
{
	int err;

	lockdep_assert_held(&q->lock);
	if (fb_dead(q->fb))
		return -ENODEV;
	if (out)
		err = virtqueue_add_outbuf(q->vq, sgl, nr, token, FB_QUEUE_GFP);
	else
		err = virtqueue_add_inbuf(q->vq, sgl, nr, token, FB_QUEUE_GFP);
	if (err == -ENOSPC)
		fb_count(&q->fb->counters, FB_C_queue_full, 1);
	if (err)
		return err;
	q->inflight++;
	q->unkicked = true;
	fb_count(&q->fb->counters, FB_C_buffers, 1);
	return 0;
}

/**
 * fb_queue_add() - add a buffer, waiting for room in the ring. Queue locked.
 * @q: the queue.
 * @sgl: its descriptors; the ring copies them.
 * @nr: how many, no more than the ring has entries.
 * @out: the device reads it; otherwise the descriptors are the pages that it names.
 * @token: given to @q->complete, unless it is @q or the encoder's.
 *
 * Return: as fb_queue_put(); the buffer was not added then.
 */
int fb_queue_add(struct fb_queue *q, struct scatterlist *sgl, unsigned int nr, bool out,
		 void *token)
{
	for (;;) {
		int err = fb_queue_try_add(q, sgl, nr, out, token);

		if (err != -ENOSPC || !q->inflight)
			return err;
		err = fb_queue_wait(q);
		if (err)
			return err;
	}
}

/**
 * fb_queue_add_pages() - add a buffer that names pages; as fb_queue_add(), unless @q->drops.
 *
 * Return: as fb_queue_add(); -ENOSPC where @q->drops and the ring is full.
 */
int fb_queue_add_pages(struct fb_queue *q, struct scatterlist *sgl, unsigned int nr, bool out,
		       void *token)
{
	if (!q->drops)
		return fb_queue_add(q, sgl, nr, out, token);
	fb_queue_kick(q);
	fb_queue_reap(q);
	return fb_queue_try_add(q, sgl, nr, out, token);
}

/**
 * fb_queue_dropped() - count pages that were not added.
 * @q: the queue.
 * @err: an error of fb_queue_add_pages().
 * @nr_pages: in the buffer that it was about.
 *
 * Return: 0 where the pages could be dropped, else @err.
 */
int fb_queue_dropped(struct fb_queue *q, int err, unsigned long nr_pages)
{
	if (err != -ENOSPC || !q->drops)
		return err;
	q->dropped_pages += nr_pages;
	return 0;
}

/**
 * fb_queue_add_out() - add a buffer that the device reads. Queue locked.
 * @q: the queue.
 * @data: stays unchanged until it comes back.
 * @len: bytes.
 * @token: given to @q->complete, unless it is @q.
 *
 * Return: as fb_queue_put().
 */
int fb_queue_add_out(struct fb_queue *q, void *data, unsigned int len, void *token)
{
	struct scatterlist sg;

	sg_init_one(&sg, data, len);
	return fb_queue_add(q, &sg, 1, true, token);
}

/**
 * fb_queue_add_in() - add a buffer of a single range. Queue locked.
 * @q: the queue.
 * @pfn: the first page.
 * @nr_pages: neighbouring pages, up to FB_RUN_MAX_PAGES.
 * @token: given to @q->complete, unless it is @q.
 *
 * Return: as fb_queue_add_pages().
 */
int fb_queue_add_in(struct fb_queue *q, unsigned long pfn, unsigned long nr_pages, void *token)
{
	struct scatterlist sg;

	sg_init_table(&sg, 1);
	sg_set_page(&sg, pfn_to_page(pfn), nr_pages << PAGE_SHIFT, 0);
	fb_count(&q->fb->counters, FB_C_ranges, 1);
	return fb_queue_add_pages(q, &sg, 1, false, token);
}
