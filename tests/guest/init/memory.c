// SPDX-License-Identifier: GPL-2.0-or-later
/* memory.c - use the guest's memory in the ways that the tests need. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "fb_init.h"

/* What a job is to do with memory. */
struct fb_memory_job {
	uint64_t bytes;
	unsigned int count;
};

static void *fb_map_memory(uint64_t bytes)
{
	void *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return area == MAP_FAILED ? NULL : area;
}

/* One word in each page is enough: the page is then neither free nor empty. */
static void fb_dirty(void *area, uint64_t bytes)
{
	volatile uint64_t *words = area;

	for (uint64_t i = 0; i < bytes / sizeof(*words); i += FB_GUEST_PAGE_SIZE / sizeof(*words))
		words[i] = i + 1;
}

static pid_t fb_fork_toucher(uint64_t bytes)
{
	pid_t pid = fork();
	void *area;

	if (pid)
		return pid;
	fb_set_oom_score(1000);
	area = fb_map_memory(bytes);
	if (!area)
		_exit(1);
	fb_dirty(area, bytes);
	_exit(0);
}

/**
 * fb_touch() - let @processes processes dirty @bytes together and exit.
 *
 * Return: 0; -ENOMEM where one of them was killed or got no memory; -EINVAL.
 */
int fb_touch(uint64_t bytes, unsigned int processes)
{
	pid_t pids[16];
	int rc = 0;

	if (!processes || processes > 16)
		return -EINVAL;
	for (unsigned int i = 0; i < processes; i++)
		pids[i] = fb_fork_toucher(bytes / processes);
	for (unsigned int i = 0; i < processes; i++) {
		if (pids[i] < 0 || fb_wait_child(pids[i]))
			rc = -ENOMEM;
	}
	return rc;
}

static void fb_hold_work(void *arg)
{
	struct fb_memory_job *job = arg;
	void *area = fb_map_memory(job->bytes);

	fb_set_oom_score(1000);
	if (!area)
		return;
	fb_dirty(area, job->bytes);
	prctl(PR_SET_NAME, "hold-ready");
	pause();
}

/**
 * fb_hold_start() - job "hold": dirty @bytes and keep them; it is then named "hold-ready".
 *
 * Return: 0 or -errno.
 */
int fb_hold_start(uint64_t bytes)
{
	struct fb_memory_job job = { .bytes = bytes };
	pid_t pid = fb_job_start("hold", fb_hold_work, &job);

	return pid < 0 ? (int)pid : 0;
}

static void fb_fragment_work(void *arg)
{
	struct fb_memory_job *job = arg;
	uint64_t random = FB_MIB + 1;
	unsigned char *area;

	area = fb_map_memory(job->bytes);
	if (!area)
		return;
	madvise(area, job->bytes, MADV_NOHUGEPAGE);
	fb_dirty(area, job->bytes);
	for (uint64_t at = 0; at < job->bytes; at += FB_GUEST_PAGE_SIZE) {
		if (fb_random(&random) % job->count)
			madvise(area + at, FB_GUEST_PAGE_SIZE, MADV_DONTNEED);
	}
	prctl(PR_SET_NAME, "fragment-ready");
	pause();
}

/**
 * fb_fragment_start() - job "fragment": dirty @bytes in small pages and keep one in
 * @keep_one_in of them, at random, so that free memory is in many small pieces; it is then
 * named "fragment-ready".
 *
 * Return: 0 or -errno.
 */
int fb_fragment_start(uint64_t bytes, unsigned int keep_one_in)
{
	struct fb_memory_job job = { .bytes = bytes, .count = keep_one_in };
	pid_t pid;

	if (!keep_one_in)
		return -EINVAL;
	pid = fb_job_start("fragment", fb_fragment_work, &job);
	return pid < 0 ? (int)pid : 0;
}

/* Short-lived processes of random size, some with huge pages and some without. */
static void fb_storm_child(uint64_t bytes, uint64_t random)
{
	for (;;) {
		uint64_t size = fb_random(&random) % bytes + FB_GUEST_PAGE_SIZE;
		pid_t pid = fork();

		if (!pid) {
			void *area = fb_map_memory(size);

			fb_set_oom_score(1000);
			if (area && random & 1)
				madvise(area, size, MADV_NOHUGEPAGE);
			if (area)
				fb_dirty(area, size);
			_exit(0);
		}
		if (pid > 0)
			fb_wait_child(pid);
	}
}

static void fb_storm_work(void *arg)
{
	struct fb_memory_job *job = arg;

	for (unsigned int i = 1; i < job->count; i++) {
		if (!fork())
			fb_storm_child(job->bytes, i);
	}
	fb_storm_child(job->bytes, job->count);
}

/**
 * fb_storm_start() - job "storm": @processes processes that keep forking children which dirty
 * up to @bytes_each and exit. Returns 0 or -errno.
 */
int fb_storm_start(unsigned int processes, uint64_t bytes_each)
{
	struct fb_memory_job job = { .bytes = bytes_each, .count = processes };
	pid_t pid;

	if (!processes || bytes_each < FB_GUEST_PAGE_SIZE)
		return -EINVAL;
	pid = fb_job_start("storm", fb_storm_work, &job);
	return pid < 0 ? (int)pid : 0;
}
