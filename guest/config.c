// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * config.c - noticing that the device's configuration has changed.
 *
 * Lost interrupts. QEMU's own balloon hints from an iothread, and raises its interrupt there
 * without the lock that orders interrupts. It has no MSI-X, and the level of its pin stays wrong
 * now and then: from then on no interrupt comes. Waits for buffers look at the ring by themselves
 * (queue.c). The configuration of a device that hints so is looked at every other second, or the
 * guest would take no notice of a new size, and keep what it holds for a migration for ever.
 */
#include "fastballoon.h"

#define FB_CONFIG_LOOK_MS 2000

/** fb_config_changed() - the device says so, or a look found it. Any context. */
void fb_config_changed(struct virtio_device *vdev)
{
	struct fb_balloon *fb = vdev->priv;

	atomic_inc(&fb->config_seq);
	wake_up_all(&fb->acked);
	fb_hint_wake(fb);
	fb_size_wake(fb);
}

static void fb_config_look(struct work_struct *work)
{
	struct fb_balloon *fb = container_of(work, struct fb_balloon, config.work.work);
	struct fb_config *config = &fb->config;
	u32 num_pages, cmd_id = fb_hint_read_id(fb);

	virtio_cread_le(fb->vdev, struct virtio_balloon_config, num_pages, &num_pages);
	if (num_pages != config->num_pages || cmd_id != config->cmd_id) {
		config->num_pages = num_pages;
		config->cmd_id = cmd_id;
		fb_config_changed(fb->vdev);
	}
	fb_queue_delayed_work(fb, &config->work, FB_CONFIG_LOOK_MS);
}

/** fb_config_init() - prepare what lasts as long as the driver is bound. */
void fb_config_init(struct fb_balloon *fb)
{
	INIT_DELAYED_WORK(&fb->config.work, fb_config_look);
}

/** fb_config_start() - look now and then, if the device is one that needs it. */
void fb_config_start(struct fb_balloon *fb)
{
	if (virtio_has_feature(fb->vdev, VIRTIO_BALLOON_F_FREE_PAGE_HINT) &&
	    !virtio_has_feature(fb->vdev, VIRTIO_FASTBALLOON_F_HINT_LOGGED))
		fb_queue_delayed_work(fb, &fb->config.work, FB_CONFIG_LOOK_MS);
}

/** fb_config_stop() - look no more. No work is queued any more. */
void fb_config_stop(struct fb_balloon *fb)
{
	cancel_delayed_work_sync(&fb->config.work);
}
