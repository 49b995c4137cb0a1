// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * workload.c - processes that use memory in every common way and verify all of it all the time.
 *
 * Theory of operation: job "work" is a process for each kind of memory below. Each has an area of
 * pages with patterns (pattern.c). A step takes a random run of pages, checks each against the
 * generation last written and writes the next one; now and then it drops the run, so that its
 * pages travel through the free lists and must read zero afterwards, or forks a child that checks
 * it as well. Results are in memory shared with process 1; the first loss is kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fb_init.h"

#define FB_RUN_PAGES 64
#define FB_DROP_ONE_IN 8
#define FB_FORK_ONE_IN 32
#define FB_STEP_PAUSE_US 2000
/* What the pressing process leaves to the others: their files and copies, and what hints hold. */
#define FB_PRESS_LEAVE_KIB (160 * 1024)
#define FB_DISK "/dev/vda"

struct fb_work_result {
	uint64_t steps;
	uint64_t lost;
	char first[160];
};

struct fb_work {
	const struct fb_work_kind *kind;
	struct fb_work_result *result;
	uint64_t pages;
	uint32_t *generations; /* of each page; 0: reads zero */
	unsigned char *area;
	int fd;
	uint64_t random;
};

/**
 * struct fb_work_kind - a way to use memory.
 * @step: overrides the common step.
 * @open: make the area; returns 0 or -errno, -ENODEV where this guest lacks what is needed.
 * @read: returns the page's words, in @buffer or where they are.
 * @write: changes a page to @buffer.
 * @drop: makes pages read zero.
 */
struct fb_work_kind {
	const char *name;
	void (*step)(struct fb_work *work);
	int (*open)(struct fb_work *work);
	const uint64_t *(*read)(struct fb_work *work, uint64_t page, uint64_t *buffer);
	void (*write)(struct fb_work *work, uint64_t page, const uint64_t *buffer);
	void (*drop)(struct fb_work *work, uint64_t page, uint64_t count);
};

#define FB_WORK_KINDS 5

static struct fb_work_result *fb_work_results;

static void fb_work_lost(struct fb_work *work, uint64_t page, size_t word, uint64_t expected,
			 uint64_t found)
{
	if (!work->result->lost++)
		snprintf(work->result->first, sizeof(work->result->first),
			 "kind=%s page=%llu word=%zu generation=%u expected=%llx found=%llx",
			 work->kind->name, (unsigned long long)page, word, work->generations[page],
			 (unsigned long long)expected, (unsigned long long)found);
}

static void fb_work_check(struct fb_work *work, uint64_t page)
{
	uint64_t buffer[FB_GUEST_PAGE_SIZE / sizeof(uint64_t)];
	const uint64_t *words = work->kind->read(work, page, buffer);
	uint64_t expected = 0;
	size_t word = 0;

	if (work->generations[page]) {
		if (!fb_pattern_check(words, page, work->generations[page], &word, &expected))
			fb_work_lost(work, page, word, expected, words[word]);
		return;
	}
	while (word < FB_GUEST_PAGE_SIZE / sizeof(*words) && !words[word])
		word++;
	if (word < FB_GUEST_PAGE_SIZE / sizeof(*words))
		fb_work_lost(work, page, word, 0, words[word]);
}

static void fb_work_check_run(struct fb_work *work, uint64_t page, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		fb_work_check(work, page + i);
}

static void fb_work_write_run(struct fb_work *work, uint64_t page, uint64_t count)
{
	uint64_t buffer[FB_GUEST_PAGE_SIZE / sizeof(uint64_t)];

	for (uint64_t i = page; i < page + count; i++) {
		fb_pattern_write(buffer, i, ++work->generations[i]);
		work->kind->write(work, i, buffer);
	}
}

static void fb_work_step(struct fb_work *work)
{
	uint64_t page = fb_random(&work->random) % (work->pages / FB_RUN_PAGES) * FB_RUN_PAGES;
	pid_t pid = -1;

	if (fb_random(&work->random) % FB_FORK_ONE_IN == 0)
		pid = fork();
	fb_work_check_run(work, page, FB_RUN_PAGES);
	if (!pid)
		_exit(0);
	if (pid > 0)
		fb_wait_child(pid);
	if (fb_random(&work->random) % FB_DROP_ONE_IN == 0) {
		work->kind->drop(work, page, FB_RUN_PAGES);
		memset(work->generations + page, 0, FB_RUN_PAGES * sizeof(*work->generations));
		return;
	}
	fb_work_write_run(work, page, FB_RUN_PAGES);
}

/* Files in tmpfs, by read and write. */

