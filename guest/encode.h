/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * encode.h - how a queue's buffers name runs of pages.
 */
#ifndef FB_ENCODE_H
#define FB_ENCODE_H

#include <linux/virtio.h>

#include "run.h"

struct fb_bits;
struct fb_pfns;
struct fb_queue;

/* Longest descriptor, in pages: 1 GiB. */
#define FB_RUN_MAX_PAGES (1UL << (30 - PAGE_SHIFT))

/* Every run goes as bits. */
#define FB_BITS_ALWAYS ULONG_MAX

/*
 * Buffers with page bitmaps and arrays of page frame numbers in flight, a page and a quarter of
 * one. So many that the device is seldom waited for while it works.
 */
#define FB_BITS_BUFFERS 16
#define FB_PFN_BUFFERS 16

/**
 * struct fb_encoding - which formats a queue uses.
 * @bits_max_pages: runs up to this length go as bits of a page bitmap; 0: none does.
 * @max_ranges: most descriptors in a buffer where longer runs go as ranges; 0: they go as page
 *              frame numbers.
 * @has_header: an array of page frame numbers starts with a header.
 */
struct fb_encoding {
	unsigned long bits_max_pages;
	unsigned int max_ranges;
	bool has_header;
};

/**
 * struct fb_encoder - buffers being filled; protected by the queue's lock.
 * @how: the formats. @how.max_ranges is no more than the ring has entries.
 * @run: pages put that are in no buffer yet.
 * @sgl: @how.max_ranges descriptors, or NULL.
 * @nr_ranges: how many of them are filled.
 * @pfns: FB_PFN_BUFFERS arrays of page frame numbers, or NULL.
 * @pfns_filling: the array that takes the next page, or NULL.
 * @bits: buffers with page bitmaps, or all NULL.
 * @bits_queued: bit n: the device has @bits[n].
 * @bits_filling: the buffer that takes the next run, or NULL.
 */
struct fb_encoder {
	struct fb_encoding how;
	struct fb_run run;
	struct scatterlist *sgl;
	unsigned int nr_ranges;
	struct fb_pfns *pfns;
	struct fb_pfns *pfns_filling;
	struct fb_bits *bits[FB_BITS_BUFFERS];
	unsigned int bits_queued;
	struct fb_bits *bits_filling;
};

int fb_encoder_setup(struct fb_encoder *enc, struct virtqueue *vq, const struct fb_encoding *how);
void fb_encoder_release(struct fb_encoder *enc);
size_t fb_encoder_bytes(const struct fb_encoder *enc);
bool fb_encoder_complete(struct fb_encoder *enc, void *token);

int fb_queue_put(struct fb_queue *q, unsigned long pfn, unsigned long nr_pages);
int fb_queue_send(struct fb_queue *q);
int fb_queue_flush(struct fb_queue *q);

/* The formats that need memory of ours: encode_pfns.c, encode_bits.c. */
int fb_pfns_setup(struct fb_encoder *enc);
size_t fb_pfns_bytes(const struct fb_encoder *enc);
bool fb_pfns_complete(struct fb_encoder *enc, void *token);
int fb_pfns_put(struct fb_queue *q, const struct fb_run *part);
int fb_pfns_send(struct fb_queue *q);
int fb_bits_setup(struct fb_encoder *enc);
void fb_bits_release(struct fb_encoder *enc);
size_t fb_bits_bytes(const struct fb_encoder *enc);
bool fb_bits_complete(struct fb_encoder *enc, void *token);
int fb_bits_put(struct fb_queue *q, const struct fb_run *part);
int fb_bits_send(struct fb_queue *q);

#endif
