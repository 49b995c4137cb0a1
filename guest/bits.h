/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bits.h - packing runs of pages into a buffer with page bitmaps: pure functions.
 *
 * The format is that of docs/protocol.md, section 9. A record goes on as long as the gap to the
 * next run costs no more in zero bits than a record would; so sparse pages cost a record and a
 * word each, 24 bytes, and shattered areas a bit per page.
 */
#ifndef FB_BITS_H
#define FB_BITS_H

#include <asm/byteorder.h>

#include <linux/virtio_fastballoon.h>

#include "run.h"

/* Words of bitmap in a buffer, for 96 MiB of memory, and records; it is a page large. */
#define FB_BITS_WORDS 384
#define FB_BITS_RECORDS 62
#define FB_BITS_PER_WORD VIRTIO_FASTBALLOON_BITMAP_ALIGN

/* Words of zero bits that cost no more than a record. */
#define FB_BITS_GAP_WORDS (sizeof(struct virtio_fastballoon_bitmap) / sizeof(__le64))

/**
 * struct fb_bits - a buffer with page bitmaps.
 * @header: begins what the device reads; @records follow it.
 * @records: the first @nr_records of them are in use.
 * @nr_records: see above.
 * @nr_words: words in use.
 * @words: the bitmaps of all records, one after the other.
 */
struct fb_bits {
	struct virtio_fastballoon_pages header;
	struct virtio_fastballoon_bitmap records[FB_BITS_RECORDS];
	__u32 nr_records;
	__u32 nr_words;
	__le64 words[FB_BITS_WORDS];
};

/** fb_bits_clear() - make a buffer empty. */
static inline void fb_bits_clear(struct fb_bits *bits)
{
	bits->nr_records = 0;
	bits->nr_words = 0;
}

/* Words that the last record has, of which there is one. */
static inline unsigned long fb_bits_last_words(const struct fb_bits *bits)
{
	unsigned long nr_bits = __le32_to_cpu(bits->records[bits->nr_records - 1].bits);

	return (nr_bits + FB_BITS_PER_WORD - 1) / FB_BITS_PER_WORD;
}

/* Words that the last record can have. */
static inline unsigned long fb_bits_last_room(const struct fb_bits *bits)
{
	return fb_bits_last_words(bits) + FB_BITS_WORDS - bits->nr_words;
}

/* Place of a page in the last record. */
static inline unsigned long fb_bits_place(const struct fb_bits *bits, unsigned long pfn)
{
	return pfn - (unsigned long)__le64_to_cpu(bits->records[bits->nr_records - 1].start_pfn);
}

/* Whether the last record may go on with a page. */
static inline int fb_bits_continues(const struct fb_bits *bits, unsigned long pfn)
{
	unsigned long place, word;

	if (!bits->nr_records)
		return 0;
	place = fb_bits_place(bits, pfn);
	word = place / FB_BITS_PER_WORD;
	return place >= __le32_to_cpu(bits->records[bits->nr_records - 1].bits) &&
	       word <= fb_bits_last_words(bits) + FB_BITS_GAP_WORDS &&
	       word < fb_bits_last_room(bits);
}

/* Begin a record; returns whether there is room for one. */
static inline int fb_bits_begin(struct fb_bits *bits, unsigned long pfn)
{
	if (bits->nr_records == FB_BITS_RECORDS || bits->nr_words == FB_BITS_WORDS)
		return 0;
	bits->records[bits->nr_records++] = (struct virtio_fastballoon_bitmap){
		.start_pfn = __cpu_to_le64(pfn),
	};
	return 1;
}

/* Let the last record have so many bits, those that are new being zero. */
static inline void fb_bits_grow(struct fb_bits *bits, unsigned long nr_bits)
{
	unsigned long words = (nr_bits + FB_BITS_PER_WORD - 1) / FB_BITS_PER_WORD;
	unsigned long more = words - fb_bits_last_words(bits);

	while (more--)
		bits->words[bits->nr_words++] = 0;
	bits->records[bits->nr_records - 1].bits = __cpu_to_le32(nr_bits);
}

/* Set bits of the last record, which has them. */
static inline void fb_bits_set(struct fb_bits *bits, unsigned long place, unsigned long nr_bits)
{
	__le64 *words = &bits->words[bits->nr_words - fb_bits_last_words(bits)];

	while (nr_bits) {
		unsigned long low = place % FB_BITS_PER_WORD;
		unsigned long nr = FB_BITS_PER_WORD - low;
		__u64 mask;

		if (nr > nr_bits)
			nr = nr_bits;
		mask = ~0ULL >> (FB_BITS_PER_WORD - nr) << low;
		words[place / FB_BITS_PER_WORD] |= __cpu_to_le64(mask);
		place += nr;
		nr_bits -= nr;
	}
}

/**
 * fb_bits_add() - name pages.
 * @bits: the buffer.
 * @run: at least one page, none of which is in @bits; loses from its front what found room. The
 *       buffer is full where something is left.
 */
static inline void fb_bits_add(struct fb_bits *bits, struct fb_run *run)
{
	unsigned long place;
	struct fb_run part;

	if (!fb_bits_continues(bits, run->pfn) && !fb_bits_begin(bits, run->pfn))
		return;
	place = fb_bits_place(bits, run->pfn);
	part = fb_run_cut(run, fb_bits_last_room(bits) * FB_BITS_PER_WORD - place);
	fb_bits_grow(bits, place + part.nr_pages);
	fb_bits_set(bits, place, part.nr_pages);
}

/**
 * fb_bits_close() - write the header.
 * @bits: a buffer that is not empty.
 *
 * Return: length of header and records in bytes; the words follow in a part of their own.
 */
static inline unsigned long fb_bits_close(struct fb_bits *bits)
{
	_Static_assert(FB_BITS_RECORDS <= VIRTIO_FASTBALLOON_BITMAP_RECORDS_MAX, "records");
	_Static_assert(FB_BITS_WORDS * FB_BITS_PER_WORD <= VIRTIO_FASTBALLOON_BITMAP_BITS_MAX,
		       "bits");
	bits->header = (struct virtio_fastballoon_pages){
		.format = __cpu_to_le16(VIRTIO_FASTBALLOON_PAGES_BITMAP),
		.count = __cpu_to_le32(bits->nr_records),
	};
	return sizeof(bits->header) + bits->nr_records * sizeof(bits->records[0]);
}

#endif
