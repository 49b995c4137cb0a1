// SPDX-License-Identifier: BSD-3-Clause
/* bitmap.c - the runs of pages in a buffer with page bitmaps. */
#include <endian.h>

#include "bitmap.h"

#define FB_WORD_BITS VIRTIO_FASTBALLOON_BITMAP_ALIGN
#define FB_PFN_END (UINT64_C(1) << (64 - FB_PAGE_SHIFT))

bool fb_pages_read_header(struct fb_iov *it, struct virtio_fastballoon_pages *header)
{
	if (fb_iov_read(it, header, sizeof(*header)) != sizeof(*header))
		return false;
	header->format = le16toh(header->format);
	header->count = le32toh(header->count);
	return true;
}

static uint64_t fb_bitmap_record_words(const struct virtio_fastballoon_bitmap *record)
{
	return ((uint64_t)le32toh(record->bits) + FB_WORD_BITS - 1) / FB_WORD_BITS;
}

const char *fb_bitmap_open(struct fb_bitmap *bitmap, const struct fb_iov *it, uint32_t count)
{
	size_t size = count * sizeof(bitmap->records[0]);
	uint64_t words = 0;

	if (!count || count > VIRTIO_FASTBALLOON_BITMAP_RECORDS_MAX)
		return "page bitmap without records, or with too many";
	bitmap->it = *it;
	if (fb_iov_read(&bitmap->it, bitmap->records, size) != size)
		return "page bitmap ends within its records";
	for (uint32_t i = 0; i < count; i++)
		words += fb_bitmap_record_words(&bitmap->records[i]);
	if (words * FB_WORD_BITS > VIRTIO_FASTBALLOON_BITMAP_BITS_MAX)
		return "page bitmap has too many bits";
	if (fb_iov_left(&bitmap->it) != words * sizeof(uint64_t))
		return "page bitmap is not as long as its records say";
	bitmap->count = count;
	bitmap->next = 0;
	bitmap->refused = 0;
	bitmap->words_count = 0;
	bitmap->words_next = 0;
	bitmap->words_left = 0;
	bitmap->bits_left = 0;
	bitmap->word = 0;
	bitmap->open.len = 0;
	return NULL;
}

static void fb_bitmap_next_record(struct fb_bitmap *bitmap)
{
	const struct virtio_fastballoon_bitmap *record = &bitmap->records[bitmap->next++];
	uint64_t pfn = le64toh(record->start_pfn);
	uint64_t bits = le32toh(record->bits);

	bitmap->words_left = fb_bitmap_record_words(record);
	bitmap->bits_left = 0;
	if (!bits || pfn >= FB_PFN_END || bits >= FB_PFN_END - pfn) {
		bitmap->refused++;
		return;
	}
	bitmap->bits_left = bits;
	/* The first word adds this again. */
	bitmap->word_gpa = (pfn - FB_WORD_BITS) << FB_PAGE_SHIFT;
}

/* Return: false when all records are through. */
static bool fb_bitmap_read_words(struct fb_bitmap *bitmap)
{
	uint64_t want;

	while (!bitmap->words_left) {
		if (bitmap->next == bitmap->count)
			return false;
		fb_bitmap_next_record(bitmap);
	}
	want = bitmap->words_left < FB_BITMAP_WORDS ? bitmap->words_left : FB_BITMAP_WORDS;
	fb_iov_read(&bitmap->it, bitmap->words, want * sizeof(uint64_t));
	bitmap->words_left -= want;
	bitmap->words_count = want;
	bitmap->words_next = 0;
	return true;
}

static bool fb_bitmap_next_word(struct fb_bitmap *bitmap)
{
	uint64_t bits;

	if (bitmap->words_next == bitmap->words_count && !fb_bitmap_read_words(bitmap))
		return false;
	bits = bitmap->bits_left < FB_WORD_BITS ? bitmap->bits_left : FB_WORD_BITS;
	bitmap->word = le64toh(bitmap->words[bitmap->words_next++]);
	if (bits < FB_WORD_BITS)
		bitmap->word &= (UINT64_C(1) << bits) - 1;
	bitmap->word_gpa += FB_WORD_BITS << FB_PAGE_SHIFT;
	bitmap->bits_left -= bits;
	return true;
}

/* The next run inside one word. */
static bool fb_bitmap_next_piece(struct fb_bitmap *bitmap, struct fb_range *piece)
{
	unsigned int low, count;
	uint64_t ones;

	while (!bitmap->word) {
		if (!fb_bitmap_next_word(bitmap))
			return false;
	}
	low = __builtin_ctzll(bitmap->word);
	ones = ~(bitmap->word >> low);
	count = ones ? __builtin_ctzll(ones) : FB_WORD_BITS;
	piece->gpa = bitmap->word_gpa + ((uint64_t)low << FB_PAGE_SHIFT);
	piece->len = (uint64_t)count << FB_PAGE_SHIFT;
	/* Adding the lowest bit that is set carries through its run. */
	bitmap->word &= bitmap->word + (UINT64_C(1) << low);
	return true;
}

bool fb_bitmap_next(struct fb_bitmap *bitmap, struct fb_range *run)
{
	struct fb_range *open = &bitmap->open;
	struct fb_range piece;

	while (fb_bitmap_next_piece(bitmap, &piece)) {
		if (open->len && open->gpa + open->len == piece.gpa) {
			open->len += piece.len;
			continue;
		}
		*run = *open;
		*open = piece;
		if (run->len)
			return true;
	}
	*run = *open;
	open->len = 0;
	return run->len;
}
