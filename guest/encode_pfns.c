// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * encode_pfns.c - naming pages one by one, in arrays of page frame numbers.
 */
#include <linux/slab.h>

#include "fastballoon.h"

/* Page frame numbers in one buffer, as Linux's own driver sends. */
#define FB_PFNS_PER_BUFFER 256

/**
 * struct fb_pfns - an array of page frame numbers.
 * @nr: numbers in it.
 * @queued: the device has it.
 * @header: what the device reads first where arrays have headers.
 * @pfn: the numbers, as the device reads them.
 */
struct fb_pfns {
	unsigned int nr;
	bool queued;
	struct virtio_fastballoon_pages header;
	__virtio32 pfn[FB_PFNS_PER_BUFFER];
};

/** fb_pfns_setup() - allocate the arrays; returns 0 or -ENOMEM. */
int fb_pfns_setup(struct fb_encoder *enc)
{
	enc->pfns = kcalloc(FB_PFN_BUFFERS, sizeof(*enc->pfns), GFP_KERNEL);
	return enc->pfns ? 0 : -ENOMEM;
}

/** fb_pfns_bytes() - memory in arrays. */
size_t fb_pfns_bytes(const struct fb_encoder *enc)
{
	return enc->pfns ? FB_PFN_BUFFERS * sizeof(*enc->pfns) : 0;
}

/** fb_pfns_complete() - a buffer came back; returns whether it was an array. */
bool fb_pfns_complete(struct fb_encoder *enc, void *token)
{
	struct fb_pfns *pfns = token;

	if (!enc->pfns || pfns < enc->pfns || pfns >= enc->pfns + FB_PFN_BUFFERS)
		return false;
	pfns->queued = false;
	return true;
}

/** fb_pfns_send() - send the array that waits, if there is one. Return: as fb_queue_put(). */
int fb_pfns_send(struct fb_queue *q)
{
	struct fb_pfns *pfns = q->enc.pfns_filling;
	bool has_header = q->enc.how.has_header;
	unsigned int len;
	int err;

	if (!pfns)
		return 0;
	q->enc.pfns_filling = NULL;
	pfns->header = (struct virtio_fastballoon_pages){
		.format = cpu_to_le16(VIRTIO_FASTBALLOON_PAGES_PFNS),
		.count = cpu_to_le32(pfns->nr),
	};
	len = pfns->nr * sizeof(pfns->pfn[0]);
	if (has_header)
		err = fb_queue_add_out(q, &pfns->header, sizeof(pfns->header) + len, pfns);
	else
		err = fb_queue_add_out(q, pfns->pfn, len, pfns);
	pfns->queued = !err;
	return err;
}

static struct fb_pfns *fb_pfns_free(struct fb_queue *q)
{
	unsigned int i;

	for (i = 0; i < FB_PFN_BUFFERS; i++)
		if (!q->enc.pfns[i].queued)
			return &q->enc.pfns[i];
	return NULL;
}

static int fb_pfns_begin(struct fb_queue *q)
{
	while (!(q->enc.pfns_filling = fb_pfns_free(q))) {
		int err = fb_queue_wait(q);

		if (err)
			return err;
	}
	q->enc.pfns_filling->nr = 0;
	return 0;
}

/** fb_pfns_put() - add the pages of a run to an array. Return: as fb_queue_put(). */
int fb_pfns_put(struct fb_queue *q, const struct fb_run *part)
{
	unsigned long i;
	int err = 0;

	for (i = 0; !err && i < part->nr_pages; i++) {
		struct fb_pfns *pfns;

		if (!q->enc.pfns_filling)
			err = fb_pfns_begin(q);
		if (err)
			break;
		pfns = q->enc.pfns_filling;
		pfns->pfn[pfns->nr++] = cpu_to_virtio32(q->fb->vdev, part->pfn + i);
		if (pfns->nr == FB_PFNS_PER_BUFFER)
			err = fb_pfns_send(q);
	}
	return err;
}
