// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hole_scan.c - which memory of this process has content.
 *
 * mincore() is of no use here: it does not tell what is swapped out from what never was.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hole_scan.h"

/*
 * The interface of PAGEMAP_SCAN (Linux 6.7), which Debian 12's headers lack. The numbers and
 * layouts are the kernel's; the names are ours.
 */
struct fb_pagemap_region {
	__u64 start;
	__u64 end;
	__u64 categories;
};

struct fb_pagemap_scan {
	__u64 size;
	__u64 flags;
	__u64 start;
	__u64 end;
	__u64 walk_end;
	__u64 regions;
	__u64 region_count;
	__u64 max_pages;
	__u64 inverted;
	__u64 all_of;
	__u64 any_of;
	__u64 returned;
};

#define FB_PAGEMAP_SCAN _IOWR('f', 16, struct fb_pagemap_scan)
#define FB_PAGE_PRESENT (1ULL << 3)
#define FB_PAGE_SWAPPED (1ULL << 4)
#define FB_PAGE_ZERO (1ULL << 5)

/* Regions that one call returns, entries of the pagemap that one call reads. */
#define FB_SCAN_REGIONS 256
#define FB_PAGEMAP_ENTRIES 4096

/* An entry of /proc/self/pagemap: the page is in memory, or swapped out or being migrated. */
#define FB_ENTRY_PRESENT (1ULL << 63)
#define FB_ENTRY_SWAPPED (1ULL << 62)

int fb_hole_scan_open(struct fb_hole_scan *scan)
{
	scan->pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	scan->no_ioctl = false;
	scan->method = FB_HOLE_NONE;
	return scan->pagemap_fd < 0 ? -errno : 0;
}

void fb_hole_scan_close(struct fb_hole_scan *scan)
{
	if (scan->pagemap_fd >= 0)
		close(scan->pagemap_fd);
	scan->pagemap_fd = -1;
}

/* One ioctl over [at, end). Return: where the next one goes on, or a negative errno. */
static int64_t fb_scan_step(int fd, uint64_t base, uint64_t at, uint64_t end,
			    fb_populated_fn populated, void *opaque)
{
	struct fb_pagemap_region regions[FB_SCAN_REGIONS];
	struct fb_pagemap_scan arg = {
		.size = sizeof(arg),
		.start = at,
		.end = end,
		.regions = (uintptr_t)regions,
		.region_count = FB_SCAN_REGIONS,
		.inverted = FB_PAGE_ZERO,
		.all_of = FB_PAGE_ZERO,
		.any_of = FB_PAGE_PRESENT | FB_PAGE_SWAPPED,
	};
	int count = ioctl(fd, FB_PAGEMAP_SCAN, &arg);

	if (count < 0)
		return -errno;
	if (count > FB_SCAN_REGIONS || arg.walk_end <= at || arg.walk_end > end)
		return -EIO;
	for (int i = 0; i < count; i++)
		populated(opaque, regions[i].start - base, regions[i].end - regions[i].start);
	return arg.walk_end;
}

static int fb_scan_ioctl(int fd, const struct fb_hole_memory *memory, fb_populated_fn populated,
			 void *opaque)
{
	uint64_t base = (uintptr_t)memory->host;
	int64_t at = base;

	while ((uint64_t)at < base + memory->len) {
		at = fb_scan_step(fd, base, at, base + memory->len, populated, opaque);
		if (at < 0)
			return at;
	}
	return 0;
}

/* Call populated() for the runs among @count entries, of which the first is for page @first. */
static void fb_pagemap_runs(const uint64_t *entries, uint64_t count, uint64_t first,
			    uint64_t page_size, fb_populated_fn populated, void *opaque)
{
	uint64_t i, run = 0;

	for (i = 0; i < count; i++) {
		if (entries[i] & (FB_ENTRY_PRESENT | FB_ENTRY_SWAPPED)) {
			run++;
		} else if (run) {
			populated(opaque, (first + i - run) * page_size, run * page_size);
			run = 0;
		}
	}
	if (run)
		populated(opaque, (first + i - run) * page_size, run * page_size);
}

static int fb_scan_pagemap(int fd, const struct fb_hole_memory *memory, fb_populated_fn populated,
			   void *opaque)
{
	uint64_t page_size = sysconf(_SC_PAGESIZE);
	uint64_t base = (uintptr_t)memory->host / page_size;
	uint64_t pages = memory->len / page_size;
	uint64_t entries[FB_PAGEMAP_ENTRIES];
	uint64_t page = 0;

	while (page < pages) {
		uint64_t count = pages - page;
		ssize_t got;

		if (count > FB_PAGEMAP_ENTRIES)
			count = FB_PAGEMAP_ENTRIES;
		got = pread(fd, entries, count * sizeof(entries[0]),
			    (base + page) * sizeof(entries[0]));
		if (got < (ssize_t)sizeof(entries[0]))
			return got < 0 ? -errno : -EIO;
		count = got / sizeof(entries[0]);
		fb_pagemap_runs(entries, count, page, page_size, populated, opaque);
		page += count;
	}
	return 0;
}

static int fb_scan_file(const struct fb_hole_memory *memory, fb_populated_fn populated,
			void *opaque)
{
	off_t len = memory->len;
	off_t data, hole = 0;

	while (hole < len) {
		data = lseek(memory->fd, hole, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? 0 : -errno; /* ENXIO: only a hole is left */
		if (data >= len)
			return 0;
		hole = lseek(memory->fd, data, SEEK_HOLE);
		if (hole <= data)
			return hole < 0 ? -errno : -EIO;
		populated(opaque, data, (hole < len ? hole : len) - data);
	}
	return 0;
}

int fb_hole_scan_run(struct fb_hole_scan *scan, const struct fb_hole_memory *memory,
		     fb_populated_fn populated, void *opaque)
{
	int ret;

	if (memory->fd >= 0) {
		scan->method = FB_HOLE_SEEK;
		return fb_scan_file(memory, populated, opaque);
	}
	if (scan->pagemap_fd < 0)
		return -EBADF;
	if (!scan->no_ioctl) {
		scan->method = FB_HOLE_PAGEMAP_SCAN;
		ret = fb_scan_ioctl(scan->pagemap_fd, memory, populated, opaque);
		if (ret != -ENOTTY)
			return ret;
		scan->no_ioctl = true;
	}
	scan->method = FB_HOLE_PAGEMAP;
	return fb_scan_pagemap(scan->pagemap_fd, memory, populated, opaque);
}

const char *fb_hole_method_name(enum fb_hole_method method)
{
	static const char *const names[] = {
		[FB_HOLE_NONE] = "",
		[FB_HOLE_PAGEMAP_SCAN] = "pagemap-scan",
		[FB_HOLE_PAGEMAP] = "pagemap",
		[FB_HOLE_SEEK] = "seek-hole",
	};

	return names[method];
}
