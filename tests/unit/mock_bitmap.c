// SPDX-License-Identifier: GPL-2.0-or-later
/* mock_bitmap.c - a driver that makes buffers with a header: page bitmaps and PFN arrays. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "mock_bitmap.h"

struct fb_mock_bitmap *fb_mock_bitmap_new(void)
{
	struct fb_mock_bitmap *bitmap = malloc(sizeof(*bitmap));

	assert_non_null(bitmap);
	fb_mock_bitmap_clear(bitmap);
	return bitmap;
}

void fb_mock_bitmap_clear(struct fb_mock_bitmap *bitmap)
{
	memset(bitmap, 0, sizeof(*bitmap));
	bitmap->header.format = htole16(VIRTIO_FASTBALLOON_PAGES_BITMAP);
}

uint64_t *fb_mock_bitmap_add(struct fb_mock_bitmap *bitmap, uint64_t start_pfn, uint32_t bits)
{
	uint64_t *words = &bitmap->words[bitmap->word_count];

	assert_true(bitmap->record_count < FB_MOCK_RECORDS_MAX);
	assert_true((bits + 63) / 64 <= FB_MOCK_WORDS_MAX - bitmap->word_count);
	bitmap->records[bitmap->record_count++] = (struct virtio_fastballoon_bitmap){
		.start_pfn = htole64(start_pfn),
		.bits = htole32(bits),
	};
	bitmap->word_count += (bits + 63) / 64;
	bitmap->header.count = htole32(bitmap->record_count);
	return words;
}

void fb_mock_bitmap_set(uint64_t *words, unsigned int bit, unsigned int count)
{
	for (; count--; bit++)
		words[bit / 64] |= UINT64_C(1) << (bit % 64);
}

void fb_mock_bitmap_add_run(struct fb_mock_bitmap *bitmap, uint64_t start_pfn, uint32_t count)
{
	fb_mock_bitmap_set(fb_mock_bitmap_add(bitmap, start_pfn, count), 0, count);
}

/* The bytes of a bitmap, by the definition of bit n and not by way of words. */
static void fb_mock_bitmap_bytes(const struct fb_mock_bitmap *bitmap, unsigned char *bytes)
{
	for (size_t n = 0; n < (size_t)bitmap->word_count * 64; n++) {
		if (bitmap->words[n / 64] >> (n % 64) & 1)
			bytes[n / 8] |= 1 << (n % 8);
	}
}

void fb_mock_bitmap_send(struct fb_mock *mock, enum fb_mock_queue queue,
			 const struct fb_mock_bitmap *bitmap, int extra, size_t split)
{
	size_t records_size = bitmap->record_count * sizeof(bitmap->records[0]);
	size_t head = sizeof(bitmap->header) + records_size;
	size_t size = head + bitmap->word_count * sizeof(bitmap->words[0]) + extra;
	unsigned char *bytes = calloc(1, size + 64);

	assert_non_null(bytes);
	memcpy(bytes, &bitmap->header, sizeof(bitmap->header));
	memcpy(bytes + sizeof(bitmap->header), bitmap->records, records_size);
	fb_mock_bitmap_bytes(bitmap, bytes + head);
	fb_mock_send(mock, queue, bytes, size, split, NULL, 0);
	free(bytes);
}

void fb_mock_send_headed(struct fb_mock *mock, enum fb_mock_queue queue, const uint32_t *pfns,
			 size_t count, uint32_t says, size_t extra, size_t split)
{
	const struct virtio_fastballoon_pages header = {
		.format = htole16(VIRTIO_FASTBALLOON_PAGES_PFNS),
		.count = htole32(says),
	};
	size_t size = sizeof(header) + count * sizeof(uint32_t) + extra;
	unsigned char *bytes = calloc(1, size);

	assert_non_null(bytes);
	memcpy(bytes, &header, sizeof(header));
	for (size_t i = 0; i < count; i++) {
		uint32_t pfn = htole32(pfns[i]);

		memcpy(bytes + sizeof(header) + i * sizeof(pfn), &pfn, sizeof(pfn));
	}
	fb_mock_send(mock, queue, bytes, size, split, NULL, 0);
	free(bytes);
}
