/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bitmap.h - the runs of pages in a buffer with page bitmaps (docs/protocol.md, section 9).
 *
 * Theory of operation. Header, records and bitmaps are a stream of bytes, each read once. The
 * records are copied and checked before anything is done, so that a buffer whose length is not
 * what they say is refused as a whole. Then the bitmaps are read FB_BITMAP_WORDS words at a time,
 * and fb_bitmap_next() turns them into runs. A record that names no pages a guest can have
 * gives no runs, but its bitmap is read over.
 *
 * The reader keeps all of its state in itself, so that hints and balloon pages can be read at
 * the same time.
 */
#ifndef FB_BITMAP_H
#define FB_BITMAP_H

#include "fastballoon_device.h"
#include "iov.h"

/* Words of bitmap that are read at once. */
#define FB_BITMAP_WORDS 64

/**
 * struct fb_bitmap - a place in a buffer with page bitmaps.
 * @it: the next byte of a bitmap.
 * @records: as in the buffer, little-endian.
 * @count: how many.
 * @next: the record that comes after the one in progress.
 * @refused: records found malformed so far.
 * @words: of the bitmap in progress, in host byte order.
 * @words_count: how many of @words are filled.
 * @words_next: the next of them to look at.
 * @words_left: words of the bitmap in progress that are not in @words yet.
 * @bits_left: bits of the record in progress that are not in @word yet; 0 if it names no pages.
 * @word: bits of the word in progress that are in no run yet.
 * @word_gpa: address of the page of its bit 0.
 * @open: a run that may go on in the next word.
 */
struct fb_bitmap {
	struct fb_iov it;
	struct virtio_fastballoon_bitmap records[VIRTIO_FASTBALLOON_BITMAP_RECORDS_MAX];
	unsigned int count;
	unsigned int next;
	uint64_t refused;
	uint64_t words[FB_BITMAP_WORDS];
	unsigned int words_count;
	unsigned int words_next;
	uint64_t words_left;
	uint64_t bits_left;
	uint64_t word;
	uint64_t word_gpa;
	struct fb_range open;
};

/**
 * fb_pages_read_header() - read the header of a buffer that names pages.
 * @header: in host byte order afterwards.
 *
 * Return: whether the buffer was long enough.
 */
bool fb_pages_read_header(struct fb_iov *it, struct virtio_fastballoon_pages *header);

/**
 * fb_bitmap_open() - read the records behind a header.
 * @it: the first byte of them.
 * @count: how many the header announces.
 *
 * Return: NULL, or why the buffer is to be refused as a whole, a constant string.
 */
const char *fb_bitmap_open(struct fb_bitmap *bitmap, const struct fb_iov *it, uint32_t count);

/**
 * fb_bitmap_next() - the next run of pages, in the order of the buffer.
 *
 * Neighbouring bits make one run, over the ends of words and of records that touch.
 *
 * Return: false at the end. @bitmap->refused is complete then.
 */
bool fb_bitmap_next(struct fb_bitmap *bitmap, struct fb_range *run);

#endif /* FB_BITMAP_H */
