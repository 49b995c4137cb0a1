// SPDX-License-Identifier: BSD-3-Clause
/* device.c - life of the device, its features and its configuration space. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctrl.h"
#include "internal.h"
#include "partial.h"

int fb_device_init(struct fb_device *dev, const struct fb_host_ops *ops, void *host)
{
	memset(dev, 0, sizeof(*dev));
	dev->ops = ops;
	dev->host = host;
	dev->partial = fb_partial_new();
	dev->scratch = malloc(sizeof(*dev->scratch));
	if (!dev->partial || !dev->scratch) {
		fb_device_destroy(dev);
		return -ENOMEM;
	}
	fb_hint_init(&dev->hint);
	fb_ctrl_init(dev);
	fb_stats_reset(dev);
	return 0;
}

void fb_device_destroy(struct fb_device *dev)
{
	fb_partial_free(dev->partial);
	dev->partial = NULL;
	free(dev->scratch);
	dev->scratch = NULL;
}

void fb_device_reset(struct fb_device *dev)
{
	fb_ctrl_reset(dev);
	dev->features = 0;
	dev->poison_val = 0;
	fb_partial_clear(dev->partial);
	fb_stats_reset(dev);
	fb_hint_reset(&dev->hint);
}

void fb_device_set_features(struct fb_device *dev, uint64_t features)
{
	dev->features = features;
	if (!fb_device_has(dev, VIRTIO_BALLOON_F_PAGE_POISON))
		dev->poison_val = 0;
}

void fb_device_get_config(const struct fb_device *dev, bool hint_offered,
			  struct virtio_balloon_config *config)
{
	memset(config, 0, sizeof(*config));
	config->num_pages = htole32(dev->num_pages);
	config->actual = htole32(dev->actual);
	if (hint_offered)
		config->free_page_hint_cmd_id = htole32(fb_hint_config(&dev->hint));
	config->poison_val = htole32(dev->poison_val);
}

void fb_device_set_config(struct fb_device *dev, const struct virtio_balloon_config *config)
{
	uint32_t actual = le32toh(config->actual);

	if (fb_device_has(dev, VIRTIO_BALLOON_F_PAGE_POISON))
		dev->poison_val = le32toh(config->poison_val);
	if (actual == dev->actual)
		return;
	dev->actual = actual;
	dev->ops->actual_changed(dev->host, actual);
}

void fb_device_set_target(struct fb_device *dev, uint32_t num_pages)
{
	dev->num_pages = num_pages;
	dev->ops->config_changed(dev->host);
}
