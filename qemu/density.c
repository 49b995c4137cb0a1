// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * density.c - the destination of a migration learns where few pages will arrive.
 *
 * Theory of operation
 * -------------------
 * QEMU asks the kernel for transparent huge pages in all of the guest's memory. On the
 * destination the first page that arrives in 2 MiB then takes, and zeroes, all of the 2 MiB. A
 * guest whose memory in use lies scattered so needs far more memory there than it uses, and most
 * of the time of the load goes into zeroing what never arrives.
 *
 * The source knows better: behind the first hints, the migration's bitmap says what will be sent.
 * It cuts memory into regions, ranks them by how much a huge page would waste for each page that
 * is sent, and gives huge pages to the best ones until 1/FB_DENSITY_WASTE_DIVISOR of all that is
 * sent would be wasted. The others are sparse. A map of them, a bit each, precedes the first page
 * (precopy.c); nothing is written for a block where huge pages waste less than that altogether.
 *
 * The destination forbids huge pages in sparse regions while it loads, and allows them again
 * before the guest runs. No byte of memory changes either way, so a wrong map costs no data. It
 * keeps out where memory must stay absent (postcopy-ram), and where the advice has another
 * meaning or none: memory that is shared, of a file, or with a page size of its own.
 */
#include <sys/mman.h>

#include "balloon.h"
#include "density.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* A huge page of x86. */
#define FB_PIECE_BYTES (2 * MiB)
#define FB_PIECE_SHIFT 21
#define FB_PIECE_PAGES (FB_PIECE_BYTES >> TARGET_PAGE_BITS)

/* Most regions of a block: each may become a mapping of its own, of 65,530 that Linux allows. */
#define FB_DENSITY_REGIONS_MAX 8192
/* A region of the largest block that a stream may name, 2^40 bytes each. */
#define FB_DENSITY_SHIFT_MAX 40
#define FB_DENSITY_BLOCKS_MAX 256

/* Huge pages may waste one byte in so many that are sent. */
#define FB_DENSITY_WASTE_DIVISOR 12

/**
 * struct FbDensityRegion - a piece of a RAM block, of 2^shift bytes.
 * @pages: pages to be sent.
 * @waste: pages that are not, in those huge pages of which some are.
 * @sparse: the verdict.
 */
typedef struct FbDensityRegion {
	uint64_t pages;
	uint64_t waste;
	bool sparse;
} FbDensityRegion;

/* Whether huge pages can be advised against on this side. */
static bool fb_density_fits(RAMBlock *rb)
{
	return fb_block_is_backend(rb) && rb->fd < 0 && !qemu_ram_is_shared(rb) &&
	       qemu_ram_pagesize(rb) == qemu_real_host_page_size();
}

static unsigned int fb_density_shift(const RAMBlock *rb)
{
	unsigned int shift = FB_PIECE_SHIFT;

	while (DIV_ROUND_UP(rb->used_length, 1ULL << shift) > FB_DENSITY_REGIONS_MAX)
		shift++;
	return shift;
}

/* Count the whole huge pages of a block, by region. Return: pages to be sent. */
static uint64_t fb_density_measure(const RAMBlock *rb, FbDensityRegion *regions, unsigned int shift)
{
	size_t pieces = rb->used_length / FB_PIECE_BYTES;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < pieces; i++) {
		FbDensityRegion *region = &regions[i >> (shift - FB_PIECE_SHIFT)];
		uint64_t pages =
			bitmap_count_one(rb->bmap + BIT_WORD(i * FB_PIECE_PAGES), FB_PIECE_PAGES);

		if (!pages)
			continue;
		region->pages += pages;
		region->waste += FB_PIECE_PAGES - pages;
		sum += pages;
	}
	return sum;
}

/* The least waste for each page that is sent comes first, and what has none to send last. */
static gint fb_density_compare(gconstpointer a, gconstpointer b)
{
	const FbDensityRegion *one = *(FbDensityRegion *const *)a;
	const FbDensityRegion *two = *(FbDensityRegion *const *)b;
	uint64_t left = one->waste * two->pages;
	uint64_t right = two->waste * one->pages;

	if (!one->pages || !two->pages)
		return !one->pages - !two->pages;
	return (left > right) - (left < right);
}

/* Return: whether any region is sparse. */
static bool fb_density_judge(FbDensityRegion *regions, size_t n, uint64_t pages)
{
	g_autofree FbDensityRegion **ranked = g_new(FbDensityRegion *, n);
	uint64_t allowed = pages / FB_DENSITY_WASTE_DIVISOR;
	bool any = false;
	size_t i;

	for (i = 0; i < n; i++)
		ranked[i] = &regions[i];
	qsort(ranked, n, sizeof(*ranked), fb_density_compare);
	for (i = 0; i < n && ranked[i]->pages; i++) {
		if (!any && ranked[i]->waste <= allowed) {
			allowed -= ranked[i]->waste;
		} else {
			ranked[i]->sparse = true;
			any = true;
		}
	}
	/* What gets no page now goes with its neighbour: fewer mappings over there. */
	for (i = 1; i < n; i++) {
		if (!regions[i].pages)
			regions[i].sparse = regions[i - 1].sparse;
	}
	return any;
}

