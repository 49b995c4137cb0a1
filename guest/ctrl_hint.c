// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ctrl_hint.c - the host's requests about free page hints.
 *
 * The hint worker answers command ids as ever; with control queues it goes by the one that both
 * the configuration and the last request name. This file tells it of requests and replies for
 * it. Requests about hints overtake each other: only the last one is open.
 */
#include "fastballoon.h"

/* The open request is none any more; returns whether there was one, and which. */
static bool fb_ctrl_hint_close(struct fb_ctrl *ctrl, u32 cmd_id, bool any, u32 *id)
{
	bool closed;

	spin_lock(&ctrl->lock);
	closed = ctrl->hint_open && (any || ctrl->hint_cmd_id == cmd_id);
	*id = ctrl->hint_id;
	if (closed)
		ctrl->hint_open = false;
	spin_unlock(&ctrl->lock);
	return closed;
}

static void fb_ctrl_hint_open(struct fb_ctrl *ctrl, u32 cmd_id, u32 id, u64 base_pages)
{
	spin_lock(&ctrl->lock);
	ctrl->hint_open = true;
	ctrl->hint_id = id;
	ctrl->hint_cmd_id = cmd_id;
	ctrl->hint_base_pages = base_pages;
	spin_unlock(&ctrl->lock);
}

static u64 fb_ctrl_hinted_pages(struct fb_balloon *fb)
{
	return atomic64_read(&fb->counters.values[FB_C_hinted_pages]);
}

/**
 * fb_ctrl_hint() - begin with a request. Control worker only.
 * @fb: the balloon.
 * @request: a valid one of type VIRTIO_FASTBALLOON_REQ_HINT_*.
 *
 * Return: a status, or FB_REPLY_LATER.
 */
int fb_ctrl_hint(struct fb_balloon *fb, const struct fb_request *request)
{
	struct fb_ctrl *ctrl = &fb->ctrl;
	u32 cmd_id = request->arg[0], old_id, config_id;

	if (!fb_queue_exists(&fb->hint.queue))
		return VIRTIO_FASTBALLOON_STATUS_NOT_SUPPORTED;
	if (fb_ctrl_hint_close(ctrl, 0, true, &old_id))
		fb_ctrl_reply(fb, old_id, VIRTIO_FASTBALLOON_STATUS_CANCELED,
			      (fb_ctrl_hinted_pages(fb) - ctrl->hint_base_pages) << PAGE_SHIFT);
	switch (request->type) {
	case VIRTIO_FASTBALLOON_REQ_HINT_START:
		config_id = fb_hint_read_id(fb);
		if (config_id != cmd_id || cmd_id == READ_ONCE(fb->hint.answered_id))
			return VIRTIO_FASTBALLOON_STATUS_CANCELED;
		fb_ctrl_hint_open(ctrl, cmd_id, request->id, fb_ctrl_hinted_pages(fb));
		fb_hint_ask(fb, cmd_id, request->arg[1],
			    request->flags & VIRTIO_FASTBALLOON_HINT_HELD);
		return FB_REPLY_LATER;
	case VIRTIO_FASTBALLOON_REQ_HINT_DONE:
		fb_ctrl_hint_open(ctrl, VIRTIO_BALLOON_CMD_ID_DONE, request->id, 0);
		fb_hint_ask(fb, VIRTIO_BALLOON_CMD_ID_DONE, 0, false);
		return FB_REPLY_LATER;
	default:
		fb_hint_ask(fb, VIRTIO_BALLOON_CMD_ID_STOP, 0, false);
		return VIRTIO_FASTBALLOON_STATUS_OK;
	}
}

/**
 * fb_ctrl_hint_ended() - the hint worker has done what a request asks for.
 * @fb: the balloon.
 * @cmd_id: the id of the round, or VIRTIO_BALLOON_CMD_ID_DONE.
 * @status: VIRTIO_FASTBALLOON_STATUS_*.
 * @pages: hinted in the round, or released.
 */
void fb_ctrl_hint_ended(struct fb_balloon *fb, u32 cmd_id, u16 status, unsigned long pages)
{
	u32 id;

	if (fb_ctrl_hint_close(&fb->ctrl, cmd_id, false, &id))
		fb_ctrl_reply(fb, id, status, (u64)pages << PAGE_SHIFT);
}
