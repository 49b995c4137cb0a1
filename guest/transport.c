// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * transport.c - which queue carries the balloon's pages, and how.
 *
 * Best first: ranges on the inflate queue (F_SG); ranges on the reporting queue, which any
 * device with F_REPORTING discards just like ballooned pages; arrays of page frame numbers.
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

/** fb_transport_choose() - settle fb->transport by parameter and features. */
void fb_transport_choose(struct fb_balloon *fb)
{
	enum fb_transport want = fb_param_transport();

	if (want <= FB_TRANSPORT_SG && fb_transport_has_sg(fb))
		fb->transport = FB_TRANSPORT_SG;
	else if (want <= FB_TRANSPORT_REPORT && fb_transport_has_report(fb))
		fb->transport = FB_TRANSPORT_REPORT;
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
	static const char *const names[] = { "auto", "sg", "report", "pfn" };

	return names[fb->transport];
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
	enum fb_encoding encoding = FB_ENCODING_PFNS;
	int err;

	if (fb->transport == FB_TRANSPORT_SG)
		encoding = FB_ENCODING_RANGES;
	err = fb_queue_setup(&fb->inflate, fb, inflate, encoding, VIRTIO_FASTBALLOON_SG_MAX);
	if (!err)
		err = fb_queue_setup(&fb->deflate, fb, deflate, encoding,
				     VIRTIO_FASTBALLOON_SG_MAX);
	if (!err && report)
		err = fb_queue_setup(&fb->report, fb, report, FB_ENCODING_RANGES,
				     PAGE_REPORTING_CAPACITY);
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
