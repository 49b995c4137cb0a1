/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vqs.h - finding virtqueues, whose interface changed with Linux 6.11.
 */
#ifndef FB_COMPAT_VQS_H
#define FB_COMPAT_VQS_H

#include <linux/version.h>
#include <linux/virtio_config.h>

/**
 * struct fb_vq_want - a virtqueue that the driver wants.
 * @name: shown in /proc/interrupts; NULL where the device has no such queue.
 * @callback: runs in interrupt context when buffers come back.
 */
struct fb_vq_want {
	const char *name;
	vq_callback_t *callback;
};

#define FB_VQS_MAX 7

/**
 * fb_find_vqs() - make the device's virtqueues.
 * @vdev: the device.
 * @nr: queues, up to FB_VQS_MAX. Unnamed ones take no queue number.
 * @vqs: receives @nr pointers, NULL for unnamed queues.
 * @want: @nr descriptions.
 *
 * Return: 0 or a negative errno of the transport.
 */
static inline int fb_find_vqs(struct virtio_device *vdev, unsigned int nr, struct virtqueue *vqs[],
			      const struct fb_vq_want *want)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	struct virtqueue_info info[FB_VQS_MAX] = {};
	unsigned int i;

	for (i = 0; i < nr; i++) {
		info[i].name = want[i].name;
		info[i].callback = want[i].callback;
	}
	return virtio_find_vqs(vdev, nr, vqs, info, NULL);
#else
	vq_callback_t *callbacks[FB_VQS_MAX];
	const char *names[FB_VQS_MAX];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		names[i] = want[i].name;
		callbacks[i] = want[i].callback;
	}
	return virtio_find_vqs(vdev, nr, vqs, callbacks, names, NULL);
#endif
}

#endif
