/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio.h - a virtio balloon driver for a guest without firmware or operating system. */
#ifndef FB_BARE_VIRTIO_H
#define FB_BARE_VIRTIO_H

#include <linux/virtio_fastballoon.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#define FB_RING_ENTRIES 8

/**
 * struct fb_balloon - the balloon found on bus 0.
 * @common: its common configuration.
 * @config: its balloon configuration.
 * @notify: where to write a queue's index.
 * @notify_step: bytes between two queues there.
 * @features: what was negotiated.
 */
struct fb_balloon {
	volatile struct virtio_pci_common_cfg *common;
	volatile struct virtio_balloon_config *config;
	volatile __u8 *notify;
	__u32 notify_step;
	__u64 features;
};

/**
 * struct fb_ring - the rings of a queue, as the device sees them.
 */
struct fb_ring {
	struct vring_desc desc[FB_RING_ENTRIES];
	struct {
		__u16 flags;
		__u16 idx;
		__u16 ring[FB_RING_ENTRIES];
		__u16 used_event;
	} avail __attribute__((aligned(4096)));
	struct {
		__u16 flags;
		__u16 idx;
		struct vring_used_elem ring[FB_RING_ENTRIES];
		__u16 avail_event;
	} used __attribute__((aligned(4096)));
};

/** fb_balloon_find() - find the device, give its BARs addresses. Returns 0 or -1. */
int fb_balloon_find(struct fb_balloon *balloon);

/** fb_balloon_negotiate() - accept @wanted of what is offered. Returns 0 or -1. */
int fb_balloon_negotiate(struct fb_balloon *balloon, __u64 wanted);

/** fb_balloon_queue() - set up queue @index with @ring, which is zeroed. */
void fb_balloon_queue(struct fb_balloon *balloon, __u16 index, volatile struct fb_ring *ring);

/** fb_balloon_run() - the driver is ready. */
void fb_balloon_run(struct fb_balloon *balloon);

/** fb_balloon_send() - send one descriptor and wait until the device has returned it. */
void fb_balloon_send(struct fb_balloon *balloon, __u16 index, volatile struct fb_ring *ring,
		     __u32 gpa, __u32 len, __u16 flags);

#endif /* FB_BARE_VIRTIO_H */
