// SPDX-License-Identifier: GPL-2.0-or-later
/* pageflags.c - what the kernel tells of its pages, and what fresh pages contain. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fb_init.h"

#define FB_FLAGS_AT_ONCE 8192

/**
 * fb_pageflags_count() - count page frames that have a flag.
 * @bit: its number in /proc/kpageflags.
 * @first: the first page frame to look at.
 * @end: the one behind the last; page frames without memory are skipped.
 *
 * Return: the count or -errno.
 */
int64_t fb_pageflags_count(unsigned int bit, uint64_t first, uint64_t end)
{
	static uint64_t flags[FB_FLAGS_AT_ONCE];
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	int64_t count = 0;

	if (fd < 0)
		return -errno;
	while (first < end) {
		uint64_t nr = end - first < FB_FLAGS_AT_ONCE ? end - first : FB_FLAGS_AT_ONCE;
		ssize_t got =
			pread(fd, flags, nr * sizeof(flags[0]), (off_t)(first * sizeof(flags[0])));

		if (got <= 0) {
			if (got < 0)
				count = -errno;
			break;
		}
		for (size_t i = 0; i < (size_t)got / sizeof(flags[0]); i++)
			count += flags[i] >> bit & 1;
		first += (uint64_t)got / sizeof(flags[0]);
	}
	close(fd);
	return count;
}

/**
 * fb_check_fresh() - let a child take fresh memory and look for what is not zero in it.
 * @bytes: how much.
 *
 * Return: 0 where all of it is zero, FB_EXIT_LOST where not, or -errno.
 */
int fb_check_fresh(uint64_t bytes)
{
	uint64_t *words;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid)
		return fb_wait_child(pid);
	words = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (words == MAP_FAILED)
		_exit(1);
	for (uint64_t page = 0; page < bytes / FB_GUEST_PAGE_SIZE; page++) {
		uint64_t *start = words + page * (FB_GUEST_PAGE_SIZE / sizeof(*words));

		/* A write to the last word gives the page memory of its own. */
		((volatile uint64_t *)start)[FB_GUEST_PAGE_SIZE / sizeof(*words) - 1] |= 0;
		for (size_t i = 0; i < FB_GUEST_PAGE_SIZE / sizeof(*words); i++) {
			if (((volatile uint64_t *)start)[i])
				_exit(FB_EXIT_LOST);
		}
	}
	_exit(0);
}
