// SPDX-License-Identifier: BSD-3-Clause
/* request.c - from what a buffer names to runs inside RAM, shared by all its formats. */
#include "internal.h"
#include "range.h"

void fb_request_refuse(struct fb_request *req, uint64_t count, const char *reason)
{
	if (!count)
		return;
	req->refused += count;
	if (!req->reason)
		req->reason = reason;
}

void fb_request_end(struct fb_request *req)
{
	struct fb_device *dev = req->dev;

	dev->counters.requests++;
	dev->counters.refused += req->refused;
	if (req->reason)
		dev->ops->guest_error(dev->host, req->reason);
}

static bool fb_ram_is_sane(const struct fb_ram *ram, uint64_t gpa)
{
	uint64_t size = ram->host_page_size;

	return size >= FB_PAGE_SIZE && !(size & (size - 1)) && !(ram->gpa % FB_PAGE_SIZE) &&
	       ram->len <= UINT64_MAX - ram->gpa && gpa >= ram->gpa && gpa - ram->gpa < ram->len;
}

uint64_t fb_ram_extent(const struct fb_device *dev, uint64_t gpa, uint64_t end, struct fb_ram *ram)
{
	uint64_t ram_end;

	if (dev->ops->find_ram(dev->host, gpa, ram))
		return 0;
	ram->len = fb_round_down(ram->len, FB_PAGE_SIZE);
	if (!fb_ram_is_sane(ram, gpa))
		return 0;
	ram_end = ram->gpa + ram->len;
	return (end < ram_end ? end : ram_end) - gpa;
}

static bool fb_range_is_ram(const struct fb_device *dev, const struct fb_range *range)
{
	uint64_t gpa = range->gpa;
	uint64_t end = range->gpa + range->len;
	struct fb_ram ram;

	while (gpa < end) {
		uint64_t len = fb_ram_extent(dev, gpa, end, &ram);

		if (!len)
			return false;
		gpa += len;
	}
	return true;
}

/* Handle what of [gpa, end) lies in one piece of RAM. Return: its length, or 0. */
static uint64_t fb_request_extent(struct fb_request *req, uint64_t gpa, uint64_t end)
{
	struct fb_ram ram;
	struct fb_range run = { .gpa = gpa };

	run.len = fb_ram_extent(req->dev, gpa, end, &ram);
	if (!run.len)
		return 0;
	*req->bytes += run.len;
	req->dev->counters.ranges++;
	req->handle(req->dev, &ram, &run);
	return run.len;
}

void fb_request_run(struct fb_request *req, const struct fb_range *run)
{
	uint64_t gpa = run->gpa;
	uint64_t end = run->gpa + run->len;

	while (gpa < end) {
		uint64_t len = fb_request_extent(req, gpa, end);

		if (!len) {
			fb_request_refuse(req, 1, "page frame number outside guest RAM");
			len = FB_PAGE_SIZE;
		}
		gpa += len;
	}
}

/* As fb_request_run(), of ranges that were found to be RAM: no steps through a hole. */
static void fb_request_range(struct fb_request *req, const struct fb_range *range)
{
	uint64_t gpa = range->gpa;
	uint64_t end = range->gpa + range->len;
	uint64_t len;

	do {
		len = fb_request_extent(req, gpa, end);
		gpa += len;
	} while (len && gpa < end);
}

static void fb_request_piece(struct fb_request *req, const struct fb_range *ranges, size_t count,
			     uint64_t align)
{
	struct fb_range *runs = req->dev->scratch->runs;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (!fb_range_is_valid(&ranges[i], align))
			fb_request_refuse(req, 1, "range is empty, misaligned or overflows");
		else if (!fb_range_is_ram(req->dev, &ranges[i]))
			fb_request_refuse(req, 1, "range is not wholly guest RAM");
		else
			runs[n++] = ranges[i];
	}
	fb_range_sort(runs, n);
	n = fb_range_coalesce(runs, n);
	for (size_t i = 0; i < n; i++)
		fb_request_range(req, &runs[i]);
}

void fb_request_ranges(struct fb_request *req, const struct fb_range *ranges, unsigned int count,
		       uint64_t align)
{
	while (count) {
		unsigned int n = count < FB_PIECE_PFNS ? count : FB_PIECE_PFNS;

		fb_request_piece(req, ranges, n, align);
		ranges += n;
		count -= n;
	}
}
