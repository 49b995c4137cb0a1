// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * encode.c - naming runs of pages in a queue's buffers.
 *
 * Pages are put one run after another; neighbouring runs grow together. The length of a run
 * decides on its format: short ones are bits of a page bitmap, long ones are descriptors, where
 * the device knows both. A full buffer goes into the ring; the device is kicked when the ring is
 * full or the sender says so, and buffers come back in bulk. A buffer of ranges needs no memory of
 * ours: the ring copies the descriptors. The others stay in use until they come back; they are
 * allocated beforehand, so that sending needs no memory.
 */
#include <linux/slab.h>
#include <linux/virtio_ring.h>

#include "fastballoon.h"

static int fb_ranges_setup(struct fb_encoder *enc, struct virtqueue *vq)
{
	enc->how.max_ranges = min(enc->how.max_ranges, virtqueue_get_vring_size(vq));
	enc->sgl = kcalloc(enc->how.max_ranges, sizeof(*enc->sgl), GFP_KERNEL);
	if (!enc->sgl)
		return -ENOMEM;
	sg_init_table(enc->sgl, enc->how.max_ranges);
	return 0;
}

/**
 * fb_encoder_setup() - allocate what the formats need.
 * @enc: zeroed.
 * @vq: where buffers will go.
 * @how: the formats; for ranges the ring's size is a further limit.
 *
 * Return: 0, or -ENOMEM, and nothing is allocated then.
 */
int fb_encoder_setup(struct fb_encoder *enc, struct virtqueue *vq, const struct fb_encoding *how)
{
	int err = 0;

	enc->how = *how;
	if (how->bits_max_pages)
		err = fb_bits_setup(enc);
	if (!err && how->max_ranges)
		err = fb_ranges_setup(enc, vq);
	else if (!err && how->bits_max_pages != FB_BITS_ALWAYS)
		err = fb_pfns_setup(enc);
	if (err)
		fb_encoder_release(enc);
	return err;
}

/** fb_encoder_release() - undo fb_encoder_setup() once the device has been reset. */
void fb_encoder_release(struct fb_encoder *enc)
{
	kfree(enc->sgl);
	kfree(enc->pfns);
	fb_bits_release(enc);
	memset(enc, 0, sizeof(*enc));
}

/** fb_encoder_bytes() - memory that an encoder holds. */
size_t fb_encoder_bytes(const struct fb_encoder *enc)
{
	return enc->how.max_ranges * sizeof(*enc->sgl) + fb_pfns_bytes(enc) + fb_bits_bytes(enc);
}

/** fb_encoder_complete() - a buffer came back; returns whether it was one of the encoder's. */
bool fb_encoder_complete(struct fb_encoder *enc, void *token)
{
	return fb_pfns_complete(enc, token) || fb_bits_complete(enc, token);
}

/* Pages in the descriptors that wait. */
static unsigned long fb_ranges_pages(const struct fb_encoder *enc)
{
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; i < enc->nr_ranges; i++)
		pages += enc->sgl[i].length >> PAGE_SHIFT;
	return pages;
}

/* Send the descriptors that wait. */
static int fb_ranges_send(struct fb_queue *q)
{
	struct fb_encoder *enc = &q->enc;
	struct scatterlist *last;
	int err;

	if (!enc->nr_ranges)
		return 0;
	last = &enc->sgl[enc->nr_ranges - 1];
	sg_mark_end(last);
	err = fb_queue_add_pages(q, enc->sgl, enc->nr_ranges, false, q);
	if (err)
		err = fb_queue_dropped(q, err, fb_ranges_pages(enc));
	if (enc->nr_ranges < enc->how.max_ranges)
		sg_unmark_end(last);
	enc->nr_ranges = 0;
	return err;
}

static int fb_ranges_put(struct fb_queue *q, const struct fb_run *part)
{
	struct fb_encoder *enc = &q->enc;

	fb_count(&q->fb->counters, FB_C_ranges, 1);
	sg_set_page(&enc->sgl[enc->nr_ranges++], pfn_to_page(part->pfn),
		    part->nr_pages << PAGE_SHIFT, 0);
	return enc->nr_ranges == enc->how.max_ranges ? fb_ranges_send(q) : 0;
}

static int fb_queue_put_part(struct fb_queue *q, const struct fb_run *part)
{
	struct fb_encoder *enc = &q->enc;

	if (part->nr_pages <= enc->how.bits_max_pages)
		return fb_bits_put(q, part);
	return enc->sgl ? fb_ranges_put(q, part) : fb_pfns_put(q, part);
}

static int fb_queue_put_run(struct fb_queue *q)
{
	int err = 0;

	while (!err && q->enc.run.nr_pages) {
		struct fb_run part = fb_run_cut(&q->enc.run, FB_RUN_MAX_PAGES);

		err = fb_queue_put_part(q, &part);
	}
	return err;
}

/* Forget what was put and not sent. */
static void fb_queue_drop(struct fb_queue *q)
{
	q->enc.run.nr_pages = 0;
	q->enc.nr_ranges = 0;
	q->enc.pfns_filling = NULL;
	q->enc.bits_filling = NULL;
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
	if (fb_run_extend(&q->enc.run, pfn, nr_pages))
		return 0;
	err = fb_queue_put_run(q);
	if (err)
		fb_queue_drop(q);
	else
		q->enc.run = (struct fb_run){ pfn, nr_pages };
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
	if (!err)
		err = fb_ranges_send(q);
	if (!err)
		err = fb_pfns_send(q);
	if (!err)
		err = fb_bits_send(q);
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
