/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_series.h - pages of which a few bytes say all; libc only, no QEMU.
 *
 * Much of what a kernel keeps in use about free memory repeats itself: in an array of descriptors
 * (Linux's struct page) each is the one before plus something. Such a page crosses as its first
 * record, what each record adds to the one before, and the few records that are different.
 *
 * The code of a page, in bytes:
 *
 *   0      number of exceptions, at most FB_SERIES_EXCEPTIONS_MAX
 *   1      the first record: eight little-endian words of 64 bits
 *   65     the step: what is added, modulo 2^64, to each word from record to record
 *   129    for each exception the number of its record, one byte, and the record
 */
#ifndef FASTBALLOON_QEMU_PAGE_SERIES_H
#define FASTBALLOON_QEMU_PAGE_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FB_SERIES_PAGE_BYTES 4096
#define FB_SERIES_RECORD_BYTES 64
#define FB_SERIES_EXCEPTIONS_MAX 8
#define FB_SERIES_CODE_BYTES(exceptions) \
	(1 + 2 * FB_SERIES_RECORD_BYTES + (exceptions) * (1 + FB_SERIES_RECORD_BYTES))
#define FB_SERIES_CODE_BYTES_MAX FB_SERIES_CODE_BYTES(FB_SERIES_EXCEPTIONS_MAX)

/**
 * fb_page_series_encode() - find the code of a page.
 * @page: FB_SERIES_PAGE_BYTES. Where somebody writes to it meanwhile, the code stands for a page each
 *        word of which was read during the call.
 * @code: room for FB_SERIES_CODE_BYTES_MAX.
 *
 * Return: bytes of the code, or 0 where the page is no series.
 */
size_t fb_page_series_encode(const void *page, uint8_t *code);

/**
 * fb_page_series_decode() - write the page that a code stands for.
 * @code: whole, with as many exceptions as its first byte says, which has been checked.
 * @page: FB_SERIES_PAGE_BYTES.
 *
 * Return: whether the code was well formed; if not, the page has any content.
 */
bool fb_page_series_decode(const uint8_t *code, void *page);

#endif /* FASTBALLOON_QEMU_PAGE_SERIES_H */