static int fb_file_open(struct fb_work *work)
{
	char path[32];

	snprintf(path, sizeof(path), "/tmp/work-%s", work->kind->name);
	work->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (work->fd < 0 || ftruncate(work->fd, (off_t)(work->pages * FB_GUEST_PAGE_SIZE)) < 0)
		return -errno;
	return 0;
}

static const uint64_t *fb_file_read(struct fb_work *work, uint64_t page, uint64_t *buffer)
{
	if (pread(work->fd, buffer, FB_GUEST_PAGE_SIZE, (off_t)(page * FB_GUEST_PAGE_SIZE)) !=
	    (ssize_t)FB_GUEST_PAGE_SIZE)
		memset(buffer, 0xee, FB_GUEST_PAGE_SIZE);
	return buffer;
}

static void fb_file_write(struct fb_work *work, uint64_t page, const uint64_t *buffer)
{
	if (pwrite(work->fd, buffer, FB_GUEST_PAGE_SIZE, (off_t)(page * FB_GUEST_PAGE_SIZE)) < 0)
		fb_work_lost(work, page, 0, 0, (uint64_t)errno);
}

static void fb_file_drop(struct fb_work *work, uint64_t page, uint64_t count)
{
	if (fallocate(work->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)(page * FB_GUEST_PAGE_SIZE), (off_t)(count * FB_GUEST_PAGE_SIZE)) < 0)
		fb_work_lost(work, page, 0, 0, (uint64_t)errno);
}

/* A file that is written through a mapping and read as a file. */

static int fb_mapped_open(struct fb_work *work)
{
	int rc = fb_file_open(work);

	if (rc)
		return rc;
	work->area = mmap(NULL, work->pages * FB_GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED, work->fd, 0);
	return work->area == MAP_FAILED ? -errno : 0;
}

static void fb_area_write(struct fb_work *work, uint64_t page, const uint64_t *buffer)
{
	memcpy(work->area + page * FB_GUEST_PAGE_SIZE, buffer, FB_GUEST_PAGE_SIZE);
}

/* Memory that processes share: the forked ones check it, too. */

