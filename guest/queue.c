// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * queue.c - a virtqueue that carries runs of pages to the device.
 *
 * Pages are put one run after another; neighbouring runs grow together. A full buffer goes
 * into the ring; the device is kicked when the ring is full or the sender says so, and
 * buffers come back in bulk. In the range encoding a buffer needs no memory of ours: the ring
 * copies the descriptors. An array of page frame numbers stays in use until it comes back.
 *
 * Waits for the device. A wait looks at the ring in slices and kicks again after each, since a
 * device that was migrated may have lost the first kick. It has no end while the driver
 * works, for the pages it waits for are the device's. Once the driver is being stopped it
 * gives up after FB_STOP_WAIT_MS; the pages are kept then until the device has been reset.
 */
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/virtio_ring.h>

#include "fastballoon.h"

#define FB_WAIT_SLICE_MS 250
#define FB_WAIT_WARN_MS 5000

/* Sending must not need reclaim: the ring does without an indirect table if it has to. */
#define FB_QUEUE_GFP (GFP_NOWAIT | __GFP_NOWARN)

/**
 * struct fb_pfns - an array of page frame numbers.
 * @nr: entries in use; 0 while the array is free.
 * @queued: the device has it.
 * @pfn: the numbers, as the device reads them.
 */
struct fb_pfns {
	unsigned int nr;
	bool queued;
	__virtio32 pfn[FB_PFNS_PER_BUFFER];
};

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
 * @encoding: how runs are sent.
 * @max_entries: most ranges in a buffer; the ring's size limits it further.
 *
 * Return: 0, or -ENOMEM.
 */
int fb_queue_setup(struct fb_queue *q, struct fb_balloon *fb, struct virtqueue *vq,
		   enum fb_encoding encoding, unsigned int max_entries)
{
	mutex_init(&q->lock);
	q->fb = fb;
	q->encoding = encoding;
	if (encoding == FB_ENCODING_RANGES) {
		q->max_entries = min(max_entries, virtqueue_get_vring_size(vq));
		q->sgl = kcalloc(q->max_entries, sizeof(*q->sgl), GFP_KERNEL);
		if (!q->sgl)
			return -ENOMEM;
		sg_init_table(q->sgl, q->max_entries);
	} else {
		q->max_entries = FB_PFNS_PER_BUFFER;
		q->pfns = kcalloc(FB_PFN_BUFFERS, sizeof(*q->pfns), GFP_KERNEL);
		if (!q->pfns)
			return -ENOMEM;
	}
	q->vq = vq;
	return 0;
}

/** fb_queue_release() - undo fb_queue_setup() once the device has been reset. */
void fb_queue_release(struct fb_queue *q)
{
	kfree(q->sgl);
	kfree(q->pfns);
	memset(q, 0, sizeof(*q));
}

static bool fb_queue_owns(const struct fb_queue *q, const void *token)
{
	return token >= (void *)q->pfns && token < (void *)(q->pfns + FB_PFN_BUFFERS);
}

