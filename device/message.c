// SPDX-License-Identifier: BSD-3-Clause
/*
 * message.c - what the driver says on the messageq: replies to requests, and its progress.
 *
 * All of it is a guest's claim, kept for the operator and acted on by nobody in here. Replies
 * can't outnumber the requests, since each ends one. Progress can come at any rate; the last
 * one is kept, and the host hears of it at once if FB_CTRL_PROGRESS_MS have passed since it last
 * did, otherwise from fb_ctrl_tick() when they have.
 */
#include <endian.h>
#include <string.h>

#include "ctrl.h"
#include "internal.h"
#include "iov.h"

union fb_message {
	__le16 type;
	struct virtio_fastballoon_reply reply;
	struct virtio_fastballoon_progress progress;
};

void fb_ctrl_pass_progress(struct fb_device *dev, uint64_t now_ms)
{
	struct fb_ctrl *ctrl = &dev->ctrl;

	ctrl->progress_pending = now_ms < ctrl->progress_due_ms;
	if (ctrl->progress_pending)
		return;
	ctrl->progress_due_ms = now_ms + FB_CTRL_PROGRESS_MS;
	if (dev->ops->progress_changed)
		dev->ops->progress_changed(dev->host, &ctrl->progress);
}

static void fb_receive_reply(struct fb_device *dev, const struct virtio_fastballoon_reply *reply)
{
	struct fb_ctrl *ctrl = &dev->ctrl;

	for (unsigned int type = 0; type < FB_CTRL_TYPES; type++) {
		struct fb_ctrl_request *request = &ctrl->requests[type];

		if (request->state != FB_CTRL_SENT || request->id != le32toh(reply->id))
			continue;
		ctrl->replies++;
		request->status = le16toh(reply->status);
		request->figure_bytes = le64toh(reply->figure);
		if (request->status == VIRTIO_FASTBALLOON_STATUS_NOT_SUPPORTED)
			ctrl->unsupported |= 1U << type;
		fb_ctrl_end(dev, request, FB_CTRL_DONE);
		return;
	}
	ctrl->stale_replies++;
}

static void fb_receive_progress(struct fb_device *dev,
				const struct virtio_fastballoon_progress *wire)
{
	const struct fb_ctrl_progress progress = {
		.known = 1,
		.reason = le16toh(wire->reason),
		.flags = le32toh(wire->flags),
		.target_pages = le32toh(wire->target_pages),
		.actual_pages = le32toh(wire->actual_pages),
		.reachable_pages = le32toh(wire->reachable_pages),
	};
	struct fb_ctrl *ctrl = &dev->ctrl;

	ctrl->progresses++;
	if (!memcmp(&progress, &ctrl->progress, sizeof(progress)))
		return;
	ctrl->progress = progress;
	fb_ctrl_pass_progress(dev, dev->ops->now_ms(dev->host));
}

/* Return: why the message is refused, or NULL. */
static const char *fb_receive_message(struct fb_device *dev, const struct fb_buffer *buffer)
{
	union fb_message message;
	struct fb_iov it;
	size_t len;

	if (!fb_device_has(dev, VIRTIO_FASTBALLOON_F_CTRL_VQ))
		return "message without VIRTIO_FASTBALLOON_F_CTRL_VQ";
	if (buffer->in_count)
		return "message with a device-writable part";
	fb_iov_init(&it, buffer->out, buffer->out_count);
	len = fb_iov_read(&it, &message, sizeof(message));
	if (len < sizeof(message.type))
		return "message without a type";
	switch (le16toh(message.type)) {
	case VIRTIO_FASTBALLOON_MSG_REPLY:
		if (len < sizeof(message.reply))
			return "reply is too short";
		fb_receive_reply(dev, &message.reply);
		return NULL;
	case VIRTIO_FASTBALLOON_MSG_PROGRESS:
		if (len < sizeof(message.progress))
			return "progress is too short";
		fb_receive_progress(dev, &message.progress);
		return NULL;
	default:
		return "message of an unknown type";
	}
}

void fb_device_message(struct fb_device *dev, const struct fb_buffer *buffer)
{
	const char *reason = fb_receive_message(dev, buffer);

	if (!reason)
		return;
	dev->counters.refused++;
	dev->ops->guest_error(dev->host, reason);
}
