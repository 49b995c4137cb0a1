/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctrl.h - the control queues: the host's requests, our replies and progress.
 */
#ifndef FB_CTRL_H
#define FB_CTRL_H

#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/workqueue.h>

#include <linux/virtio_fastballoon.h>

#include "request.h"

struct fb_balloon;

/* Buffers on the requestq. */
#define FB_CTRL_ROOMS 8
/**
 * struct fb_ctrl - see above; the control worker's, if nothing else is said.
 * @requests: the requestq, or NULL where the device has no control queues.
 * @messages: the messageq.
 * @work: the control worker, the only user of both.
 * @lock: protects @slots, and @hint_open to @hint_base_pages.
 * @slots: requests without a reply that has come back.
 * @hint_open: the last HINT_* request is without a reply.
 * @hint_id: its id.
 * @hint_cmd_id: the command id that it waits for.
 * @hint_base_pages: the counter of hinted pages when it came.
 * @in_flight: messages that the device has.
 * @kicks_left: how often the device is reminded of them.
 * @rooms: what the device writes requests into.
 */
struct fb_ctrl {
	struct virtqueue *requests;
	struct virtqueue *messages;
	struct delayed_work work;
	spinlock_t lock;
	struct fb_slots slots;
	bool hint_open;
	u32 hint_id;
	u32 hint_cmd_id;
	u64 hint_base_pages;
	unsigned int in_flight;
	unsigned int kicks_left;
	u8 rooms[FB_CTRL_ROOMS][VIRTIO_FASTBALLOON_REQUEST_ROOM];
};

/* Returned instead of a status by what replies later. */
#define FB_REPLY_LATER (-1)

void fb_ctrl_init(struct fb_balloon *fb);
void fb_ctrl_start(struct fb_balloon *fb, struct virtqueue *requests, struct virtqueue *messages);
void fb_ctrl_quiesce(struct fb_balloon *fb);
void fb_ctrl_stop(struct fb_balloon *fb);
void fb_ctrl_callback(struct virtqueue *vq);
void fb_ctrl_wake(struct fb_balloon *fb, unsigned int delay_ms);
void fb_ctrl_reply(struct fb_balloon *fb, u32 id, u16 status, u64 figure_bytes);

/* Requests about hints: ctrl_hint.c. */
int fb_ctrl_hint(struct fb_balloon *fb, const struct fb_request *request);
void fb_ctrl_hint_ended(struct fb_balloon *fb, u32 cmd_id, u16 status, unsigned long pages);

#endif
