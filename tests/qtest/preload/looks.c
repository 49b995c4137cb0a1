// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * looks.c - preloaded into QEMU: another kernel's answers to the question what is backed.
 *
 * FB_LOOKS says what is different:
 *   deny    /proc/self/pagemap can't be opened, as with a security policy
 *   old     the kernel has no PAGEMAP_SCAN
 *   pause   after the first look at each piece of memory, writes a byte to descriptor FB_LOOKS_FD
 *           and waits for one, so that a test can write to the memory before QEMU goes on
 *   fail    the second look at a piece of memory fails
 *   blind   the second look finds no content; with FB_LOOKS_FD set, pauses as well
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FB_PAGEMAP_SCAN_NR 16
#define FB_LOOKS_MAX 16

/* The first members of the kernel's structure. */
struct fb_look {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
};

static uint64_t fb_seen[FB_LOOKS_MAX];
static unsigned int fb_seen_count;

static int fb_mode_is(const char *mode)
{
	const char *wanted = getenv("FB_LOOKS");

	return wanted && !strcmp(wanted, mode);
}

static void fb_pause(void)
{
	const char *fd = getenv("FB_LOOKS_FD");
	char byte = 'p';

	if (fd && write(atoi(fd), &byte, 1) == 1 && read(atoi(fd), &byte, 1) != 1)
		abort();
}

static int fb_seen_before(uint64_t start)
{
	unsigned int i;

	for (i = 0; i < fb_seen_count; i++) {
		if (fb_seen[i] == start)
			return 1;
	}
	return 0;
}

static int fb_second_look(struct fb_look *look)
{
	if (fb_mode_is("fail")) {
		errno = EIO;
		return -1;
	}
	look->walk_end = look->end;
	return 0;
}

static int fb_look(int (*next)(int, unsigned long, ...), int fd, unsigned long request,
		   struct fb_look *look)
{
	static uint64_t first;
	int second = fb_seen_before(look->start);
	int ret;

	if (second && !fb_mode_is("pause"))
		return fb_second_look(look);
	if (!first)
		first = look->start;
	ret = next(fd, request, look);
	if (!second && ret >= 0 && look->walk_end == look->end) {
		if (fb_seen_count < FB_LOOKS_MAX)
			fb_seen[fb_seen_count++] = first;
		first = 0;
		fb_pause();
	}
	return ret;
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*next)(int, unsigned long, ...);
	va_list args;
	void *arg;

	if (!next)
		next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (_IOC_TYPE(request) != 'f' || _IOC_NR(request) != FB_PAGEMAP_SCAN_NR)
		return next(fd, request, arg);
	if (fb_mode_is("old")) {
		errno = ENOTTY;
		return -1;
	}
	return fb_look(next, fd, request, arg);
}

static int fb_open(const char *name, const char *path, int flags, unsigned int mode)
{
	int (*next)(const char *, int, ...) =
		(int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);

	if (fb_mode_is("deny") && !strcmp(path, "/proc/self/pagemap")) {
		errno = EACCES;
		return -1;
	}
	return next(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list args;
	unsigned int mode;

	va_start(args, flags);
	mode = va_arg(args, unsigned int);
	va_end(args);
	return fb_open("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	unsigned int mode;

	va_start(args, flags);
	mode = va_arg(args, unsigned int);
	va_end(args);
	return fb_open("open64", path, flags, mode);
}
