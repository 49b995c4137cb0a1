/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mock_bitmap.h - a driver that makes buffers with a header: page bitmaps and PFN arrays. */
#ifndef FB_MOCK_BITMAP_H
#define FB_MOCK_BITMAP_H

#include "mock_host.h"

/* More than the device accepts, so that its limits can be passed. */
#define FB_MOCK_RECORDS_MAX (VIRTIO_FASTBALLOON_BITMAP_RECORDS_MAX + 5)
#define FB_MOCK_WORDS_MAX (VIRTIO_FASTBALLOON_BITMAP_BITS_MAX / 64 + 5)

/**
 * struct fb_mock_bitmap - a buffer with page bitmaps in the making.
 * @header: as sent; its count follows the records that are added.
 * @words: of all bitmaps, in host byte order.
 */
struct fb_mock_bitmap {
	struct virtio_fastballoon_pages header;
	struct virtio_fastballoon_bitmap records[FB_MOCK_RECORDS_MAX];
	unsigned int record_count;
	uint64_t words[FB_MOCK_WORDS_MAX];
	unsigned int word_count;
};

/** fb_mock_bitmap_new() - a buffer without records; to be released with free(). */
struct fb_mock_bitmap *fb_mock_bitmap_new(void);

/** fb_mock_bitmap_clear() - take all records out again. */
void fb_mock_bitmap_clear(struct fb_mock_bitmap *bitmap);

/** fb_mock_bitmap_add() - add a record with no bit set. Return: its words. */
uint64_t *fb_mock_bitmap_add(struct fb_mock_bitmap *bitmap, uint64_t start_pfn, uint32_t bits);

/** fb_mock_bitmap_set() - set @count bits from @bit in the words of a record. */
void fb_mock_bitmap_set(uint64_t *words, unsigned int bit, unsigned int count);

/** fb_mock_bitmap_add_run() - add a record that names @count pages from @start_pfn. */
void fb_mock_bitmap_add_run(struct fb_mock_bitmap *bitmap, uint64_t start_pfn, uint32_t count);

/**
 * fb_mock_bitmap_send() - send the buffer.
 * @extra: by how many bytes it is longer than it says; negative for shorter.
 * @split: as for fb_mock_send().
 */
void fb_mock_bitmap_send(struct fb_mock *mock, enum fb_mock_queue queue,
			 const struct fb_mock_bitmap *bitmap, int extra, size_t split);

/**
 * fb_mock_send_headed() - send @count PFNs behind a header that announces @says.
 * @extra: bytes behind the last one.
 */
void fb_mock_send_headed(struct fb_mock *mock, enum fb_mock_queue queue, const uint32_t *pfns,
			 size_t count, uint32_t says, size_t extra, size_t split);

#endif /* FB_MOCK_BITMAP_H */
