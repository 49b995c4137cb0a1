// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * transport.c - which queue carries the balloon's pages, and how.
 *
 * Best first: ranges on the inflate queue (F_SG), or bits of a page bitmap there for short runs
 * (F_PAGE_BITMAP); ranges on the reporting queue, which any device with F_REPORTING discards just
 * like ballooned pages; bits for all runs; arrays of page frame numbers.
 * A device that must keep a poison value in reported pages does not discard them, so the
 * reporting queue is no way then.
 */
#include <linux/page_reporting.h>

#include "fastballoon.h"

static bool fb_transport_has_sg(struct fb_balloon *fb)
{
	return virtio_has_feature(fb->vdev, VIRTIO_FASTBALLOON_F_SG);
}

static bool fb_transport_has_report(struct fb_balloon *fb)
{
	return virtio_has_feature(fb->vdev, VIRTIO_BALLOON_F_REPORTING) && !fb->poison_val;
}

static bool fb_transport_has_bitmap(struct fb_balloon *fb)
{
	return virtio_has_feature(fb->vdev, VIRTIO_FASTBALLOON_F_PAGE_BITMAP);
}

/** fb_transport_choose() - settle fb->transport by parameter and features. */
void fb_transport_choose(struct fb_balloon *fb)
{
	enum fb_transport want = fb_param_transport();

	if (want == FB_TRANSPORT_AUTO && fb_transport_has_sg(fb) && fb_transport_has_bitmap(fb) &&
	    fb_param_bitmap_run_pages())
		fb->transport = FB_TRANSPORT_MIX;
	else if (want <= FB_TRANSPORT_SG && fb_transport_has_sg(fb))
		fb->transport = FB_TRANSPORT_SG;
	else if (want <= FB_TRANSPORT_REPORT && fb_transport_has_report(fb))
		fb->transport = FB_TRANSPORT_REPORT;
	else if (want <= FB_TRANSPORT_BITMAP && fb_transport_has_bitmap(fb))
		fb->transport = FB_TRANSPORT_BITMAP;
	else
		fb->transport = FB_TRANSPORT_PFN;
	if (want != FB_TRANSPORT_AUTO && want != fb->transport)
		dev_notice(&fb->vdev->dev,
			   "the device does not offer the transport asked for; using %s\n",
			   fb_transport_name(fb));
}

/** fb_transport_name() - the transport in use, as the parameter names it. */
const char *fb_transport_name(const struct fb_balloon *fb)
{
	static const char *const names[] = { "auto", "sg", "report", "bitmap", "pfn", "sg+bitmap" };

	return names[fb->transport];
}

/**
 * fb_transport_encoding() - how to name pages, by what the device takes.
 * @fb: the balloon.
 * @transport: FB_TRANSPORT_SG, FB_TRANSPORT_BITMAP or FB_TRANSPORT_PFN, if the device takes it;
 *             FB_TRANSPORT_MIX: ranges, and bits for short runs where the device takes bitmaps.
 * @max_ranges: most descriptors in a buffer.
 */
struct fb_encoding fb_transport_encoding(struct fb_balloon *fb, enum fb_transport transport,
					 unsigned int max_ranges)
{
	struct fb_encoding how = { .has_header = fb_transport_has_bitmap(fb) };

	if (transport == FB_TRANSPORT_SG || transport == FB_TRANSPORT_MIX)
		how.max_ranges = max_ranges;
	if (transport == FB_TRANSPORT_BITMAP)
		how.bits_max_pages = FB_BITS_ALWAYS;
	else if (transport == FB_TRANSPORT_MIX && how.has_header)
		how.bits_max_pages = fb_param_bitmap_run_pages();
	return how;
}

/**
 * fb_transport_setup() - prepare the queues of the transport that was chosen.
 * @fb: the balloon.
 * @inflate: the inflateq.
 * @deflate: the deflateq.
 * @report: the reporting queue, or NULL.
 *
 * Return: 0, or -ENOMEM.
 */
int fb_transport_setup(struct fb_balloon *fb, struct virtqueue *inflate, struct virtqueue *deflate,
		       struct virtqueue *report)
{
	const struct fb_encoding report_how = { .max_ranges = PAGE_REPORTING_CAPACITY };
	struct fb_encoding how =
		fb_transport_encoding(fb, fb->transport, VIRTIO_FASTBALLOON_SG_MAX);
	int err;

	err = fb_queue_setup(&fb->inflate, fb, inflate, &how);
	if (!err)
		err = fb_queue_setup(&fb->deflate, fb, deflate, &how);
	if (!err && report)
		err = fb_queue_setup(&fb->report, fb, report, &report_how);
	fb->announces_deflate = fb->transport != FB_TRANSPORT_REPORT;
	fb->inflate_via = fb->announces_deflate ? &fb->inflate : &fb->report;
	return err;
}

/** fb_transport_release() - undo fb_transport_setup(), also a failed one. */
void fb_transport_release(struct fb_balloon *fb)
{
	fb_queue_release(&fb->inflate);
	fb_queue_release(&fb->deflate);
	fb_queue_release(&fb->report);
}
