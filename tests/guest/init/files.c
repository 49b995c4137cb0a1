// SPDX-License-Identifier: GPL-2.0-or-later
/* files.c - page cache: many small files in memory, and a disk's cached blocks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fb_init.h"

#define FB_FILES_FOLDER "/files"
#define FB_FILES_WRITERS 2
#define FB_FILE_PAGES_MAX 32
#define FB_DISK "/dev/vda"

/* Of the files that fb_files_make() made, by writer: how many names there are. */
static unsigned int fb_files_made[FB_FILES_WRITERS];

/* A number that only depends on the file, for its size and for whether it stays. */
static uint64_t fb_file_hash(unsigned int writer, unsigned int index)
{
	uint64_t state = ((uint64_t)index + 1) * 2654435761u + writer;

	fb_random(&state);
	return fb_random(&state) >> 16;
}

static size_t fb_file_pages(unsigned int writer, unsigned int index)
{
	return fb_file_hash(writer, index) % FB_FILE_PAGES_MAX + 1;
}

static void fb_file_path(char *path, size_t size, unsigned int writer, unsigned int index)
{
	snprintf(path, size, FB_FILES_FOLDER "/%u-%u", writer, index);
}

/* Pages without a rule: those of zeros, or of one, cost a migration next to nothing. */
static void fb_mark_pages(unsigned char *buffer, size_t bytes)
{
	uint64_t state = 1, word;

	for (size_t at = 0; at < bytes; at += sizeof(word)) {
		word = fb_random(&state);
		memcpy(buffer + at, &word, sizeof(word));
	}
}

static int fb_file_write(const char *path, const unsigned char *buffer, size_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ssize_t written;

	if (fd < 0)
		return -errno;
	written = write(fd, buffer, bytes);
	close(fd);
	return written == (ssize_t)bytes ? 0 : -ENOSPC;
}

/* The number of files that hold @bytes; the same in parent and child. */
static unsigned int fb_files_count(unsigned int writer, uint64_t bytes)
{
	unsigned int index = 0;

	for (uint64_t used = 0; used < bytes; index++)
		used += fb_file_pages(writer, index) * FB_GUEST_PAGE_SIZE;
	return index;
}

static int fb_files_write(unsigned int writer)
{
	static unsigned char buffer[FB_FILE_PAGES_MAX * FB_GUEST_PAGE_SIZE];
	char path[64];

	fb_mark_pages(buffer, sizeof(buffer));
	for (unsigned int i = 0; i < fb_files_made[writer]; i++) {
		fb_file_path(path, sizeof(path), writer, i);
		if (fb_file_write(path, buffer, fb_file_pages(writer, i) * FB_GUEST_PAGE_SIZE))
			return 1;
	}
	return 0;
}

/**
 * fb_files_make() - fill @bytes of memory with files of 1 to 32 pages in a tmpfs of their own.
 *
 * Files of an earlier call go away. Return: 0, -ENOSPC where they do not fit, or -errno.
 */
int fb_files_make(uint64_t bytes)
{
	pid_t pids[FB_FILES_WRITERS];
	int rc = 0;

	umount2(FB_FILES_FOLDER, 0);
	mkdir(FB_FILES_FOLDER, 0700);
	if (mount("tmpfs", FB_FILES_FOLDER, "tmpfs", 0, "size=100%,nr_inodes=0") < 0)
		return -errno;
	for (unsigned int i = 0; i < FB_FILES_WRITERS; i++) {
		fb_files_made[i] = fb_files_count(i, bytes / FB_FILES_WRITERS);
		pids[i] = fork();
		if (!pids[i])
			_exit(fb_files_write(i));
	}
	for (unsigned int i = 0; i < FB_FILES_WRITERS; i++) {
		if (pids[i] < 0 || fb_wait_child(pids[i]))
			rc = -ENOSPC;
	}
	return rc;
}

/**
 * fb_files_thin() - keep one in @keep_one_in of the files, chosen by their names; 0 keeps none.
 *
 * Multiples of an earlier number keep a part of what that kept. Return: 0.
 */
int fb_files_thin(unsigned int keep_one_in)
{
	char path[64];

	for (unsigned int writer = 0; writer < FB_FILES_WRITERS; writer++) {
		for (unsigned int i = 0; i < fb_files_made[writer]; i++) {
			if (keep_one_in &&
			    fb_file_hash(writer, i) / FB_FILE_PAGES_MAX % keep_one_in == 0)
				continue;
			fb_file_path(path, sizeof(path), writer, i);
			unlink(path);
		}
	}
	return 0;
}

/* Every second MiB of the disk, so that two writers share the work. */
static int fb_cache_write(unsigned int writer, uint64_t bytes)
{
	static unsigned char buffer[FB_MIB];
	int fd = open(FB_DISK, O_RDWR | O_CLOEXEC);

	fb_mark_pages(buffer, sizeof(buffer));
	if (fd < 0)
		return 1;
	for (uint64_t at = writer * FB_MIB; at < bytes; at += FB_FILES_WRITERS * FB_MIB) {
		if (pwrite(fd, buffer, sizeof(buffer), (off_t)at) < 0)
			return 1;
	}
	return 0;
}

static void fb_cache_work(void *arg)
{
	uint64_t bytes = *(uint64_t *)arg;
	int fd = open(FB_DISK, O_RDWR | O_CLOEXEC);
	pid_t pids[FB_FILES_WRITERS];

	for (unsigned int i = 0; i < FB_FILES_WRITERS; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(fb_cache_write(i, bytes));
	}
	for (unsigned int i = 0; i < FB_FILES_WRITERS; i++) {
		if (pids[i] < 0 || fb_wait_child(pids[i]))
			return;
	}
	if (fd < 0 || fsync(fd) < 0)
		return;
	prctl(PR_SET_NAME, "cache-ready");
	pause();
}

/**
 * fb_cache_start() - job "cache": write @bytes to the disk and keep it open, so that as much
 * clean page cache stays; it is then named "cache-ready".
 *
 * Return: 0 or -errno.
 */
int fb_cache_start(uint64_t bytes)
{
	pid_t pid = fb_job_start("cache", fb_cache_work, &bytes);

	return pid < 0 ? (int)pid : 0;
}
