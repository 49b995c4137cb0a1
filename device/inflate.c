// SPDX-License-Identifier: BSD-3-Clause
/*
 * inflate.c - buffers of the inflateq and the deflateq.
 *
 * Theory of operation. A buffer names pages in one of three formats:
 *
 * - PFN array (device-readable; with F_PAGE_BITMAP behind a header): read FB_PIECE_PFNS at a
 *   time. The runs of a piece are sorted and coalesced; the run that holds the last number read
 *   is kept back and joins the next piece, so that a long array in either direction becomes one
 *   run. The device reads at most VIRTIO_FASTBALLOON_PFNS_MAX numbers of a buffer.
 * - Page bitmaps (device-readable, F_PAGE_BITMAP): bitmap.c makes runs of them, which are sorted
 *   and coalesced FB_PIECE_PFNS at a time in the same way.
 * - Ranges (device-writable, F_SG): at most VIRTIO_FASTBALLOON_SG_MAX of a buffer.
 *
 * Each run is then cut at the ends of the pieces of RAM that it touches. On inflate each part
 * is discarded. On deflate the host provides a page when the guest touches it; with a populate
 * operation it does so at once, for the whole host pages of the run.
 *
 * Host pages of which the balloon holds a part are remembered from buffer to buffer only if
 * F_MUST_TELL_HOST was negotiated. Without it the guest may use a ballooned page again before
 * it says so, or without saying so; completing its host page with a later inflate would then
 * throw live data away. Within one buffer every page is in the balloon until the buffer is
 * returned, so there it is safe.
 */
#include <endian.h>
#include <errno.h>

#include "bitmap.h"
#include "internal.h"
#include "iov.h"
#include "partial.h"
#include "range.h"

static void fb_inflate_run(struct fb_device *dev, const struct fb_ram *ram,
			   const struct fb_range *run)
{
	fb_discard_run(dev, ram, run, true);
}

/* Back the whole host pages that @run touches. */
static void fb_populate_run(struct fb_device *dev, const struct fb_ram *ram,
			    const struct fb_range *run)
{
	uint64_t page = ram->host_page_size;
	uint64_t usable = fb_round_down(ram->len, page);
	uint64_t first = fb_round_down(run->gpa - ram->gpa, page);
	uint64_t last = fb_round_down(run->gpa + run->len - 1 - ram->gpa, page);
	uint64_t len;
	int ret;

	/* What follows the last whole host page was never discarded. */
	if (first >= usable)
		return;
	len = (last < usable ? last + page : usable) - first;
	ret = dev->ops->populate(dev->host, ram->gpa + first, len);
	if (ret != -EINPROGRESS)
		fb_device_populated(dev, ret ? 0 : len, ret);
}

void fb_device_populated(struct fb_device *dev, uint64_t bytes, bool failed)
{
	dev->counters.populated_bytes += bytes;
	dev->counters.populate_failures += failed;
}

static void fb_deflate_run(struct fb_device *dev, const struct fb_ram *ram,
			   const struct fb_range *run)
{
	if (dev->ops->populate)
		fb_populate_run(dev, ram, run);
	if (ram->host_page_size > FB_PAGE_SIZE)
		fb_partial_remove(dev->partial, run, ram->gpa, ram->host_page_size);
}

/* Handle @count runs in the scratch, but leave the one that holds @last_gpa in runs[0]. */
static void fb_request_runs(struct fb_request *req, size_t count, uint64_t last_gpa)
{
	struct fb_range *runs = req->dev->scratch->runs;
	size_t keep, n;

	fb_range_sort(runs, count);
	n = fb_range_coalesce(runs, count);
	keep = fb_range_find(runs, n, last_gpa);
	for (size_t i = 0; i < n; i++) {
		if (i != keep)
			fb_request_run(req, &runs[i]);
	}
	runs[0] = runs[keep];
}

/* Handle the runs of a piece and the run carried over in runs[0], if @carried. */
static void fb_pfns_piece(struct fb_request *req, size_t count, bool carried)
{
	struct fb_scratch *scratch = req->dev->scratch;
	uint64_t last_gpa = (uint64_t)scratch->pfns[count - 1] << FB_PAGE_SHIFT;
	size_t n = carried + fb_range_from_pfns(scratch->pfns, count, scratch->runs + carried);

	fb_request_runs(req, n, last_gpa);
}

/* Read the next piece of at most @max numbers. Return: how many were read. */
static size_t fb_pfns_read(struct fb_scratch *scratch, struct fb_iov *it, uint64_t max)
{
	size_t want = max < FB_PIECE_PFNS ? max : FB_PIECE_PFNS;
	size_t n = fb_iov_read(it, scratch->pfns, want * sizeof(uint32_t)) / sizeof(uint32_t);

	for (size_t i = 0; i < n; i++)
		scratch->pfns[i] = le32toh(scratch->pfns[i]);
	return n;
}

/* Read and handle @left numbers, which are there. */
static void fb_request_pfns(struct fb_request *req, struct fb_iov *it, uint64_t left)
{
	struct fb_scratch *scratch = req->dev->scratch;
	bool carried = false;

	while (left) {
		size_t n = fb_pfns_read(scratch, it, left);

		fb_pfns_piece(req, n, carried);
		carried = true;
		left -= n;
	}
	if (carried)
		fb_request_run(req, &scratch->runs[0]);
}