static void fb_density_save_block(RAMBlock *rb, QEMUFile *f)
{
	unsigned int shift = fb_density_shift(rb);
	size_t n = DIV_ROUND_UP(rb->used_length, 1ULL << shift);
	g_autofree FbDensityRegion *regions = g_new0(FbDensityRegion, n);
	size_t i, j;

	if (!fb_density_judge(regions, n, fb_density_measure(rb, regions, shift)))
		return;
	qemu_put_counted_string(f, rb->idstr);
	qemu_put_byte(f, shift);
	qemu_put_be32(f, n);
	for (i = 0; i < n; i += 8) {
		int bits = 0;

		for (j = i; j < MIN(i + 8, n); j++)
			bits |= regions[j].sparse << (j - i);
		qemu_put_byte(f, bits);
	}
}

void fb_density_save(FbBalloon *balloon, QEMUFile *f)
{
	RAMBlock *rb;

	RCU_READ_LOCK_GUARD();
	RAMBLOCK_FOREACH(rb) {
		if (balloon->density.enabled && rb->bmap && fb_block_is_backend(rb) &&
		    !ramblock_is_ignored(rb) && rb->used_length >= FB_PIECE_BYTES)
			fb_density_save_block(rb, f);
	}
	qemu_put_byte(f, 0);
}

static bool fb_density_may_apply(RAMBlock *rb)
{
	return rb && runstate_check(RUN_STATE_INMIGRATE) && !migrate_postcopy_ram() &&
	       fb_density_fits(rb);
}

/*
 * The kernel can join mappings again that were cut out of one that had a page, and not those that
 * got their first one apart. Backing the page changes no byte, which is vital: a stream of
 * multifd may be writing to it already. Where Linux is older than 5.14 they stay apart.
 */
static void fb_density_back_page(RAMBlock *rb)
{
	madvise(rb->host, qemu_real_host_page_size(), MADV_POPULATE_WRITE);
}

/* A host that takes no advice loads as it would without it. */
static void fb_density_apply(FbDensity *density, RAMBlock *rb, const unsigned long *sparse,
			     size_t n, unsigned int shift)
{
	size_t start = find_first_bit(sparse, n);

	fb_density_back_page(rb);
	while (start < n) {
		size_t end = find_next_zero_bit(sparse, n, start);
		uint64_t from = (uint64_t)start << shift;
		uint64_t to = MIN((uint64_t)end << shift, rb->used_length);

		if (from >= to || madvise(rb->host + from, to - from, MADV_NOHUGEPAGE))
			return;
		density->applied = true;
		density->small_page_bytes += to - from;
		start = find_next_bit(sparse, n, end);
	}
}

/* Return: 0 behind a block, 1 behind the last one, or a negative errno. */
static int fb_density_load_block(FbDensity *density, QEMUFile *f)
{
	g_autofree unsigned long *sparse = NULL;
	size_t n, shift, i;
	char name[256];
	RAMBlock *rb;

	if (!qemu_get_counted_string(f, name))
		return 1;
	shift = qemu_get_byte(f) & 0xff;
	n = qemu_get_be32(f);
	if (shift < FB_PIECE_SHIFT || shift > FB_DENSITY_SHIFT_MAX || !n ||
	    n > FB_DENSITY_REGIONS_MAX) {
		error_report("virtio-fastballoon: malformed map of sparse memory for '%s': "
			     "%zu regions of 2^%zu bytes",
			     name, n, shift);
		return -EINVAL;
	}
	sparse = bitmap_new(n);
	for (i = 0; i < n; i += 8) {
		unsigned long bits = qemu_get_byte(f) & 0xff;

		sparse[BIT_WORD(i)] |= bits << (i % BITS_PER_LONG);
	}
	RCU_READ_LOCK_GUARD();
	rb = qemu_ram_block_by_name(name);
	if (fb_density_may_apply(rb))
		fb_density_apply(density, rb, sparse, n, shift);
	return 0;
}

int fb_density_load(FbBalloon *balloon, QEMUFile *f)
{
	int blocks, ret;

	for (blocks = 0; blocks < FB_DENSITY_BLOCKS_MAX; blocks++) {
		ret = fb_density_load_block(&balloon->density, f);
		if (!ret)
			ret = qemu_file_get_error(f);
		if (ret)
			return MIN(ret, 0);
	}
	error_report("virtio-fastballoon: malformed map of sparse memory: more than %d blocks",
		     FB_DENSITY_BLOCKS_MAX);
	return -EINVAL;
}

void fb_density_loaded(FbBalloon *balloon)
{
	RAMBlock *rb;

	if (!balloon->density.applied)
		return;
	balloon->density.applied = false;
	RCU_READ_LOCK_GUARD();
	RAMBLOCK_FOREACH(rb) {
		if (fb_density_fits(rb) && madvise(rb->host, rb->used_length, MADV_HUGEPAGE))
			warn_report_once("virtio-fastballoon: no huge pages any more in '%s': %s",
					 rb->idstr, strerror(errno));
	}
}