static int fb_shared_open(struct fb_work *work)
{
	work->area = mmap(NULL, work->pages * FB_GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return work->area == MAP_FAILED ? -errno : 0;
}

static const uint64_t *fb_area_read(struct fb_work *work, uint64_t page, uint64_t *buffer)
{
	return (const uint64_t *)(work->area + page * FB_GUEST_PAGE_SIZE);
}

static void fb_area_drop(struct fb_work *work, uint64_t page, uint64_t count)
{
	if (madvise(work->area + page * FB_GUEST_PAGE_SIZE, count * FB_GUEST_PAGE_SIZE,
		    MADV_REMOVE) < 0)
		fb_work_lost(work, page, 0, 0, (uint64_t)errno);
}

/* The page cache of a disk, each page of which holds its own number in every word. */

static int fb_disk_open(struct fb_work *work)
{
	off_t size;

	work->fd = open(FB_DISK, O_RDONLY | O_CLOEXEC);
	if (work->fd < 0)
		return -ENODEV;
	size = lseek(work->fd, 0, SEEK_END);
	work->pages = (uint64_t)size / FB_GUEST_PAGE_SIZE;
	return work->pages >= FB_RUN_PAGES ? 0 : -ENODEV;
}

static void fb_disk_step(struct fb_work *work)
{
	uint64_t buffer[FB_GUEST_PAGE_SIZE / sizeof(uint64_t)];
	uint64_t page = fb_random(&work->random) % (work->pages / FB_RUN_PAGES) * FB_RUN_PAGES;

	for (uint64_t i = page; i < page + FB_RUN_PAGES; i++) {
		fb_file_read(work, i, buffer);
		for (size_t word = 0; word < FB_GUEST_PAGE_SIZE / sizeof(*buffer); word++) {
			if (buffer[word] != i) {
				fb_work_lost(work, i, word, i, buffer[word]);
				break;
			}
		}
	}
	if (fb_random(&work->random) % FB_DROP_ONE_IN == 0)
		posix_fadvise(work->fd, (off_t)(page * FB_GUEST_PAGE_SIZE),
			      (off_t)(FB_RUN_PAGES * FB_GUEST_PAGE_SIZE), POSIX_FADV_DONTNEED);
}

/* Pressure: a process takes most of what is left, checks it and gives it back. */

static uint64_t fb_available_kib(void)
{
	FILE *meminfo = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (meminfo && !kib && fgets(line, sizeof(line), meminfo))
		sscanf(line, "MemAvailable: %llu", &kib);
	if (meminfo)
		fclose(meminfo);
	return kib;
}

static int fb_press_open(struct fb_work *work)
{
	work->area = mmap(NULL, work->pages * FB_GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return work->area == MAP_FAILED ? -errno : 0;
}

/* In a child, since a process that presses may be killed for lack of memory. */
static void fb_press_step(struct fb_work *work)
{
	uint64_t left_kib = fb_available_kib(), pages = 0;
	pid_t pid;

	if (left_kib > FB_PRESS_LEAVE_KIB)
		pages = (left_kib - FB_PRESS_LEAVE_KIB) * 1024 / FB_GUEST_PAGE_SIZE;
	pages = pages < work->pages ? pages : work->pages;
	pid = fork();
	if (!pid) {
		fb_set_oom_score(1000);
		fb_work_write_run(work, 0, pages);
		fb_work_check_run(work, 0, pages);
		_exit(0);
	}
	if (pid > 0)
		fb_wait_child(pid);
	usleep(100 * FB_STEP_PAUSE_US);
}

static const struct fb_work_kind fb_work_kinds[FB_WORK_KINDS] = {
	{ "tmpfs", fb_work_step, fb_file_open, fb_file_read, fb_file_write, fb_file_drop },
	{ "mapped", fb_work_step, fb_mapped_open, fb_file_read, fb_area_write, fb_file_drop },
	{ "shared", fb_work_step, fb_shared_open, fb_area_read, fb_area_write, fb_area_drop },
	{ "disk", fb_disk_step, fb_disk_open, NULL, NULL, NULL },
	{ "pressure", fb_press_step, fb_press_open, fb_area_read, fb_area_write, NULL },
};

/* The pressing process may take all that there is. */
static uint64_t fb_work_pages(const struct fb_work_kind *kind, uint64_t pages)
{
	return kind->open == fb_press_open ? fb_available_kib() * 1024 / FB_GUEST_PAGE_SIZE : pages;
}

static void fb_work_run(unsigned int index, uint64_t pages)
{
	struct fb_work work = { .kind = &fb_work_kinds[index],
				.result = &fb_work_results[index],
				.random = 0x9e3779b97f4a7c15 ^ (uint64_t)getpid() };
	int rc;

	work.pages = fb_work_pages(work.kind, pages);
	rc = work.kind->open(&work);
	if (rc == -ENODEV)
		return;
	work.generations = calloc(work.pages, sizeof(*work.generations));
	if (rc || !work.generations) {
		fb_work_lost(&work, 0, 0, 0, (uint64_t)-rc);
		return;
	}
	for (;;) {
		work.kind->step(&work);
		work.result->steps++;
		usleep(FB_STEP_PAUSE_US);
	}
}

static void fb_work_job(void *arg)
{
	uint64_t pages = *(uint64_t *)arg;

	for (unsigned int i = 1; i < FB_WORK_KINDS; i++) {
		if (!fork()) {
			fb_work_run(i, pages);
			_exit(0);
		}
	}
	fb_work_run(0, pages);
}

/**
 * fb_work_start() - job "work": use memory in every way.
 * @bytes_each: size of the area of each process, but for the disk and the pressing process.
 *
 * Return: 0 or -errno.
 */
int fb_work_start(uint64_t bytes_each)
{
	uint64_t pages = bytes_each / FB_GUEST_PAGE_SIZE;
	size_t size = FB_WORK_KINDS * sizeof(*fb_work_results);
	pid_t pid;

	if (pages < FB_RUN_PAGES)
		return -EINVAL;
	if (!fb_work_results) {
		void *area =
			mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (area == MAP_FAILED)
			return -errno;
		fb_work_results = area;
	}
	memset(fb_work_results, 0, size);
	pid = fb_job_start("work", fb_work_job, &pages);
	return pid < 0 ? (int)pid : 0;
}

/**
 * fb_work_status() - describe in @text what job "work" has done and lost: steps of each kind,
 * pages lost, and the first loss.
 *
 * Return: 0, or -ESRCH where none was started.
 */
int fb_work_status(char *text, size_t size)
{
	uint64_t lost = 0;
	size_t len = 0;

	if (!fb_work_results)
		return -ESRCH;
	for (unsigned int i = 0; i < FB_WORK_KINDS; i++) {
		lost += fb_work_results[i].lost;
		len += (size_t)snprintf(text + len, size - len, "%s=%llu ", fb_work_kinds[i].name,
					(unsigned long long)fb_work_results[i].steps);
	}
	len += (size_t)snprintf(text + len, size - len, "lost=%llu", (unsigned long long)lost);
	for (unsigned int i = 0; i < FB_WORK_KINDS; i++) {
		if (fb_work_results[i].lost) {
			snprintf(text + len, size - len, " %s", fb_work_results[i].first);
			break;
		}
	}
	return 0;
}
