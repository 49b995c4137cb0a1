// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * encode_bits.c - naming short runs of pages as bits of page bitmaps.
 */
#include <linux/slab.h>
#include <linux/virtio_ring.h>

#include "bits.h"
#include "fastballoon.h"

/** fb_bits_setup() - allocate the buffers; returns 0, or -ENOMEM and some may be there then. */
int fb_bits_setup(struct fb_encoder *enc)
{
	unsigned int i;

	BUILD_BUG_ON(sizeof(struct fb_bits) > 4096);
	for (i = 0; i < FB_BITS_BUFFERS; i++) {
		enc->bits[i] = kmalloc(sizeof(*enc->bits[i]), GFP_KERNEL);
		if (!enc->bits[i])
			return -ENOMEM;
	}
	return 0;
}

/** fb_bits_release() - undo fb_bits_setup(), also a failed one. */
void fb_bits_release(struct fb_encoder *enc)
{
	unsigned int i;

	for (i = 0; i < FB_BITS_BUFFERS; i++)
		kfree(enc->bits[i]);
}

/** fb_bits_bytes() - memory in buffers with page bitmaps. */
size_t fb_bits_bytes(const struct fb_encoder *enc)
{
	return enc->bits[0] ? FB_BITS_BUFFERS * sizeof(*enc->bits[0]) : 0;
}

/** fb_bits_complete() - a buffer came back; returns whether it was one with page bitmaps. */
bool fb_bits_complete(struct fb_encoder *enc, void *token)
{
	unsigned int i;

	for (i = 0; i < FB_BITS_BUFFERS; i++) {
		if (token != enc->bits[i])
			continue;
		enc->bits_queued &= ~BIT(i);
		return true;
	}
	return false;
}

/* Pages that a buffer names. */
static unsigned long fb_bits_pages(const struct fb_bits *bits)
{
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; i < bits->nr_words; i++)
		pages += hweight64(le64_to_cpu(bits->words[i]));
	return pages;
}

/** fb_bits_send() - send the buffer that waits, if there is one. Return: as fb_queue_put(). */
int fb_bits_send(struct fb_queue *q)
{
	struct fb_bits *bits = q->enc.bits_filling;
	struct scatterlist sg[2];
	unsigned int i;
	int err;

	if (!bits)
		return 0;
	q->enc.bits_filling = NULL;
	sg_init_table(sg, ARRAY_SIZE(sg));
	sg_set_buf(&sg[0], &bits->header, fb_bits_close(bits));
	sg_set_buf(&sg[1], bits->words, bits->nr_words * sizeof(bits->words[0]));
	err = fb_queue_add_pages(q, sg, ARRAY_SIZE(sg), true, bits);
	if (err)
		return fb_queue_dropped(q, err, fb_bits_pages(bits));
	for (i = 0; i < FB_BITS_BUFFERS; i++)
		if (bits == q->enc.bits[i])
			q->enc.bits_queued |= BIT(i);
	fb_count(&q->fb->counters, FB_C_bitmap_words, bits->nr_words);
	fb_count(&q->fb->counters, FB_C_bitmap_records, bits->nr_records);
	return 0;
}

static struct fb_bits *fb_bits_free(struct fb_encoder *enc)
{
	unsigned int i = ffz(enc->bits_queued);

	return i < FB_BITS_BUFFERS ? enc->bits[i] : NULL;
}

static int fb_bits_next_buffer(struct fb_queue *q)
{
	if (q->drops)
		fb_queue_reap(q);
	while (!(q->enc.bits_filling = fb_bits_free(&q->enc))) {
		int err = q->drops ? -ENOSPC : fb_queue_wait(q);

		if (err)
			return err;
	}
	fb_bits_clear(q->enc.bits_filling);
	return 0;
}

/** fb_bits_put() - name the pages of a run by bits. Return: as fb_queue_put(). */
int fb_bits_put(struct fb_queue *q, const struct fb_run *part)
{
	struct fb_run left = *part;
	int err = 0;

	fb_count(&q->fb->counters, FB_C_bitmap_runs, 1);
	while (!err && left.nr_pages) {
		if (!q->enc.bits_filling)
			err = fb_bits_next_buffer(q);
		if (err)
			return fb_queue_dropped(q, err, left.nr_pages);
		fb_bits_add(q->enc.bits_filling, &left);
		if (left.nr_pages)
			err = fb_bits_send(q);
	}
	return err;
}
