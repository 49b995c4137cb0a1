/* SPDX-License-Identifier: BSD-3-Clause */
/* internal.h - what the files of the device core share and the hypervisor does not see. */
#ifndef FB_INTERNAL_H
#define FB_INTERNAL_H

#include "fastballoon_device.h"

/* Page frame numbers that are read, sorted and coalesced at once. */
#define FB_PIECE_PFNS 4096

/**
 * struct fb_scratch - working memory of a request, so that none is allocated for it.
 * @pfns: a piece of a PFN array.
 * @runs: its runs and the one carried over from the piece before, or those of a bitmap, or
 *        ranges of a buffer.
 */
struct fb_scratch {
	uint32_t pfns[FB_PIECE_PFNS];
	struct fb_range runs[FB_PIECE_PFNS + 1];
};

/**
 * struct fb_request - a buffer in progress.
 * @handle: called for each coalesced run inside one piece of RAM.
 * @bytes: counter that grows by the length of each run.
 * @refused: entries and ranges refused so far.
 * @reason: why the first of them was.
 */
struct fb_request {
	struct fb_device *dev;
	void (*handle)(struct fb_device *dev, const struct fb_ram *ram, const struct fb_range *run);
	uint64_t *bytes;
	uint64_t refused;
	const char *reason;
};

/** fb_request_refuse() - count @count refused parts of the buffer. */
void fb_request_refuse(struct fb_request *req, uint64_t count, const char *reason);

/** fb_request_end() - add to the device's counters, and tell the host once what was wrong. */
void fb_request_end(struct fb_request *req);

/**
 * fb_request_ranges() - handle device-writable parts as ranges.
 * @ranges: any number.
 * @align: addresses and lengths must be multiples of it, a power of two.
 *
 * A range that is malformed or lies partly outside RAM is refused as a whole. The others are
 * sorted and coalesced, FB_PIECE_PFNS at a time.
 */
void fb_request_ranges(struct fb_request *req, const struct fb_range *ranges, unsigned int count,
		       uint64_t align);

/**
 * fb_request_run() - handle a run of pages, each inside RAM or not.
 *
 * Pages outside RAM are refused one by one.
 */
void fb_request_run(struct fb_request *req, const struct fb_range *run);

/**
 * fb_ram_extent() - how much of [gpa, end) lies in the same piece of RAM as its first byte.
 * @ram: filled with that piece, its end trimmed to whole host pages of FB_PAGE_SIZE.
 *
 * Return: a length in bytes; 0 where @gpa is not in RAM.
 */
uint64_t fb_ram_extent(const struct fb_device *dev, uint64_t gpa, uint64_t end, struct fb_ram *ram);

/**
 * fb_discard_run() - give a run inside @ram back to the host, unless that is forbidden.
 * @held: the run is in the balloon: its parts of host pages are remembered in dev->partial.
 */
void fb_discard_run(struct fb_device *dev, const struct fb_ram *ram, const struct fb_range *run,
		    bool held);

/** fb_device_has() - whether a feature was negotiated. */
static inline bool fb_device_has(const struct fb_device *dev, unsigned int feature)
{
	return dev->features >> feature & 1;
}

/** fb_stats_reset() - no statistic is known. */
void fb_stats_reset(struct fb_device *dev);

/** fb_hint_init() - no round was ever begun. */
void fb_hint_init(struct fb_hint *hint);

/** fb_hint_reset() - the driver is gone: end the round, keep id and counters. */
void fb_hint_reset(struct fb_hint *hint);

#endif /* FB_INTERNAL_H */