/* A PFN array without a header: what is wrong at its end costs no more than that. */
static void fb_request_array(struct fb_request *req, struct fb_iov *it)
{
	uint64_t total = fb_iov_left(it);
	uint64_t count = total / sizeof(uint32_t);

	if (total % sizeof(uint32_t))
		fb_request_refuse(req, 1, "PFN array ends within a page frame number");
	if (count > VIRTIO_FASTBALLOON_PFNS_MAX) {
		fb_request_refuse(req, count - VIRTIO_FASTBALLOON_PFNS_MAX,
				  "PFN array is too long");
		count = VIRTIO_FASTBALLOON_PFNS_MAX;
	}
	fb_request_pfns(req, it, count);
}

static void fb_request_bitmap(struct fb_request *req, const struct fb_iov *it, uint32_t count)
{
	struct fb_range *runs = req->dev->scratch->runs;
	struct fb_bitmap bitmap;
	const char *reason = fb_bitmap_open(&bitmap, it, count);
	size_t n = 0;

	if (reason) {
		fb_request_refuse(req, 1, reason);
		return;
	}
	while (fb_bitmap_next(&bitmap, &runs[n])) {
		n++;
		if (n <= FB_PIECE_PFNS)
			continue;
		fb_request_runs(req, n, runs[n - 1].gpa);
		n = 1;
	}
	if (n) {
		fb_request_runs(req, n, runs[n - 1].gpa);
		fb_request_run(req, &runs[0]);
	}
	fb_request_refuse(req, bitmap.refused, "page bitmap names pages that no guest has");
}

/* What a header announces; anything wrong about the whole costs all of it. */
static void fb_request_headed(struct fb_request *req, struct fb_iov *it)
{
	struct virtio_fastballoon_pages header;

	if (!fb_pages_read_header(it, &header)) {
		fb_request_refuse(req, 1, "buffer ends within its header");
	} else if (header.format == VIRTIO_FASTBALLOON_PAGES_BITMAP) {
		fb_request_bitmap(req, it, header.count);
	} else if (header.format != VIRTIO_FASTBALLOON_PAGES_PFNS) {
		fb_request_refuse(req, 1, "buffer is of an unknown format");
	} else if (!header.count || header.count > VIRTIO_FASTBALLOON_PFNS_MAX) {
		fb_request_refuse(req, 1, "PFN array is empty or too long");
	} else if (fb_iov_left(it) != header.count * sizeof(uint32_t)) {
		fb_request_refuse(req, 1, "PFN array is not as long as its header says");
	} else {
		fb_request_pfns(req, it, header.count);
	}
}

static void fb_request_readable(struct fb_request *req, const struct fb_buffer *buffer)
{
	struct fb_iov it;

	fb_iov_init(&it, buffer->out, buffer->out_count);
	if (fb_device_has(req->dev, VIRTIO_FASTBALLOON_F_PAGE_BITMAP))
		fb_request_headed(req, &it);
	else
		fb_request_array(req, &it);
}

static void fb_request_sg(struct fb_request *req, const struct fb_buffer *buffer)
{
	unsigned int count = buffer->in_count;

	if (count > VIRTIO_FASTBALLOON_SG_MAX) {
		fb_request_refuse(req, count - VIRTIO_FASTBALLOON_SG_MAX,
				  "more ranges in a buffer than VIRTIO_FASTBALLOON_SG_MAX");
		count = VIRTIO_FASTBALLOON_SG_MAX;
	}
	fb_request_ranges(req, buffer->in, count, VIRTIO_FASTBALLOON_PAGE_SIZE);
}

static void fb_request_pages(struct fb_request *req, const struct fb_buffer *buffer)
{
	bool sg = fb_device_has(req->dev, VIRTIO_FASTBALLOON_F_SG);

	if (sg && buffer->in_count && buffer->out_count) {
		fb_request_refuse(req, 1, "buffer mixes ranges with device-readable parts");
	} else if (sg && buffer->in_count) {
		fb_request_sg(req, buffer);
	} else {
		fb_request_refuse(req, buffer->in_count, "ranges without VIRTIO_FASTBALLOON_F_SG");
		fb_request_readable(req, buffer);
	}
	fb_request_end(req);
}

void fb_device_inflate(struct fb_device *dev, const struct fb_buffer *buffer)
{
	struct fb_request req = {
		.dev = dev,
		.handle = fb_inflate_run,
		.bytes = &dev->counters.inflated_bytes,
	};

	fb_request_pages(&req, buffer);
	if (!fb_device_has(dev, VIRTIO_BALLOON_F_MUST_TELL_HOST))
		fb_partial_clear(dev->partial);
}

void fb_device_deflate(struct fb_device *dev, const struct fb_buffer *buffer)
{
	struct fb_request req = {
		.dev = dev,
		.handle = fb_deflate_run,
		.bytes = &dev->counters.deflated_bytes,
	};

	fb_request_pages(&req, buffer);
}
