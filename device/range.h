/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * range.h - arithmetic on ranges of guest memory. Pure functions: they know no device, keep
 * no state and call nothing but libc's qsort().
 */
#ifndef FB_RANGE_H
#define FB_RANGE_H

#include "fastballoon_device.h"

/** fb_round_down() - @value reduced to a multiple of @size, a power of two. */
static inline uint64_t fb_round_down(uint64_t value, uint64_t size)
{
	return value & ~(size - 1);
}

/**
 * fb_range_is_valid() - whether a range is not empty and ends within the address space.
 * @align: a power of two; address and length must be multiples of it.
 */
bool fb_range_is_valid(const struct fb_range *range, uint64_t align);

/** fb_range_sort() - order @count ranges by address. */
void fb_range_sort(struct fb_range *ranges, size_t count);

/**
 * fb_range_coalesce() - join valid ranges, sorted by address, that touch or overlap.
 *
 * Return: how many ranges are left at the start of @ranges, sorted and apart.
 */
size_t fb_range_coalesce(struct fb_range *ranges, size_t count);

/**
 * fb_range_from_pfns() - turn page frame numbers into runs of pages.
 * @pfns: numbers in host byte order, in any order, repeated or not.
 * @runs: room for @count runs.
 *
 * Numbers that follow each other upwards or downwards join the same run; the runs come in
 * the order of the array and may touch or overlap.
 *
 * Return: how many runs were made.
 */
size_t fb_range_from_pfns(const uint32_t *pfns, size_t count, struct fb_range *runs);

/** fb_range_find() - index of the range that holds @gpa, or @count. */
size_t fb_range_find(const struct fb_range *ranges, size_t count, uint64_t gpa);

/**
 * fb_range_whole() - the part of a valid range that consists of whole units.
 * @origin: address of a unit, not above the range.
 * @unit: size of a unit in bytes, a power of two.
 *
 * Return: the trimmed range; its length is 0 where the range holds no whole unit.
 */
struct fb_range fb_range_whole(const struct fb_range *range, uint64_t origin, uint64_t unit);

#endif /* FB_RANGE_H */
