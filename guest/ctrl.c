// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ctrl.c - the control queues: the host's requests, our replies and progress.
 *
 * Theory of operation. A request takes a slot, which it keeps until the device has read the
 * reply (request.c). Where no slot is free, requests stay in the ring. So a host that asks
 * without end, or does not read the replies, costs FB_SLOTS slots and one run of the worker for FB_CTRL_BURST
 * requests. The buffer of a request goes back to the ring before anything is done about it.
 *
 * The worker waits for nobody: what takes long is done by the workers of others, who reply when
 * they are done. The device gives its requests up at a reset, so the slots are emptied then.
 */
#include <linux/jiffies.h>
#include <linux/scatterlist.h>

#include "fastballoon.h"

/* Requests that one run of the worker takes. */
#define FB_CTRL_BURST 16

/* A device that was migrated may have lost a kick: it gets a few more. */
#define FB_CTRL_REMIND_MS 1000
#define FB_CTRL_REMINDERS 5

/** fb_ctrl_callback() - a control queue has news. Interrupt context. */
void fb_ctrl_callback(struct virtqueue *vq)
{
	fb_ctrl_wake(vq->vdev->priv, 0);
}

/** fb_ctrl_wake() - let the control worker send what there is. Any context. */
void fb_ctrl_wake(struct fb_balloon *fb, unsigned int delay_ms)
{
	if (READ_ONCE(fb->ctrl.messages))
		fb_queue_delayed_work(fb, &fb->ctrl.work, delay_ms);
}

/**
 * fb_ctrl_reply() - reply to a request.
 * @fb: the balloon.
 * @id: the request's.
 * @status: VIRTIO_FASTBALLOON_STATUS_*.
 * @figure_bytes: what the protocol says for the request's type.
 */
void fb_ctrl_reply(struct fb_balloon *fb, u32 id, u16 status, u64 figure_bytes)
{
	struct fb_ctrl *ctrl = &fb->ctrl;

	spin_lock(&ctrl->lock);
	fb_slots_reply(&ctrl->slots, id, status, figure_bytes);
	spin_unlock(&ctrl->lock);
	fb_ctrl_wake(fb, 0);
}

static struct fb_slot *fb_ctrl_turn_slot(struct fb_ctrl *ctrl, enum fb_slot_state from,
					 enum fb_slot_state to)
{
	struct fb_slot *slot;

	spin_lock(&ctrl->lock);
	slot = fb_slots_turn(&ctrl->slots, from, to);
	spin_unlock(&ctrl->lock);
	return slot;
}

static void fb_ctrl_clear_slot(struct fb_ctrl *ctrl, struct fb_slot *slot)
{
	spin_lock(&ctrl->lock);
	fb_slot_clear(slot);
	spin_unlock(&ctrl->lock);
}

static bool fb_ctrl_allowed(u16 type)
{
	switch (type) {
	case VIRTIO_FASTBALLOON_REQ_DROP_CACHES:
	case VIRTIO_FASTBALLOON_REQ_COMPACT:
		return fb_param_ctrl_requests() == FB_REQUESTS_ALL;
	case VIRTIO_FASTBALLOON_REQ_INFLATE:
		return fb_param_ctrl_requests() != FB_REQUESTS_NONE;
	default:
		return true;
	}
}

static int fb_ctrl_inflate(struct fb_balloon *fb, const struct fb_request *request)
{
	bool best_effort = request->flags & VIRTIO_FASTBALLOON_INFLATE_BEST_EFFORT;
	u32 num_pages;

	virtio_cread_le(fb->vdev, struct virtio_balloon_config, num_pages, &num_pages);
	if (num_pages != request->arg[0])
		return VIRTIO_FASTBALLOON_STATUS_CANCELED;
	fb_goal_ask(fb, request->id, num_pages, request->arg[1], best_effort);
	return FB_REPLY_LATER;
}

