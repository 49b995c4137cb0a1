/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_runs_format.h - how runs of pages are written in a migration's stream.
 *
 * A section has, for each RAM block of which pages are sent, its name as a counted string, its runs,
 * and 32 bits of zero; a byte of zero follows the last block. A run is, in big-endian numbers,
 *
 *   be32   number of pages, 1 to FB_RUN_PAGES_MAX, and in the highest bits the kind
 *   be64   offset of the first page in the block, in bytes
 *   ...    the pages; or the code of each, see page_series.h; or, for zeros, nothing
 */
#ifndef FASTBALLOON_QEMU_PAGE_RUNS_FORMAT_H
#define FASTBALLOON_QEMU_PAGE_RUNS_FORMAT_H

#include "compat/qemu.h"

/* 1: no kinds. */
#define FB_RUNS_VERSION 2

/* Blocks in a section. */
#define FB_RUNS_BLOCKS_MAX 256
#define FB_RUN_PAGES_MAX 512

/* Kinds of runs, in the number of pages: what follows the head. */
#define FB_RUN_CONTENT 0U         /* the pages */
#define FB_RUN_ZEROS 0x40000000U  /* nothing */
#define FB_RUN_SERIES 0x80000000U /* their codes */
#define FB_RUN_KINDS 0xc0000000U

/** fb_page_is_zero() - whether a page of guest memory has no content. */
static inline bool fb_page_is_zero(const void *page)
{
	return !*(const uint64_t *)page && buffer_is_zero(page, TARGET_PAGE_SIZE);
}

#endif /* FASTBALLOON_QEMU_PAGE_RUNS_FORMAT_H */
