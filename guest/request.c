// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * request.c - requests of the host: reading them, and the slots that they take until their
 * replies have been read.
 *
 *   FREE  --a request came-->  OPEN  --fb_slots_reply()-->  READY  --sent-->  SENT  --back-->  FREE
 */
#include <asm/byteorder.h>

#include "request.h"

/* Minimum orders from here on make no sense: a page number has 52 bits. */
#define FB_REQUEST_MAX_ORDER 51

/**
 * fb_request_read() - copy a request out of a buffer, once.
 * @request: receives it.
 * @data: what the device wrote.
 * @len: how many bytes it says it wrote.
 *
 * Return: NULL, or why it is no request.
 */
const char *fb_request_read(struct fb_request *request, const void *data, unsigned int len)
{
	struct virtio_fastballoon_request wire;

	if (len < sizeof(wire))
		return "it is too short";
	memcpy(&wire, data, sizeof(wire));
	request->type = __le16_to_cpu(wire.type);
	request->flags = __le16_to_cpu(wire.flags);
	request->id = __le32_to_cpu(wire.id);
	request->arg[0] = __le32_to_cpu(wire.arg[0]);
	request->arg[1] = __le32_to_cpu(wire.arg[1]);
	return request->id ? NULL : "its id is 0";
}

/** fb_request_valid() - whether flags and arguments are such as the type has, if we know it. */
bool fb_request_valid(const struct fb_request *request)
{
	const __u32 caches = VIRTIO_FASTBALLOON_CACHE_PAGES | VIRTIO_FASTBALLOON_CACHE_SLAB;
	const __u32 *arg = request->arg;

	switch (request->type) {
	case VIRTIO_FASTBALLOON_REQ_HINT_START:
		return !(request->flags & ~VIRTIO_FASTBALLOON_HINT_HELD) &&
		       arg[1] <= FB_REQUEST_MAX_ORDER;
	case VIRTIO_FASTBALLOON_REQ_HINT_STOP:
	case VIRTIO_FASTBALLOON_REQ_HINT_DONE:
		return !request->flags && !arg[1];
	case VIRTIO_FASTBALLOON_REQ_DROP_CACHES:
		return !request->flags && arg[0] && !(arg[0] & ~caches) && !arg[1];
	case VIRTIO_FASTBALLOON_REQ_COMPACT:
		return !request->flags && !arg[0] && !arg[1];
	case VIRTIO_FASTBALLOON_REQ_INFLATE:
		return !(request->flags & ~VIRTIO_FASTBALLOON_INFLATE_BEST_EFFORT);
	default:
		return true;
	}
}

/**
 * fb_slots_turn() - find a slot in a state and give it another one.
 * @slots: the slots.
 * @from: the state to look for.
 * @to: its new state.
 *
 * Return: the slot, or NULL where none is in that state.
 */
struct fb_slot *fb_slots_turn(struct fb_slots *slots, enum fb_slot_state from,
			      enum fb_slot_state to)
{
	unsigned int i;

	for (i = 0; i < FB_SLOTS; i++) {
		if (slots->slot[i].state == from) {
			slots->slot[i].state = to;
			return &slots->slot[i];
		}
	}
	return NULL;
}

/**
 * fb_slots_reply() - write the reply to an open request.
 * @slots: the slots.
 * @id: the request's id, not 0.
 * @status: VIRTIO_FASTBALLOON_STATUS_*.
 * @figure: what the protocol says for the request's type.
 *
 * Return: whether there was such a request.
 */
bool fb_slots_reply(struct fb_slots *slots, __u32 id, __u16 status, __u64 figure)
{
	unsigned int i;

	for (i = 0; i < FB_SLOTS; i++) {
		struct fb_slot *slot = &slots->slot[i];

		if (slot->state != FB_SLOT_OPEN || slot->id != id)
			continue;
		slot->wire.type = __cpu_to_le16(VIRTIO_FASTBALLOON_MSG_REPLY);
		slot->wire.status = __cpu_to_le16(status);
		slot->wire.id = __cpu_to_le32(id);
		slot->wire.figure = __cpu_to_le64(figure);
		slot->state = FB_SLOT_READY;
		return true;
	}
	return false;
}

/** fb_slot_clear() - the slot can take another request. */
void fb_slot_clear(struct fb_slot *slot)
{
	slot->state = FB_SLOT_FREE;
	slot->id = 0;
}
