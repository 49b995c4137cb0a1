// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report.c - free page reporting: Linux isolates free blocks, the device discards them.
 *
 * The reporting queue is shared with inflation on devices without F_SG; its lock orders them.
 * Linux puts the blocks back to work as soon as the callback returns, so the callback may
 * return only when the device has answered or has been reset.
 */
#include "fastballoon.h"

/* Put the entries of a list in the queue; @pages receives their size. */
static int fb_report_send(struct fb_queue *q, struct scatterlist *sg, unsigned long *pages)
{
	*pages = 0;
	for (; sg; sg = sg_next(sg)) {
		unsigned long nr_pages = sg->length >> PAGE_SHIFT;
		int err = fb_queue_put(q, page_to_pfn(sg_page(sg)), nr_pages);

		if (err)
			return err;
		*pages += nr_pages;
	}
	return fb_queue_send(q);
}

/* Wait for the answer without giving up. */
static void fb_report_wait(struct fb_queue *q)
{
	while (q->inflight && fb_queue_wait(q) != -ENODEV)
		cond_resched();
}

static int fb_report_callback(struct page_reporting_dev_info *dev_info, struct scatterlist *sgl,
			      unsigned int nents)
{
	struct fb_balloon *fb = container_of(dev_info, struct fb_balloon, report_dev);
	struct fb_queue *q = &fb->report;
	unsigned long pages = 0;
	int err = -ESHUTDOWN;

	mutex_lock(&q->lock);
	if (!fb_stopping(fb)) {
		err = fb_report_send(q, sgl, &pages);
		fb_report_wait(q);
	}
	mutex_unlock(&q->lock);
	if (!err)
		fb_count(&fb->counters, FB_C_reported_pages, pages);
	return err;
}

/**
 * fb_report_start() - offer the device to Linux's free page reporting, where it takes part.
 * @fb: the balloon. It works without, so that a refusal is logged only.
 */
void fb_report_start(struct fb_balloon *fb)
{
	int err;

	if (!virtio_has_feature(fb->vdev, VIRTIO_BALLOON_F_REPORTING))
		return;
	fb->report_dev.report = fb_report_callback;
	fb->report_dev.order = 0;
	err = page_reporting_register(&fb->report_dev);
	fb->report_registered = !err;
	if (err)
		dev_notice(&fb->vdev->dev, "free pages are not reported to this device (%d)\n",
			   err);
}

/** fb_report_stop() - undo fb_report_start(); returns when no report is on its way. */
void fb_report_stop(struct fb_balloon *fb)
{
	if (fb->report_registered)
		page_reporting_unregister(&fb->report_dev);
	fb->report_registered = false;
}
