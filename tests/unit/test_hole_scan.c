// SPDX-License-Identifier: GPL-2.0-or-later
/* test_hole_scan.c - which memory has content, by each method, on memory of this process. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../qemu/hole_scan.h"

#define FB_TEST_PAGES 20000
#define FB_TEST_PAGE 4096

/**
 * struct fb_found - what a scan has found.
 * @pages: 1 for each page with content.
 * @end: end of the last run.
 */
struct fb_found {
	char pages[FB_TEST_PAGES];
	uint64_t end;
};

static struct fb_found fb_found;

static void fb_note(void *opaque, uint64_t start, uint64_t len)
{
	struct fb_found *found = opaque;

	assert_true(len > 0);
	assert_int_equal(start % FB_TEST_PAGE, 0);
	assert_int_equal(len % FB_TEST_PAGE, 0);
	assert_true(start >= found->end);
	assert_true(start + len <= (uint64_t)FB_TEST_PAGES * FB_TEST_PAGE);
	found->end = start + len;
	memset(found->pages + start / FB_TEST_PAGE, 1, len / FB_TEST_PAGE);
}

static int fb_scan(struct fb_hole_scan *scan, void *host, int fd)
{
	struct fb_hole_memory memory = { host, (uint64_t)FB_TEST_PAGES * FB_TEST_PAGE, fd };

	memset(&fb_found, 0, sizeof(fb_found));
	return fb_hole_scan_run(scan, &memory, fb_note, &fb_found);
}

static char *fb_map(int flags, int fd)
{
	char *host = mmap(NULL, (size_t)FB_TEST_PAGES * FB_TEST_PAGE, PROT_READ | PROT_WRITE, flags,
			  fd, 0);

	assert_ptr_not_equal(host, MAP_FAILED);
	madvise(host, (size_t)FB_TEST_PAGES * FB_TEST_PAGE, MADV_NOHUGEPAGE);
	return host;
}

static void fb_unmap(char *host)
{
	munmap(host, (size_t)FB_TEST_PAGES * FB_TEST_PAGE);
}

/* First, last and every third page of a part: more runs than one call returns. */
static int fb_is_written(int page)
{
	return page == 0 || page == FB_TEST_PAGES - 1 ||
	       (page >= 5000 && page < 9000 && page % 3 == 0) || (page >= 12000 && page < 17000);
}

static void fb_write_pages(char *host)
{
	for (int page = 0; page < FB_TEST_PAGES; page++) {
		if (fb_is_written(page))
			host[(size_t)page * FB_TEST_PAGE] = 1;
	}
}

static void fb_assert_found(void)
{
	for (int page = 0; page < FB_TEST_PAGES; page++)
		assert_int_equal(fb_found.pages[page], fb_is_written(page));
}

/* Scan, and skip the test where this machine lacks the method. */
static void fb_scan_by(struct fb_hole_scan *scan, enum fb_hole_method method, char *host)
{
	int ret;

	if (fb_hole_scan_open(scan) < 0) {
		fb_hole_scan_close(scan);
		skip();
	}
	scan->no_ioctl = method == FB_HOLE_PAGEMAP;
	ret = fb_scan(scan, host, -1);
	if (scan->method != method) {
		fb_hole_scan_close(scan);
		skip();
	}
	assert_int_equal(ret, 0);
}

static void fb_check_anonymous(enum fb_hole_method method)
{
	char *host = fb_map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct fb_hole_scan scan;

	fb_scan_by(&scan, method, host);
	assert_int_equal(fb_found.end, 0);
	fb_write_pages(host);
	assert_int_equal(fb_scan(&scan, host, -1), 0);
	fb_assert_found();
	assert_int_equal(madvise(host, (size_t)FB_TEST_PAGES * FB_TEST_PAGE, MADV_DONTNEED), 0);
	assert_int_equal(fb_scan(&scan, host, -1), 0);
	assert_int_equal(fb_found.end, 0);
	fb_hole_scan_close(&scan);
	fb_unmap(host);
}

static void fb_test_pagemap_scan(void **state)
{
	fb_check_anonymous(FB_HOLE_PAGEMAP_SCAN);
}

static void fb_test_pagemap(void **state)
{
	fb_check_anonymous(FB_HOLE_PAGEMAP);
}

/* Memory that was only read holds a zero page: it has no content for PAGEMAP_SCAN. */
static void fb_test_zero_page(void **state)
{
	char *host = fb_map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct fb_hole_scan scan;

	fb_scan_by(&scan, FB_HOLE_PAGEMAP_SCAN, host);
	for (int page = 0; page < FB_TEST_PAGES; page++)
		assert_int_equal(*(volatile char *)(host + (size_t)page * FB_TEST_PAGE), 0);
	assert_int_equal(fb_scan(&scan, host, -1), 0);
	assert_int_equal(fb_found.end, 0);
	host[FB_TEST_PAGE] = 1;
	assert_int_equal(fb_scan(&scan, host, -1), 0);
	assert_int_equal(fb_found.end, 2 * FB_TEST_PAGE);
	fb_hole_scan_close(&scan);
	fb_unmap(host);
}

static void fb_test_shared_file(void **state)
{
	int fd = memfd_create("memory", MFD_CLOEXEC);
	struct fb_hole_scan scan = { .pagemap_fd = -1 };
	char *host;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)FB_TEST_PAGES * FB_TEST_PAGE), 0);
	host = fb_map(MAP_SHARED, fd);
	assert_int_equal(fb_scan(&scan, host, fd), 0);
	assert_int_equal(scan.method, FB_HOLE_SEEK);
	assert_int_equal(fb_found.end, 0);
	fb_write_pages(host);
	assert_int_equal(fb_scan(&scan, host, fd), 0);
	fb_assert_found();
	fb_unmap(host);
	close(fd);
}

static void fb_test_failures(void **state)
{
	char *host = fb_map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct fb_hole_scan scan = { .pagemap_fd = -1 };
	int pipe_fds[2];

	assert_int_equal(fb_scan(&scan, host, -1), -EBADF);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(fb_scan(&scan, host, pipe_fds[0]), -ESPIPE);
	scan.pagemap_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fb_scan(&scan, host, -1), -EIO);
	assert_true(scan.no_ioctl);
	assert_int_equal(scan.method, FB_HOLE_PAGEMAP);
	assert_int_equal(fb_found.end, 0);
	fb_hole_scan_close(&scan);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	fb_unmap(host);
}

static void fb_test_names(void **state)
{
	assert_string_equal(fb_hole_method_name(FB_HOLE_NONE), "");
	assert_string_equal(fb_hole_method_name(FB_HOLE_PAGEMAP_SCAN), "pagemap-scan");
	assert_string_equal(fb_hole_method_name(FB_HOLE_PAGEMAP), "pagemap");
	assert_string_equal(fb_hole_method_name(FB_HOLE_SEEK), "seek-hole");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fb_test_pagemap_scan), cmocka_unit_test(fb_test_pagemap),
		cmocka_unit_test(fb_test_zero_page),    cmocka_unit_test(fb_test_shared_file),
		cmocka_unit_test(fb_test_failures),     cmocka_unit_test(fb_test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
