/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.h - noticing that the device's configuration has changed. */
#ifndef FB_GUEST_CONFIG_H
#define FB_GUEST_CONFIG_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct fb_balloon;
struct virtio_device;

/**
 * struct fb_config - what was seen of it without being told.
 * @work: the next look.
 * @num_pages: the size that the host asks for.
 * @cmd_id: the command id of free page hints.
 */
struct fb_config {
	struct delayed_work work;
	u32 num_pages;
	u32 cmd_id;
};

void fb_config_changed(struct virtio_device *vdev);
void fb_config_init(struct fb_balloon *fb);
void fb_config_start(struct fb_balloon *fb);
void fb_config_stop(struct fb_balloon *fb);

#endif
