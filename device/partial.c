// SPDX-License-Identifier: BSD-3-Clause
/*
 * partial.c - host pages of which the balloon holds a part.
 *
 * A hash table finds a host page by its address; a list through all of them, the one touched
 * last in front, says which to forget when a limit is reached.
 */
#include <stdlib.h>

#include "partial.h"
#include "range.h"

#define FB_PARTIAL_BUCKETS 1024
#define FB_WORD_BITS 64

struct fb_partial_page {
	uint64_t gpa;
	uint64_t size;
	uint64_t held_pages; /* bits set in @bits */
	struct fb_partial_page *hash_next;
	struct fb_partial_page *newer;
	struct fb_partial_page *older;
	uint64_t bits[];
};

struct fb_partial {
	struct fb_partial_page *buckets[FB_PARTIAL_BUCKETS];
	struct fb_partial_page *newest;
	struct fb_partial_page *oldest;
	size_t count;
	uint64_t bitmap_bytes;
};

static uint64_t fb_partial_bitmap_bytes(uint64_t host_page_size)
{
	uint64_t bits = host_page_size >> FB_PAGE_SHIFT;

	return (bits + FB_WORD_BITS - 1) / FB_WORD_BITS * sizeof(uint64_t);
}

static struct fb_partial_page **fb_partial_bucket(struct fb_partial *partial, uint64_t gpa)
{
	/* Fibonacci hashing: the high bits of the product depend on every bit of the address. */
	uint64_t hash = (gpa >> FB_PAGE_SHIFT) * UINT64_C(0x9e3779b97f4a7c15);

	return &partial->buckets[(hash >> 32) % FB_PARTIAL_BUCKETS];
}

static struct fb_partial_page *fb_partial_find(struct fb_partial *partial, uint64_t gpa)
{
	struct fb_partial_page *page = *fb_partial_bucket(partial, gpa);

	while (page && page->gpa != gpa)
		page = page->hash_next;
	return page;
}

static void fb_partial_list_add(struct fb_partial *partial, struct fb_partial_page *page)
{
	page->newer = NULL;
	page->older = partial->newest;
	if (partial->newest)
		partial->newest->newer = page;
	else
		partial->oldest = page;
	partial->newest = page;
}

static void fb_partial_list_remove(struct fb_partial *partial, struct fb_partial_page *page)
{
	if (page->newer)
		page->newer->older = page->older;
	else
		partial->newest = page->older;
	if (page->older)
		page->older->newer = page->newer;
	else
		partial->oldest = page->newer;
}

static void fb_partial_forget(struct fb_partial *partial, struct fb_partial_page *page)
{
	struct fb_partial_page **link = fb_partial_bucket(partial, page->gpa);

	while (*link != page)
		link = &(*link)->hash_next;
	*link = page->hash_next;
	fb_partial_list_remove(partial, page);
	partial->count--;
	partial->bitmap_bytes -= fb_partial_bitmap_bytes(page->size);
	free(page);
}

static struct fb_partial_page *fb_partial_create(struct fb_partial *partial, uint64_t gpa,
						 uint64_t size)
{
	uint64_t bytes = fb_partial_bitmap_bytes(size);
	struct fb_partial_page **bucket = fb_partial_bucket(partial, gpa);
	struct fb_partial_page *page;

	if (bytes > FB_PARTIAL_BITMAP_MAX)
		return NULL;
	while (partial->count >= FB_PARTIAL_PAGES_MAX ||
	       partial->bitmap_bytes > FB_PARTIAL_BITMAP_MAX - bytes)
		fb_partial_forget(partial, partial->oldest);
	page = calloc(1, sizeof(*page) + bytes);
	if (!page)
		return NULL;
	page->gpa = gpa;
	page->size = size;
	page->hash_next = *bucket;
	*bucket = page;
	fb_partial_list_add(partial, page);
	partial->count++;
	partial->bitmap_bytes += bytes;
	return page;
}

/* The remembered host page, as the one touched last; a new one if it is not known. */
static struct fb_partial_page *fb_partial_touch(struct fb_partial *partial, uint64_t gpa,
						uint64_t size)
{
	struct fb_partial_page *page = fb_partial_find(partial, gpa);

	if (page && page->size == size) {
		fb_partial_list_remove(partial, page);
		fb_partial_list_add(partial, page);
		return page;
	}
	if (page)
		fb_partial_forget(partial, page);
	return fb_partial_create(partial, gpa, size);
}

/* Set or clear the bits of [gpa, end), which lies in @page. */
static void fb_partial_mark(struct fb_partial_page *page, uint64_t gpa, uint64_t end, bool held)
{
	uint64_t bit = (gpa - page->gpa) >> FB_PAGE_SHIFT;
	uint64_t bit_end = (end - page->gpa) >> FB_PAGE_SHIFT;

	for (; bit < bit_end; bit++) {
		uint64_t *word = &page->bits[bit / FB_WORD_BITS];
		uint64_t mask = UINT64_C(1) << (bit % FB_WORD_BITS);

		if (!(*word & mask) == !held)
			continue;
		*word ^= mask;
		page->held_pages += held ? 1 : -1;
	}
}

struct fb_partial *fb_partial_new(void)
{
	return calloc(1, sizeof(struct fb_partial));
}

void fb_partial_free(struct fb_partial *partial)
{
	if (partial)
		fb_partial_clear(partial);
	free(partial);
}

void fb_partial_clear(struct fb_partial *partial)
{
	while (partial->oldest)
		fb_partial_forget(partial, partial->oldest);
}

size_t fb_partial_count(const struct fb_partial *partial)
{
	return partial->count;
}

uint64_t fb_partial_bytes(const struct fb_partial *partial)
{
	uint64_t held_pages = 0;

	for (const struct fb_partial_page *page = partial->oldest; page; page = page->newer)
		held_pages += page->held_pages;
	return held_pages << FB_PAGE_SHIFT;
}

bool fb_partial_add(struct fb_partial *partial, const struct fb_range *host_page,
		    const struct fb_range *part)
{
	struct fb_partial_page *page = fb_partial_touch(partial, host_page->gpa, host_page->len);

	if (!page)
		return false;
	fb_partial_mark(page, part->gpa, part->gpa + part->len, true);
	if (page->held_pages < host_page->len >> FB_PAGE_SHIFT)
		return false;
	fb_partial_forget(partial, page);
	return true;
}

static void fb_partial_remove_from(struct fb_partial *partial, struct fb_partial_page *page,
				   const struct fb_range *range)
{
	uint64_t start = range->gpa > page->gpa ? range->gpa : page->gpa;
	uint64_t range_end = range->gpa + range->len;
	uint64_t end = page->gpa + page->size;

	if (range_end < end)
		end = range_end;
	if (start >= end)
		return;
	fb_partial_mark(page, start, end, false);
	if (!page->held_pages)
		fb_partial_forget(partial, page);
}

void fb_partial_remove(struct fb_partial *partial, const struct fb_range *range, uint64_t origin,
		       uint64_t host_page_size)
{
	uint64_t gpa = origin + fb_round_down(range->gpa - origin, host_page_size);
	uint64_t end = range->gpa + range->len;
	struct fb_partial_page *page, *next;

	/* Whichever are fewer: the host pages in the range, or those remembered. */
	if ((end - gpa) / host_page_size < partial->count) {
		for (; gpa < end; gpa += host_page_size) {
			page = fb_partial_find(partial, gpa);
			if (page)
				fb_partial_remove_from(partial, page, range);
		}
		return;
	}
	for (page = partial->oldest; page; page = next) {
		next = page->newer;
		fb_partial_remove_from(partial, page, range);
	}
}
