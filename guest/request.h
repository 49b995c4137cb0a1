/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request.h - requests of the host: reading them, and the slots that they take until their
 * replies have been read. Pure, and tested outside the kernel.
 */
#ifndef FB_REQUEST_H
#define FB_REQUEST_H

#include <linux/types.h>
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <stdbool.h>
#include <string.h>
#endif

#include <linux/virtio_fastballoon.h>

/* Requests in work and replies on their way, together. */
#define FB_SLOTS 16

/**
 * struct fb_request - what the host asks for, in the order of this CPU.
 * @type: VIRTIO_FASTBALLOON_REQ_*, or one that we do not know.
 * @flags: of the type.
 * @id: not 0.
 * @arg: arguments of the type.
 */
struct fb_request {
	__u16 type;
	__u16 flags;
	__u32 id;
	__u32 arg[2];
};

/**
 * enum fb_slot_state - what becomes of a request.
 * @FB_SLOT_FREE: nothing; the slot can take one.
 * @FB_SLOT_OPEN: it is in work.
 * @FB_SLOT_READY: its reply is to be sent.
 * @FB_SLOT_SENT: the device has the reply.
 */
enum fb_slot_state { FB_SLOT_FREE, FB_SLOT_OPEN, FB_SLOT_READY, FB_SLOT_SENT };

/**
 * struct fb_slot - a request until its reply has come back.
 * @state: what has become of it.
 * @id: the host's, 0 in a free slot; two open ones may have the same, each gets a reply.
 * @wire: the reply as the device reads it.
 */
struct fb_slot {
	enum fb_slot_state state;
	__u32 id;
	struct virtio_fastballoon_reply wire;
};

/**
 * struct fb_slots - all of them; the user brings a lock.
 * @slot: the slots.
 */
struct fb_slots {
	struct fb_slot slot[FB_SLOTS];
};

const char *fb_request_read(struct fb_request *request, const void *data, unsigned int len);
bool fb_request_valid(const struct fb_request *request);
struct fb_slot *fb_slots_turn(struct fb_slots *slots, enum fb_slot_state from,
			      enum fb_slot_state to);
bool fb_slots_reply(struct fb_slots *slots, __u32 id, __u16 status, __u64 figure);
void fb_slot_clear(struct fb_slot *slot);

#endif
