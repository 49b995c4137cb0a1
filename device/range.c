// SPDX-License-Identifier: BSD-3-Clause
/* range.c - arithmetic on ranges of guest memory. */
#include <stdlib.h>

#include "range.h"

bool fb_range_is_valid(const struct fb_range *range, uint64_t align)
{
	return range->len && range->len <= UINT64_MAX - range->gpa &&
	       !((range->gpa | range->len) & (align - 1));
}

static int fb_range_compare(const void *left, const void *right)
{
	const struct fb_range *a = left;
	const struct fb_range *b = right;

	return (a->gpa > b->gpa) - (a->gpa < b->gpa);
}

static bool fb_range_is_sorted(const struct fb_range *ranges, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (ranges[i].gpa < ranges[i - 1].gpa)
			return false;
	}
	return true;
}

void fb_range_sort(struct fb_range *ranges, size_t count)
{
	if (!fb_range_is_sorted(ranges, count))
		qsort(ranges, count, sizeof(*ranges), fb_range_compare);
}

size_t fb_range_coalesce(struct fb_range *ranges, size_t count)
{
	size_t last = 0;

	if (!count)
		return 0;
	for (size_t i = 1; i < count; i++) {
		uint64_t last_end = ranges[last].gpa + ranges[last].len;
		uint64_t end = ranges[i].gpa + ranges[i].len;

		if (ranges[i].gpa > last_end)
			ranges[++last] = ranges[i];
		else if (end > last_end)
			ranges[last].len = end - ranges[last].gpa;
	}
	return last + 1;
}

/* Add the page at @gpa to @run if it lies in it or beside it. */
static bool fb_range_take_page(struct fb_range *run, uint64_t gpa)
{
	if (gpa + FB_PAGE_SIZE == run->gpa) {
		run->gpa = gpa;
		run->len += FB_PAGE_SIZE;
		return true;
	}
	if (gpa < run->gpa || gpa > run->gpa + run->len)
		return false;
	if (gpa == run->gpa + run->len)
		run->len += FB_PAGE_SIZE;
	return true;
}

size_t fb_range_from_pfns(const uint32_t *pfns, size_t count, struct fb_range *runs)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t gpa = (uint64_t)pfns[i] << FB_PAGE_SHIFT;

		if (n && fb_range_take_page(&runs[n - 1], gpa))
			continue;
		runs[n++] = (struct fb_range){ .gpa = gpa, .len = FB_PAGE_SIZE };
	}
	return n;
}

size_t fb_range_find(const struct fb_range *ranges, size_t count, uint64_t gpa)
{
	size_t i = 0;

	while (i < count && (gpa < ranges[i].gpa || gpa - ranges[i].gpa >= ranges[i].len))
		i++;
	return i;
}

struct fb_range fb_range_whole(const struct fb_range *range, uint64_t origin, uint64_t unit)
{
	uint64_t start = range->gpa - origin;
	uint64_t end = fb_round_down(start + range->len, unit);
	uint64_t first = fb_round_down(start, unit);

	if (first != start && first < end)
		first += unit;
	if (first >= end)
		return (struct fb_range){ .gpa = range->gpa };
	return (struct fb_range){ .gpa = origin + first, .len = end - first };
}
