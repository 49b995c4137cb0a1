// SPDX-License-Identifier: BSD-3-Clause
/* discard.c - give runs back to the host in whole host pages. */
#include "internal.h"
#include "partial.h"
#include "range.h"

/*
 * Remember the parts of host pages at both ends of @run, and grow @whole, the whole host pages
 * between them, by those that are complete now. @page is the size of a host page.
 */
static void fb_discard_grow(struct fb_device *dev, uint64_t origin, uint64_t page,
			    const struct fb_range *run, struct fb_range *whole)
{
	uint64_t end = run->gpa + run->len;
	struct fb_range first = { origin + fb_round_down(run->gpa - origin, page), page };
	struct fb_range last = { origin + fb_round_down(end - 1 - origin, page), page };
	bool is_one = first.gpa == last.gpa;
	struct fb_range head = { run->gpa, (is_one ? end : first.gpa + page) - run->gpa };
	struct fb_range tail = { last.gpa, end - last.gpa };
	uint64_t whole_gpa = run->gpa == first.gpa ? first.gpa : first.gpa + page;
	uint64_t whole_end = end == last.gpa + page ? end : last.gpa;

	if (head.len < page && fb_partial_add(dev->partial, &first, &head)) {
		whole_gpa = first.gpa;
		if (is_one)
			whole_end = first.gpa + page;
	}
	if (!is_one && tail.len < page && fb_partial_add(dev->partial, &last, &tail))
		whole_end = last.gpa + page;
	whole->gpa = whole_gpa;
	whole->len = whole_end > whole_gpa ? whole_end - whole_gpa : 0;
}

void fb_discard_run(struct fb_device *dev, const struct fb_ram *ram, const struct fb_range *run,
		    bool held)
{
	uint64_t page = ram->host_page_size;
	uint64_t usable_end = ram->gpa + fb_round_down(ram->len, page);
	struct fb_range usable = *run;
	struct fb_range whole;

	if (dev->ops->inhibited(dev->host)) {
		dev->counters.inhibited_bytes += run->len;
		return;
	}
	if (run->gpa >= usable_end)
		return;
	if (run->len > usable_end - run->gpa)
		usable.len = usable_end - run->gpa;
	whole = fb_range_whole(&usable, ram->gpa, page);
	if (page > FB_PAGE_SIZE) {
		if (whole.len)
			fb_partial_remove(dev->partial, &whole, ram->gpa, page);
		if (held)
			fb_discard_grow(dev, ram->gpa, page, &usable, &whole);
	}
	if (!whole.len)
		return;
	if (dev->ops->discard(dev->host, whole.gpa, whole.len)) {
		dev->counters.discard_failures++;
		dev->counters.failed_bytes += whole.len;
	} else {
		dev->counters.discarded_bytes += whole.len;
	}
}

uint64_t fb_device_waiting_bytes(const struct fb_device *dev)
{
	return dev->partial ? fb_partial_bytes(dev->partial) : 0;
}
