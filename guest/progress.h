/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress.h - how far the balloon is, why it is not further, and telling the host.
 */
#ifndef FB_PROGRESS_H
#define FB_PROGRESS_H

#include <linux/spinlock.h>

#include <linux/virtio_fastballoon.h>

struct fb_balloon;

/**
 * struct fb_progress - see above.
 * @lock: protects the other fields.
 * @known: the size worker has said something.
 * @reason: VIRTIO_FASTBALLOON_REASON_*.
 * @settled: the driver does not try further by itself.
 * @target_pages: the target.
 * @actual_pages: the balloon's size.
 * @reachable_pages: the largest that it could have, an estimate.
 * @unsent: the host does not know this yet.
 * @in_flight: the device has @wire.
 * @window_start: when the second began in which messages are counted, in jiffies.
 * @window_sent: messages sent in it.
 * @wire: as the device reads it.
 */
struct fb_progress {
	spinlock_t lock;
	bool known;
	u16 reason;
	bool settled;
	u32 target_pages;
	u32 actual_pages;
	u32 reachable_pages;
	bool unsent;
	bool in_flight;
	unsigned long window_start;
	unsigned int window_sent;
	struct virtio_fastballoon_progress wire;
};

void fb_progress_init(struct fb_balloon *fb);
void fb_progress_start(struct fb_balloon *fb);
u16 fb_progress_stall_reason(struct fb_balloon *fb);
void fb_progress_update(struct fb_balloon *fb, u16 reason, bool settled);
const char *fb_progress_reason_name(u16 reason);
struct virtio_fastballoon_progress *fb_progress_take(struct fb_balloon *fb, unsigned int *wait_ms);
void fb_progress_give_back(struct fb_balloon *fb, bool sent);

#endif
