// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hostmem.c - use the host's memory as QEMU's guest memory does.
 *
 * hostmem limit MIB: fill memory, give it back in one call, print the seconds that took.
 * hostmem hold MIB:  fill memory, print "ready", keep it until the process is killed.
 *
 * Filling runs in several threads, since it may be slow: where the host is itself a virtual
 * machine, its hypervisor may have to provide each page first.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define FB_PAGE_BYTES 4096
#define FB_FILLERS 2

struct fb_piece {
	unsigned char *start;
	size_t bytes;
};

static double fb_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *fb_fill_piece(void *arg)
{
	struct fb_piece *piece = arg;

	for (size_t at = 0; at < piece->bytes; at += FB_PAGE_BYTES)
		piece->start[at] = 1;
	return NULL;
}

static bool fb_fill(unsigned char *memory, size_t bytes)
{
	struct fb_piece pieces[FB_FILLERS];
	pthread_t threads[FB_FILLERS];

	for (size_t i = 0; i < FB_FILLERS; i++) {
		pieces[i].start = memory + bytes / FB_FILLERS * i;
		pieces[i].bytes = bytes / FB_FILLERS;
		if (pthread_create(&threads[i], NULL, fb_fill_piece, &pieces[i]))
			return false;
	}
	for (size_t i = 0; i < FB_FILLERS; i++)
		pthread_join(threads[i], NULL);
	return true;
}

static unsigned char *fb_map_filled(size_t bytes)
{
	unsigned char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, bytes, MADV_HUGEPAGE);
	return fb_fill(memory, bytes) ? memory : NULL;
}

int main(int argc, char **argv)
{
	size_t bytes = argc == 3 ? strtoul(argv[2], NULL, 10) << 20 : 0;
	unsigned char *memory;
	double started_s;

	if (!bytes || (strcmp(argv[1], "limit") && strcmp(argv[1], "hold"))) {
		fprintf(stderr, "usage: hostmem limit|hold MIB\n");
		return 2;
	}
	memory = fb_map_filled(bytes);
	if (!memory) {
		perror("hostmem: no memory");
		return 1;
	}
	if (!strcmp(argv[1], "hold")) {
		printf("ready\n");
		fflush(stdout);
		return pause();
	}
	started_s = fb_now_s();
	if (madvise(memory, bytes, MADV_DONTNEED)) {
		perror("hostmem: madvise");
		return 1;
	}
	printf("%.6f\n", fb_now_s() - started_s);
	return 0;
}