static void fb_queue_complete(struct fb_queue *q, void *token)
{
	if (q->pfns && fb_queue_owns(q, token)) {
		struct fb_pfns *pfns = token;

		pfns->nr = 0;
		pfns->queued = false;
	} else if (token != q && q->complete) {
		q->complete(q, token);
	}
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

/* Add a buffer, waiting for room in the ring. The ring is never smaller than the buffer. */
static int fb_queue_add(struct fb_queue *q, struct scatterlist *sgl, unsigned int nr, bool out,
			void *token)
{
	for (;;) {
		int err;

		if (fb_dead(q->fb))
			return -ENODEV;
		if (out)
			err = virtqueue_add_outbuf(q->vq, sgl, nr, token, FB_QUEUE_GFP);
		else
			err = virtqueue_add_inbuf(q->vq, sgl, nr, token, FB_QUEUE_GFP);
		if (!err)
			break;
		if (err != -ENOSPC || !q->inflight)
			return err;
		fb_count(&q->fb->counters, FB_C_queue_full, 1);
		err = fb_queue_wait(q);
		if (err)
			return err;
	}
	q->inflight++;
	q->unkicked = true;
	fb_count(&q->fb->counters, FB_C_buffers, 1);
	return 0;
}

/* Send the descriptors that wait. */
static int fb_queue_add_ranges(struct fb_queue *q)
{
	struct scatterlist *last;
	int err;

	if (!q->nr_entries)
		return 0;
	last = &q->sgl[q->nr_entries - 1];
	sg_mark_end(last);
	err = fb_queue_add(q, q->sgl, q->nr_entries, false, q);
	if (q->nr_entries < q->max_entries)
		sg_unmark_end(last);
	q->nr_entries = 0;
	return err;
}

static int fb_queue_put_range(struct fb_queue *q, const struct fb_run *part)
{
	sg_set_page(&q->sgl[q->nr_entries++], pfn_to_page(part->pfn), part->nr_pages << PAGE_SHIFT,
		    0);
	return q->nr_entries == q->max_entries ? fb_queue_add_ranges(q) : 0;
}

/* Send the array that waits. */
static int fb_queue_add_pfns(struct fb_queue *q)
{
	struct fb_pfns *pfns = q->filling;
	struct scatterlist sg;

	if (!pfns)
		return 0;
	q->filling = NULL;
	pfns->queued = true;
	sg_init_one(&sg, pfns->pfn, pfns->nr * sizeof(pfns->pfn[0]));
	return fb_queue_add(q, &sg, 1, true, pfns);
}

static struct fb_pfns *fb_queue_free_pfns(struct fb_queue *q)
{
	unsigned int i;

	for (i = 0; i < FB_PFN_BUFFERS; i++)
		if (!q->pfns[i].queued)
			return &q->pfns[i];
	return NULL;
}

static int fb_queue_get_pfns(struct fb_queue *q)
{
	while (!(q->filling = fb_queue_free_pfns(q))) {
		int err = fb_queue_wait(q);

		if (err)
			return err;
	}
	q->filling->nr = 0;
	return 0;
}

static int fb_queue_put_pfns(struct fb_queue *q, const struct fb_run *part)
{
	unsigned long i;
	int err;

	for (i = 0; i < part->nr_pages; i++) {
		if (!q->filling) {
			err = fb_queue_get_pfns(q);
			if (err)
				return err;
		}
		q->filling->pfn[q->filling->nr++] = cpu_to_virtio32(q->fb->vdev, part->pfn + i);
		if (q->filling->nr == q->max_entries) {
			err = fb_queue_add_pfns(q);
			if (err)
				return err;
		}
	}
	return 0;
}

static int fb_queue_put_run(struct fb_queue *q)
{
	while (q->run.nr_pages) {
		struct fb_run part = fb_run_cut(&q->run, FB_RUN_MAX_PAGES);
		int err;

		fb_count(&q->fb->counters, FB_C_ranges, 1);
		if (q->encoding == FB_ENCODING_RANGES)
			err = fb_queue_put_range(q, &part);
		else
			err = fb_queue_put_pfns(q, &part);
		if (err)
			return err;
	}
	return 0;
}

/* Forget what was put and not sent. */
static void fb_queue_drop(struct fb_queue *q)
{
	q->run.nr_pages = 0;
	q->nr_entries = 0;
	q->filling = NULL;
}

/**
 * fb_queue_put() - name pages to the device. Queue locked.
 * @q: the queue.
 * @pfn: the first page.
 * @nr_pages: number of neighbouring pages.
 *
 * The pages may wait in a buffer until fb_queue_send().
 *
 * Return: 0 or an error of fb_queue_wait() or of the ring. After an error the device may have
 * got any part of what was put since the last fb_queue_flush(), and gets no more of it.
 */
int fb_queue_put(struct fb_queue *q, unsigned long pfn, unsigned long nr_pages)
{
	int err;

	lockdep_assert_held(&q->lock);
	if (fb_run_extend(&q->run, pfn, nr_pages))
		return 0;
	err = fb_queue_put_run(q);
	if (err)
		fb_queue_drop(q);
	else
		q->run = (struct fb_run){ pfn, nr_pages };
	return err;
}

/**
 * fb_queue_send() - send all pages put and kick the device; does not wait for the answer.
 * @q: the queue, locked. Nothing is left over for the next sender, also after an error.
 *
 * Return: as fb_queue_put().
 */
int fb_queue_send(struct fb_queue *q)
{
	int err;

	lockdep_assert_held(&q->lock);
	err = fb_queue_put_run(q);
	if (!err && q->encoding == FB_ENCODING_RANGES)
		err = fb_queue_add_ranges(q);
	else if (!err)
		err = fb_queue_add_pfns(q);
	fb_queue_drop(q);
	fb_queue_kick(q);
	return err;
}

/**
 * fb_queue_flush() - send all pages put and wait until the device has returned all buffers.
 * @q: the queue, locked.
 *
 * Return: as fb_queue_put().
 */
int fb_queue_flush(struct fb_queue *q)
{
	int err = fb_queue_send(q);

	while (!err && q->inflight)
		err = fb_queue_wait(q);
	return err;
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
 * Return: as fb_queue_put(); the buffer was not added then.
 */
int fb_queue_add_in(struct fb_queue *q, unsigned long pfn, unsigned long nr_pages, void *token)
{
	struct scatterlist sg;

	sg_init_table(&sg, 1);
	sg_set_page(&sg, pfn_to_page(pfn), nr_pages << PAGE_SHIFT, 0);
	fb_count(&q->fb->counters, FB_C_ranges, 1);
	return fb_queue_add(q, &sg, 1, false, token);
}
