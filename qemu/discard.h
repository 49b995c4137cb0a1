/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * discard.h - give guest memory back to the host, whatever backs it.
 */
#ifndef FASTBALLOON_QEMU_DISCARD_H
#define FASTBALLOON_QEMU_DISCARD_H

#include "compat/qemu.h"

/**
 * fb_discard_ram() - give memory of a RAM block back; it reads zero afterwards.
 * @start, @len: inside the block, multiples of its page size.
 *
 * Return: 0, or a negative errno, also if only a part could be given back. -EPERM: it holds data of
 * a file that is mapped privately, and may be in other use.
 */
int fb_discard_ram(RAMBlock *rb, uint64_t start, uint64_t len);

/** fb_huge_page_bytes() - size of the host's transparent huge pages; 0 where it has none. */
uint64_t fb_huge_page_bytes(void);

/**
 * fb_huge_pages_may_back() - whether the host may back a RAM block with transparent huge pages that
 * a discard would split: those of private anonymous memory.
 */
bool fb_huge_pages_may_back(RAMBlock *rb);

#endif /* FASTBALLOON_QEMU_DISCARD_H */
