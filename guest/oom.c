// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * oom.c - giving pages back when the guest runs out of memory (DEFLATE_ON_OOM).
 *
 * Each time the kernel is about to kill a task, the balloon gives back oom_deflate_mib. The
 * size worker then leaves the guest alone for FB_OOM_BACKOFF_MS, also if the host changes the
 * target upwards meanwhile; otherwise it would take the same pages again at once.
 */
#include <linux/jiffies.h>
#include <linux/oom.h>

#include "fastballoon.h"

#define FB_OOM_BACKOFF_MS 5000

/* Before or after other notifiers: the value of Linux's own balloon. */
#define FB_OOM_PRIORITY 80

static int fb_oom_notify(struct notifier_block *nb, unsigned long unused, void *freed)
{
	struct fb_balloon *fb = container_of(nb, struct fb_balloon, oom_nb);
	unsigned long want_pages = (unsigned long)fb_param_oom_mib() << (20 - PAGE_SHIFT);
	unsigned long pages;

	WRITE_ONCE(fb->oom_until, jiffies + msecs_to_jiffies(FB_OOM_BACKOFF_MS));
	WRITE_ONCE(fb->oom_seen, true);
	pages = fb_deflate_for_oom(fb, want_pages);
	*(unsigned long *)freed += pages;
	fb_count(&fb->counters, FB_C_oom_events, 1);
	fb_count(&fb->counters, FB_C_oom_deflated_pages, pages);
	if (pages) {
		fb_size_write_actual(fb);
		fb_size_wake(fb);
	}
	return NOTIFY_OK;
}

/** fb_oom_backoff_ms() - how long the balloon must not grow, 0 for not at all. */
unsigned int fb_oom_backoff_ms(struct fb_balloon *fb)
{
	unsigned long until = READ_ONCE(fb->oom_until);

	if (!READ_ONCE(fb->oom_seen))
		return 0;
	if (time_before(jiffies, until))
		return jiffies_to_msecs(until - jiffies) + 1;
	WRITE_ONCE(fb->oom_seen, false);
	return 0;
}

/**
 * fb_oom_start() - listen for out of memory events where the host wants it.
 *
 * Return: 0, or an error of the notifier chain.
 */
int fb_oom_start(struct fb_balloon *fb)
{
	int err;

	if (!virtio_has_feature(fb->vdev, VIRTIO_BALLOON_F_DEFLATE_ON_OOM))
		return 0;
	fb->oom_nb.notifier_call = fb_oom_notify;
	fb->oom_nb.priority = FB_OOM_PRIORITY;
	err = register_oom_notifier(&fb->oom_nb);
	fb->oom_registered = !err;
	return err;
}

/** fb_oom_stop() - undo fb_oom_start(); returns when no notification runs. */
void fb_oom_stop(struct fb_balloon *fb)
{
	if (fb->oom_registered)
		unregister_oom_notifier(&fb->oom_nb);
	fb->oom_registered = false;
}
