/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mm.h - a stand-in for the kernel's memory map: an array of pages. */
#ifndef FB_SHIM_MM_H
#define FB_SHIM_MM_H

#include <linux/kernel.h>
#include <linux/list.h>

#define FB_SHIM_FIRST_PFN 4096
#define FB_SHIM_NR_PAGES 65536

#define READ_ONCE(x) (x)
#define WRITE_ONCE(x, value) ((x) = (value))

struct page {
	struct list_head lru;
	unsigned long private;
	int count;
};

extern struct page fb_shim_pages[FB_SHIM_NR_PAGES];

static inline struct page *pfn_to_page(unsigned long pfn)
{
	if (pfn < FB_SHIM_FIRST_PFN || pfn - FB_SHIM_FIRST_PFN >= FB_SHIM_NR_PAGES)
		abort();
	return &fb_shim_pages[pfn - FB_SHIM_FIRST_PFN];
}

static inline unsigned long page_to_pfn(const struct page *page)
{
	return page - fb_shim_pages + FB_SHIM_FIRST_PFN;
}

static inline unsigned long page_private(const struct page *page)
{
	return page->private;
}

static inline void set_page_private(struct page *page, unsigned long value)
{
	page->private = value;
}

static inline void set_page_count(struct page *page, int count)
{
	page->count = count;
}

#endif
