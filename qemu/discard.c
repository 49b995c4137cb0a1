// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * discard.c - give guest memory back to the host, whatever backs it.
 *
 *   backing                                    how
 *   anonymous, private                         MADV_DONTNEED
 *   anonymous, shared                          MADV_REMOVE
 *   file or memfd, shared, hugetlb or not      a hole punched into the file, for all who map it
 *   file or memfd without a name, private      a hole, and MADV_DONTNEED for the copies
 *   file with a name, private                  MADV_DONTNEED where the file has a hole already
 *
 * In the last case the file is someone else's, too: a hole would destroy what it holds, and without
 * one the guest's memory would read as the file again instead of zero.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include "discard.h"

#define FB_HUGE_PAGE_SIZE_PATH "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"

uint64_t fb_huge_page_bytes(void)
{
	g_autofree char *text = NULL;
	uint64_t bytes;

	if (!g_file_get_contents(FB_HUGE_PAGE_SIZE_PATH, &text, NULL, NULL))
		return 0;
	bytes = g_ascii_strtoull(text, NULL, 10);
	return is_power_of_2(bytes) ? bytes : 0;
}

bool fb_huge_pages_may_back(RAMBlock *rb)
{
	return rb->fd < 0 && !qemu_ram_is_shared(rb);
}

static int fb_errno(int ret)
{
	return ret ? -errno : 0;
}

static int fb_discard_copies(RAMBlock *rb, uint64_t start, uint64_t len)
{
	return len ? fb_errno(madvise(rb->host + start, len, MADV_DONTNEED)) : 0;
}

static int fb_punch(RAMBlock *rb, uint64_t start, uint64_t len)
{
	return fb_errno(fallocate(rb->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, len));
}

/* Whether nobody but this process can open the file. Where that is unknown, somebody can. */
static bool fb_file_is_unnamed(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && !st.st_nlink;
}

/* Offset of the first data or hole from @pos on, @end for none; @otherwise where it is unknown. */
static uint64_t fb_seek(RAMBlock *rb, uint64_t pos, uint64_t end, int whence, uint64_t otherwise)
{
	off_t found = lseek(rb->fd, pos, whence);

	if (found < 0)
		return errno == ENXIO ? end : otherwise;
	return MIN((uint64_t)found, end);
}

/* Drop the copies over holes of the file. Return: -EPERM if there was data. */
static int fb_discard_over_holes(RAMBlock *rb, uint64_t start, uint64_t len)
{
	uint64_t end = start + len;
	uint64_t pos = start;
	int ret = 0;

	while (pos < end && (!ret || ret == -EPERM)) {
		uint64_t data = fb_seek(rb, pos, end, SEEK_DATA, pos);
		uint64_t hole = fb_seek(rb, data, end, SEEK_HOLE, end);
		int failed = fb_discard_copies(rb, pos, ROUND_DOWN(data, rb->page_size) - pos);

		if (data < end)
			ret = -EPERM;
		if (failed)
			ret = failed;
		pos = ROUND_UP(hole, rb->page_size);
	}
	return ret;
}

int fb_discard_ram(RAMBlock *rb, uint64_t start, uint64_t len)
{
	bool shared = qemu_ram_is_shared(rb);
	int ret;

	if (rb->fd < 0)
		return fb_errno(
			madvise(rb->host + start, len, shared ? MADV_REMOVE : MADV_DONTNEED));
	if (shared)
		return fb_punch(rb, start, len);
	if (!fb_file_is_unnamed(rb->fd))
		return fb_discard_over_holes(rb, start, len);
	ret = fb_punch(rb, start, len);
	/* A hole in hugetlbfs unmaps private pages by itself; kernels before 5.18 do no more. */
	if (!ret && rb->page_size == qemu_real_host_page_size())
		ret = fb_discard_copies(rb, start, len);
	return ret;
}
