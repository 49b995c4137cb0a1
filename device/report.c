// SPDX-License-Identifier: BSD-3-Clause
/*
 * report.c - buffers of the free page reporting queue.
 *
 * A reported range is free until the buffer is returned, and holds no page of the balloon:
 * only whole host pages of it are discarded, and no part of one is remembered.
 */
#include "internal.h"

static void fb_report_run(struct fb_device *dev, const struct fb_ram *ram,
			  const struct fb_range *run)
{
	/* A discarded page reads zero, and the driver expects the poison value in it. */
	if (dev->poison_val && fb_device_has(dev, VIRTIO_BALLOON_F_PAGE_POISON))
		return;
	fb_discard_run(dev, ram, run, false);
}

void fb_device_report(struct fb_device *dev, const struct fb_buffer *buffer)
{
	struct fb_request req = {
		.dev = dev,
		.handle = fb_report_run,
		.bytes = &dev->counters.reported_bytes,
	};

	if (buffer->out_count)
		fb_request_refuse(&req, buffer->out_count, "report with a device-readable part");
	fb_request_ranges(&req, buffer->in, buffer->in_count, 1);
	fb_request_end(&req);
}
