/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pageblock.h - the migrate type of a pageblock, which kernels do not export.
 */
#ifndef FB_COMPAT_PAGEBLOCK_H
#define FB_COMPAT_PAGEBLOCK_H

#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>

/**
 * fb_pageblock_type() - migrate type of the pageblock of an online pfn.
 * @pfn: page frame number, in a section with a memory map.
 *
 * The flags of a section's pageblocks stand in a bitmap of NR_PAGEBLOCK_BITS each, of which
 * the first PB_migratetype_bits are the type; the bits of one block never cross a word. The
 * caller holds the zone's lock, under which the type of free blocks changes.
 *
 * Return: an enum migratetype, or MIGRATE_TYPES where it cannot be known.
 */
static inline int fb_pageblock_type(unsigned long pfn)
{
#ifdef CONFIG_SPARSEMEM
	unsigned long block = (pfn & (PAGES_PER_SECTION - 1)) >> pageblock_order;
	unsigned long bit = block * NR_PAGEBLOCK_BITS;
	unsigned long word = READ_ONCE(section_to_usemap(__pfn_to_section(pfn))[BIT_WORD(bit)]);

	return (word >> (bit % BITS_PER_LONG)) & MIGRATETYPE_MASK;
#else
	return MIGRATE_TYPES;
#endif
}

#endif
