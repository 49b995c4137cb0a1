// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * memmap.c - tells the host where in the guest's memory its struct pages are, and their layout.
 *
 * With this the host can read from the memory of a guest that is stopped which of its pages were
 * free (tests/harness/content.py). The kernel log gets a "layout" line and, for each contiguous
 * piece of the memory map, a line with its first page frame number, physical address and pages.
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/pgtable.h>

#define FB_PREFIX "fastballoon memmap: "

/* A piece of the memory map: @nr_pages struct pages from that of @pfn on lie at @phys. */
struct fb_piece {
	unsigned long pfn;
	unsigned long nr_pages;
	phys_addr_t phys;
};

static void fb_memmap_print(struct fb_piece *piece)
{
	if (piece->nr_pages)
		pr_info(FB_PREFIX "piece pfn=%lu phys=%llu pages=%lu\n", piece->pfn,
			(unsigned long long)piece->phys, piece->nr_pages);
	piece->nr_pages = 0;
}

static void fb_memmap_add(struct fb_piece *piece, unsigned long pfn)
{
	phys_addr_t phys = slow_virt_to_phys(pfn_to_page(pfn));

	if (piece->pfn + piece->nr_pages != pfn ||
	    piece->phys + piece->nr_pages * sizeof(struct page) != phys)
		fb_memmap_print(piece);
	if (!piece->nr_pages)
		*piece = (struct fb_piece){ .pfn = pfn, .phys = phys };
	piece->nr_pages++;
}

/* What the type field of a struct page holds where it is nothing else. */
static unsigned int fb_memmap_type(void (*set)(struct page *page))
{
	struct page page;

	memset(&page, 0, sizeof(page));
	page.page_type = UINT_MAX;
	set(&page);
	return page.page_type;
}

static void fb_memmap_set_buddy(struct page *page)
{
	__SetPageBuddy(page);
}

static void fb_memmap_set_offline(struct page *page)
{
	__SetPageOffline(page);
}

static int __init fb_memmap_init(void)
{
	struct fb_piece piece = {};
	unsigned long pfn;
	int nid;

	pr_info(FB_PREFIX "layout size=%zu type=%zu refcount=%zu head=%zu private=%zu mapping=%zu "
			  "buddy=%u offline=%u\n",
		sizeof(struct page), offsetof(struct page, page_type),
		offsetof(struct page, _refcount), offsetof(struct page, compound_head),
		offsetof(struct page, private), offsetof(struct page, mapping),
		fb_memmap_type(fb_memmap_set_buddy), fb_memmap_type(fb_memmap_set_offline));
	for_each_online_node(nid) {
		for (pfn = node_start_pfn(nid); pfn < node_end_pfn(nid); pfn++)
			if (pfn_to_online_page(pfn))
				fb_memmap_add(&piece, pfn);
	}
	fb_memmap_print(&piece);
	pr_info(FB_PREFIX "end\n");
	return 0;
}

static void __exit fb_memmap_exit(void)
{
}

module_init(fb_memmap_init);
module_exit(fb_memmap_exit);

MODULE_DESCRIPTION("Where a test guest's struct pages are");
MODULE_LICENSE("GPL");