/* Begin to do what is asked; returns a status, or FB_REPLY_LATER. */
static int fb_ctrl_dispatch(struct fb_balloon *fb, const struct fb_request *request)
{
	if (!fb_request_valid(request))
		return VIRTIO_FASTBALLOON_STATUS_INVALID;
	if (!fb_ctrl_allowed(request->type))
		return VIRTIO_FASTBALLOON_STATUS_DENIED;
	switch (request->type) {
	case VIRTIO_FASTBALLOON_REQ_HINT_START:
	case VIRTIO_FASTBALLOON_REQ_HINT_STOP:
	case VIRTIO_FASTBALLOON_REQ_HINT_DONE:
		return fb_ctrl_hint(fb, request);
	case VIRTIO_FASTBALLOON_REQ_DROP_CACHES:
	case VIRTIO_FASTBALLOON_REQ_COMPACT:
		return fb_caches_ask(fb, request);
	case VIRTIO_FASTBALLOON_REQ_INFLATE:
		return fb_ctrl_inflate(fb, request);
	default:
		return VIRTIO_FASTBALLOON_STATUS_NOT_SUPPORTED;
	}
}

static void fb_ctrl_refuse(struct fb_balloon *fb, const char *what)
{
	fb_count(&fb->counters, FB_C_ctrl_refused, 1);
	dev_notice_ratelimited(&fb->vdev->dev, "request of the host refused: %s\n", what);
}

static void fb_ctrl_offer_room(struct fb_balloon *fb, void *room)
{
	struct virtqueue *vq = fb->ctrl.requests;
	struct scatterlist sg;

	sg_init_one(&sg, room, VIRTIO_FASTBALLOON_REQUEST_ROOM);
	if (virtqueue_add_inbuf(vq, &sg, 1, room, GFP_KERNEL))
		fb_ctrl_refuse(fb, "the requestq is broken");
}

/* One request, in a buffer with @len bytes from the device; @slot is OPEN for it. */
static void fb_ctrl_take(struct fb_balloon *fb, struct fb_slot *slot, void *room, unsigned int len)
{
	struct fb_request request;
	const char *wrong = fb_request_read(&request, room, len);
	int status;

	fb_ctrl_offer_room(fb, room);
	if (wrong) {
		fb_ctrl_refuse(fb, wrong);
		fb_ctrl_clear_slot(&fb->ctrl, slot);
		return;
	}
	fb_count(&fb->counters, FB_C_ctrl_requests, 1);
	spin_lock(&fb->ctrl.lock);
	slot->id = request.id;
	spin_unlock(&fb->ctrl.lock);
	status = fb_ctrl_dispatch(fb, &request);
	if (status == VIRTIO_FASTBALLOON_STATUS_INVALID)
		fb_ctrl_refuse(fb, "flags or arguments out of range");
	if (status == VIRTIO_FASTBALLOON_STATUS_DENIED)
		fb_ctrl_refuse(fb, "ctrl_requests forbids it");
	if (status != FB_REPLY_LATER)
		fb_ctrl_reply(fb, request.id, status, 0);
}

/* Take requests; returns whether there may be more and room for them. */
static bool fb_ctrl_receive(struct fb_balloon *fb)
{
	struct fb_ctrl *ctrl = &fb->ctrl;
	unsigned int taken, len;

	for (taken = 0; taken < FB_CTRL_BURST; taken++) {
		struct fb_slot *slot = fb_ctrl_turn_slot(ctrl, FB_SLOT_FREE, FB_SLOT_OPEN);
		void *room = slot ? virtqueue_get_buf(ctrl->requests, &len) : NULL;

		if (!room) {
			if (slot)
				fb_ctrl_clear_slot(ctrl, slot);
			break;
		}
		fb_ctrl_take(fb, slot, room, len);
	}
	if (taken)
		virtqueue_kick(ctrl->requests);
	return taken == FB_CTRL_BURST;
}

static bool fb_ctrl_add(struct fb_ctrl *ctrl, void *wire, unsigned int len, void *token)
{
	struct scatterlist sg;

	sg_init_one(&sg, wire, len);
	if (virtqueue_add_outbuf(ctrl->messages, &sg, 1, token, GFP_KERNEL))
		return false;
	ctrl->in_flight++;
	ctrl->kicks_left = FB_CTRL_REMINDERS;
	return true;
}

/* Take messages back from the device; returns whether there were any. */
static bool fb_ctrl_reap(struct fb_balloon *fb)
{
	struct fb_ctrl *ctrl = &fb->ctrl;
	bool any = false;
	unsigned int len;
	void *token;

	while ((token = virtqueue_get_buf(ctrl->messages, &len))) {
		any = true;
		ctrl->in_flight--;
		if (token == &fb->progress)
			fb_progress_give_back(fb, true);
		else
			fb_ctrl_clear_slot(ctrl, token);
	}
	return any;
}

