/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hole_scan.h - which memory of this process has content; libc and the kernel only, no QEMU.
 *
 * What is neither present nor swapped out was never written, or was given back: it reads zero.
 */
#ifndef FASTBALLOON_QEMU_HOLE_SCAN_H
#define FASTBALLOON_QEMU_HOLE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a scan was made. */
enum fb_hole_method {
	FB_HOLE_NONE,         /* no scan was made */
	FB_HOLE_PAGEMAP_SCAN, /* the PAGEMAP_SCAN ioctl, Linux 6.7 and later */
	FB_HOLE_PAGEMAP,      /* reading /proc/self/pagemap */
	FB_HOLE_SEEK,         /* SEEK_DATA and SEEK_HOLE on a shared file */
};

/**
 * struct fb_hole_scan - what scans need.
 * @pagemap_fd: /proc/self/pagemap; -1 where it can't be opened.
 * @no_ioctl: the kernel has no PAGEMAP_SCAN, so the pagemap is read.
 * @method: how the last scan was made.
 */
struct fb_hole_scan {
	int pagemap_fd;
	bool no_ioctl;
	enum fb_hole_method method;
};

/**
 * struct fb_hole_memory - memory to look at.
 * @host: where it is mapped, aligned to a page; used without a file.
 * @len: bytes, whole pages.
 * @fd: -1 for private anonymous memory; else a file that is mapped shared, from its start.
 */
struct fb_hole_memory {
	void *host;
	uint64_t len;
	int fd;
};

/**
 * typedef fb_populated_fn - called for each run of memory with content, in ascending order.
 * @start: bytes from the start of the memory.
 * @len: bytes; runs are not empty and do not overlap, though they may touch.
 */
typedef void (*fb_populated_fn)(void *opaque, uint64_t start, uint64_t len);

/**
 * fb_hole_scan_open() - get ready.
 *
 * Return: 0, or a negative errno where the pagemap can't be opened. Files can be scanned then,
 * too. fb_hole_scan_close() is to be called in any case.
 */
int fb_hole_scan_open(struct fb_hole_scan *scan);
void fb_hole_scan_close(struct fb_hole_scan *scan);

/**
 * fb_hole_scan_run() - find the memory with content.
 *
 * Each page is judged at a moment of its own between call and return. Memory that only reads
 * zero, such as a mapped zero page, may be called populated; never the other way round.
 *
 * Return: 0, or a negative errno; what was not called populated until then is unknown.
 */
int fb_hole_scan_run(struct fb_hole_scan *scan, const struct fb_hole_memory *memory,
		     fb_populated_fn populated, void *opaque);

/** fb_hole_method_name() - "pagemap-scan", "pagemap", "seek-hole", or "" for none. */
const char *fb_hole_method_name(enum fb_hole_method method);

#endif /* FASTBALLOON_QEMU_HOLE_SCAN_H */
