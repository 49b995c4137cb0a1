// SPDX-License-Identifier: BSD-3-Clause
/*
 * inflate.c - buffers of the inflateq and the deflateq.
 *
 * Theory of operation. A buffer names pages in one of two formats:
 *
 * - PFN array (device-readable): read FB_PIECE_PFNS at a time. The runs of a piece are sorted
 *   and coalesced; the run that holds the last number read is kept back and joins the next
 *   piece, so that a long array in either direction becomes one run. The device reads at most
 *   VIRTIO_FASTBALLOON_PFNS_MAX numbers of a buffer.
 * - Ranges (device-writable, F_SG): at most VIRTIO_FASTBALLOON_SG_MAX of a buffer.
 *
 * Each run is then cut at the ends of the pieces of RAM that it touches. On inflate each part
 * is discarded. On deflate nothing is done to memory: the host provides a page when the guest
 * touches it.
 *
 * Host pages of which the balloon holds a part are remembered from buffer to buffer only if
 * F_MUST_TELL_HOST was negotiated. Without it the guest may use a ballooned page again before
 * it says so, or without saying so; completing its host page with a later inflate would then
 * throw live data away. Within one buffer every page is in the balloon until the buffer is
 * returned, so there it is safe.
 */
#include <endian.h>

#include "internal.h"
#include "iov.h"
#include "partial.h"
#include "range.h"

static void fb_inflate_run(struct fb_device *dev, const struct fb_ram *ram,
			   const struct fb_range *run)
{
	fb_discard_run(dev, ram, run, true);
}

static void fb_deflate_run(struct fb_device *dev, const struct fb_ram *ram,
			   const struct fb_range *run)
{
	if (ram->host_page_size > FB_PAGE_SIZE)
		fb_partial_remove(dev->partial, run, ram->gpa, ram->host_page_size);
}

/*
 * Handle the runs of a piece and of the run carried over in runs[0], if @carried. Leave the
 * run that holds @last_pfn in runs[0] unhandled.
 */
static void fb_pfns_piece(struct fb_request *req, size_t count, bool carried)
{
	struct fb_scratch *scratch = req->dev->scratch;
	struct fb_range *runs = scratch->runs;
	uint64_t last_gpa = (uint64_t)scratch->pfns[count - 1] << FB_PAGE_SHIFT;
	size_t keep, n;

	n = carried + fb_range_from_pfns(scratch->pfns, count, runs + carried);
	fb_range_sort(runs, n);
	n = fb_range_coalesce(runs, n);
	keep = fb_range_find(runs, n, last_gpa);
	for (size_t i = 0; i < n; i++) {
		if (i != keep)
			fb_request_run(req, &runs[i]);
	}
	runs[0] = runs[keep];
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

static void fb_request_pfns(struct fb_request *req, const struct fb_buffer *buffer)
{
	struct fb_scratch *scratch = req->dev->scratch;
	uint64_t total, left;
	bool carried = false;
	struct fb_iov it;

	fb_iov_init(&it, buffer->out, buffer->out_count);
	total = fb_iov_left(&it);
	if (total % sizeof(uint32_t))
		fb_request_refuse(req, 1, "PFN array ends within a page frame number");
	left = total / sizeof(uint32_t);
	if (left > VIRTIO_FASTBALLOON_PFNS_MAX) {
		fb_request_refuse(req, left - VIRTIO_FASTBALLOON_PFNS_MAX, "PFN array is too long");
		left = VIRTIO_FASTBALLOON_PFNS_MAX;
	}
	while (left) {
		size_t n = fb_pfns_read(scratch, &it, left);

		fb_pfns_piece(req, n, carried);
		carried = true;
		left -= n;
	}
	if (carried)
		fb_request_run(req, &scratch->runs[0]);
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
	bool sg = req->dev->features >> VIRTIO_FASTBALLOON_F_SG & 1;

	if (sg && buffer->in_count && buffer->out_count) {
		fb_request_refuse(req, 1, "buffer mixes ranges with device-readable parts");
	} else if (sg && buffer->in_count) {
		fb_request_sg(req, buffer);
	} else {
		fb_request_refuse(req, buffer->in_count, "ranges without VIRTIO_FASTBALLOON_F_SG");
		fb_request_pfns(req, buffer);
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
	if (!(dev->features >> VIRTIO_BALLOON_F_MUST_TELL_HOST & 1))
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