/* Send what there is. Returns how long to wait for what may be sent later only, else 0. */
static unsigned int fb_ctrl_send(struct fb_balloon *fb)
{
	struct virtio_fastballoon_progress *progress;
	struct fb_ctrl *ctrl = &fb->ctrl;
	unsigned int wait_ms;
	struct fb_slot *slot;

	progress = fb_progress_take(fb, &wait_ms);
	if (progress) {
		fb_count(&fb->counters, FB_C_ctrl_progresses, 1);
		if (!fb_ctrl_add(ctrl, progress, sizeof(*progress), &fb->progress))
			fb_progress_give_back(fb, false);
	}
	while ((slot = fb_ctrl_turn_slot(ctrl, FB_SLOT_READY, FB_SLOT_SENT))) {
		if (!fb_ctrl_add(ctrl, &slot->wire, sizeof(slot->wire), slot)) {
			spin_lock(&ctrl->lock);
			slot->state = FB_SLOT_READY;
			spin_unlock(&ctrl->lock);
			break;
		}
		fb_count(&fb->counters, FB_C_ctrl_replies, 1);
	}
	virtqueue_kick(ctrl->messages);
	return wait_ms;
}

static void fb_ctrl_work(struct work_struct *work)
{
	struct fb_balloon *fb = container_of(work, struct fb_balloon, ctrl.work.work);
	struct fb_ctrl *ctrl = &fb->ctrl;
	unsigned int wait_ms;
	bool more;

	if (fb_stopping(fb))
		return;
	if (!fb_ctrl_reap(fb) && ctrl->in_flight && ctrl->kicks_left) {
		ctrl->kicks_left--;
		virtqueue_notify(ctrl->messages);
	}
	more = fb_ctrl_receive(fb);
	wait_ms = fb_ctrl_send(fb);
	if (more)
		fb_ctrl_wake(fb, 0);
	else if (wait_ms)
		fb_ctrl_wake(fb, wait_ms);
	else if (ctrl->in_flight && ctrl->kicks_left)
		fb_ctrl_wake(fb, FB_CTRL_REMIND_MS);
}

/** fb_ctrl_init() - prepare, before there are virtqueues. */
void fb_ctrl_init(struct fb_balloon *fb)
{
	spin_lock_init(&fb->ctrl.lock);
	INIT_DELAYED_WORK(&fb->ctrl.work, fb_ctrl_work);
}

/**
 * fb_ctrl_start() - take requests from now on.
 * @fb: the balloon; the device is ready.
 * @requests: the requestq, or NULL where the device has no control queues.
 * @messages: the messageq.
 */
void fb_ctrl_start(struct fb_balloon *fb, struct virtqueue *requests, struct virtqueue *messages)
{
	struct fb_ctrl *ctrl = &fb->ctrl;
	unsigned int i, rooms;

	if (!requests || !messages)
		return;
	ctrl->requests = requests;
	WRITE_ONCE(ctrl->messages, messages);
	rooms = min_t(unsigned int, FB_CTRL_ROOMS, virtqueue_get_vring_size(requests));
	for (i = 0; i < rooms; i++)
		fb_ctrl_offer_room(fb, ctrl->rooms[i]);
	virtqueue_kick(requests);
	fb_ctrl_wake(fb, 0);
}

/** fb_ctrl_quiesce() - returns when the worker does not run; it is not queued any more. */
void fb_ctrl_quiesce(struct fb_balloon *fb)
{
	cancel_delayed_work_sync(&fb->ctrl.work);
	fb_caches_quiesce(fb);
}

static void fb_ctrl_detach(struct virtqueue *vq)
{
	unsigned int len;

	while (virtqueue_get_buf(vq, &len) || virtqueue_detach_unused_buf(vq))
		;
}

/** fb_ctrl_stop() - forget all requests. The device has been reset. */
void fb_ctrl_stop(struct fb_balloon *fb)
{
	struct fb_ctrl *ctrl = &fb->ctrl;

	if (!ctrl->messages)
		return;
	fb_ctrl_detach(ctrl->requests);
	fb_ctrl_detach(ctrl->messages);
	memset(&ctrl->slots, 0, sizeof(ctrl->slots));
	ctrl->hint_open = false;
	ctrl->in_flight = 0;
	ctrl->requests = NULL;
	WRITE_ONCE(ctrl->messages, NULL);
}
