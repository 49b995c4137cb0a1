// SPDX-License-Identifier: BSD-3-Clause
/*
 * ctrl.c - requests to the driver over the requestq (docs/protocol.md, section 10).
 *
 * Theory of operation. There is a slot for each type of request, which holds the last one of
 * that type:
 *
 *   NONE, DONE,   --fb_ctrl_request(), or a change of the hint state-->   QUEUED
 *   TIMED_OUT,
 *   VOID
 *   QUEUED        --fb_ctrl_next_request(): the driver has a buffer-->    SENT
 *   SENT          --the driver's reply (message.c)-->                     DONE
 *   QUEUED, SENT  --fb_ctrl_tick(), the deadline has passed-->            TIMED_OUT
 *   QUEUED, SENT  --reset, loaded, a later INFLATE or HINT_*-->           VOID
 *
 * So a driver that takes no buffers or gives no replies costs a slot, no matter how long or how
 * often it is asked, and a reply counts only if its id is that of a slot in state SENT.
 *
 * HINT_* requests are not made by the operator and are never QUEUED. What the driver was told
 * last is compared with what the configuration shows (fb_hint_config()); where that differs, the
 * request that tells it is written straight into the driver's next buffer. A round that has
 * ended before the driver could be told of it is thus never announced.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "ctrl.h"
#include "internal.h"
#include "iov.h"

void fb_ctrl_init(struct fb_device *dev)
{
	for (unsigned int type = 0; type < FB_CTRL_TYPES; type++)
		dev->ctrl.requests[type].type = type;
	dev->ctrl.hint_told = VIRTIO_BALLOON_CMD_ID_STOP;
	dev->ctrl.hint_known = true;
}

static bool fb_ctrl_is_open(const struct fb_ctrl_request *request)
{
	return request->state == FB_CTRL_QUEUED || request->state == FB_CTRL_SENT;
}

void fb_ctrl_end(struct fb_device *dev, struct fb_ctrl_request *request, enum fb_ctrl_state state)
{
	request->state = state;
	request->ended_ms = dev->ops->now_ms(dev->host);
	if (dev->ops->request_done)
		dev->ops->request_done(dev->host, request);
}

static void fb_ctrl_give_up_all(struct fb_device *dev)
{
	for (unsigned int type = 0; type < FB_CTRL_TYPES; type++) {
		if (fb_ctrl_is_open(&dev->ctrl.requests[type]))
			fb_ctrl_end(dev, &dev->ctrl.requests[type], FB_CTRL_VOID);
	}
}

void fb_ctrl_reset(struct fb_device *dev)
{
	struct fb_ctrl *ctrl = &dev->ctrl;

	fb_ctrl_give_up_all(dev);
	memset(&ctrl->progress, 0, sizeof(ctrl->progress));
	ctrl->progress_pending = false;
	ctrl->unsupported = 0;
	ctrl->hint_told = VIRTIO_BALLOON_CMD_ID_STOP;
	ctrl->hint_known = true;
}

void fb_ctrl_loaded(struct fb_device *dev)
{
	struct fb_ctrl *ctrl = &dev->ctrl;

	fb_ctrl_give_up_all(dev);
	if (ctrl->last_id > FB_CTRL_ID_MAX)
		ctrl->last_id = 0;
	ctrl->progress_pending = false;
	ctrl->hint_known = false;
}

/* Make the slot of @type that of a new request. */
static struct fb_ctrl_request *fb_ctrl_begin(struct fb_device *dev, unsigned int type)
{
	struct fb_ctrl_request *request = &dev->ctrl.requests[type];
	uint32_t *last_id = &dev->ctrl.last_id;

	if (fb_ctrl_is_open(request))
		fb_ctrl_end(dev, request, FB_CTRL_VOID);
	*last_id = *last_id < FB_CTRL_ID_MAX ? *last_id + 1 : 1;
	*request = (struct fb_ctrl_request){
		.type = type,
		.state = FB_CTRL_QUEUED,
		.id = *last_id,
		.asked_ms = dev->ops->now_ms(dev->host),
		.deadline_ms = UINT64_MAX,
	};
	return request;
}

/* Whether the arguments are those of @type and in range. */
static bool fb_ctrl_args_fit(unsigned int type, const struct fb_ctrl_args *args)
{
	const uint32_t all = VIRTIO_FASTBALLOON_CACHE_PAGES | VIRTIO_FASTBALLOON_CACHE_SLAB;

	switch (type) {
	case VIRTIO_FASTBALLOON_REQ_DROP_CACHES:
		return args->caches && !(args->caches & ~all) && !args->best_effort;
	case VIRTIO_FASTBALLOON_REQ_COMPACT:
		return !args->caches && !args->best_effort;
	case VIRTIO_FASTBALLOON_REQ_INFLATE:
		return !args->caches;
	default:
		return false;
	}
}

static void fb_ctrl_fill_inflate(struct fb_ctrl_request *request, const struct fb_ctrl_args *args)
{
	request->flags = args->best_effort ? VIRTIO_FASTBALLOON_INFLATE_BEST_EFFORT : 0;
	request->arg[1] = args->timeout_ms;
	if (args->timeout_ms)
		request->deadline_ms = request->asked_ms + args->timeout_ms + FB_CTRL_GRACE_MS;
}

int fb_ctrl_request(struct fb_device *dev, unsigned int type, const struct fb_ctrl_args *args)
{
	struct fb_ctrl_request *request;

	if (!fb_ctrl_args_fit(type, args))
		return -EINVAL;
	if (!fb_device_has(dev, VIRTIO_FASTBALLOON_F_CTRL_VQ) || dev->ctrl.unsupported >> type & 1)
		return -ENOTSUP;
	if (type != VIRTIO_FASTBALLOON_REQ_INFLATE && fb_ctrl_is_open(&dev->ctrl.requests[type]))
		return -EBUSY;
	request = fb_ctrl_begin(dev, type);
	if (type == VIRTIO_FASTBALLOON_REQ_INFLATE) {
		fb_ctrl_fill_inflate(request, args);
	} else {
		uint32_t timeout_ms = args->timeout_ms ? args->timeout_ms : FB_CTRL_TIMEOUT_MS;

		request->arg[0] = args->caches;
		request->deadline_ms = request->asked_ms + timeout_ms;
	}
	return request->id;
}

/* The HINT_* request that the driver has to get; 0 where it knows how things are. */
static unsigned int fb_ctrl_hint_type(const struct fb_device *dev)
{
	const struct fb_ctrl *ctrl = &dev->ctrl;
	uint32_t config = fb_hint_config(&dev->hint);
	unsigned int type;

	if (!fb_device_has(dev, VIRTIO_BALLOON_F_FREE_PAGE_HINT))
		return 0;
	if (ctrl->hint_known && ctrl->hint_told == config)
		return 0;
	if (config == VIRTIO_BALLOON_CMD_ID_DONE)
		type = VIRTIO_FASTBALLOON_REQ_HINT_DONE;
	else if (config != VIRTIO_BALLOON_CMD_ID_STOP)
		type = VIRTIO_FASTBALLOON_REQ_HINT_START;
	else if (ctrl->hint_known && dev->hint.driver_stopped)
		return 0;
	else
		type = VIRTIO_FASTBALLOON_REQ_HINT_STOP;
	return ctrl->unsupported >> type & 1 ? 0 : type;
}

static void fb_ctrl_begin_hint(struct fb_device *dev, unsigned int type)
{
	struct fb_ctrl_request *request = fb_ctrl_begin(dev, type);

	request->arg[0] = dev->hint.cmd_id;
	if (type == VIRTIO_FASTBALLOON_REQ_HINT_START) {
		request->arg[1] = dev->hint.min_order;
		request->flags = dev->hint.held ? VIRTIO_FASTBALLOON_HINT_HELD : 0;
	}
	dev->ctrl.hint_told = fb_hint_config(&dev->hint);
	dev->ctrl.hint_known = true;
}

/* The type of the request to send next; 0 for none. Hints go first: a migration waits. */
static unsigned int fb_ctrl_next_type(const struct fb_device *dev)
{
	unsigned int type;

	if (!fb_device_has(dev, VIRTIO_FASTBALLOON_F_CTRL_VQ))
		return 0;
	type = fb_ctrl_hint_type(dev);
	if (type)
		return type;
	for (type = 1; type < FB_CTRL_TYPES; type++) {
		if (dev->ctrl.requests[type].state == FB_CTRL_QUEUED)
			return type;
	}
	return 0;
}

bool fb_ctrl_has_request(const struct fb_device *dev)
{
	return fb_ctrl_next_type(dev);
}

size_t fb_ctrl_next_request(struct fb_device *dev, const struct iovec *in, unsigned int in_count)
{
	unsigned int type = fb_ctrl_next_type(dev);
	struct fb_ctrl_request *request = &dev->ctrl.requests[type];
	struct virtio_fastballoon_request wire;

	if (!type)
		return 0;
	if (fb_iov_size(in, in_count) < sizeof(wire)) {
		dev->counters.refused++;
		dev->ops->guest_error(dev->host, "buffer of the requestq is too short");
		return 0;
	}
	if (type <= VIRTIO_FASTBALLOON_REQ_HINT_DONE)
		fb_ctrl_begin_hint(dev, type);
	else if (type == VIRTIO_FASTBALLOON_REQ_INFLATE)
		request->arg[0] = dev->num_pages;
	wire.type = htole16(type);
	wire.flags = htole16(request->flags);
	wire.id = htole32(request->id);
	wire.arg[0] = htole32(request->arg[0]);
	wire.arg[1] = htole32(request->arg[1]);
	fb_iov_write(in, in_count, &wire, sizeof(wire));
	request->state = FB_CTRL_SENT;
	dev->ctrl.sent++;
	return sizeof(wire);
}

const struct fb_ctrl_request *fb_ctrl_last(const struct fb_device *dev, unsigned int type)
{
	return type && type < FB_CTRL_TYPES ? &dev->ctrl.requests[type] : NULL;
}

uint64_t fb_ctrl_tick(struct fb_device *dev)
{
	uint64_t next_ms = UINT64_MAX;
	uint64_t now_ms;

	if (!fb_device_has(dev, VIRTIO_FASTBALLOON_F_CTRL_VQ))
		return UINT64_MAX;
	now_ms = dev->ops->now_ms(dev->host);
	for (unsigned int type = 0; type < FB_CTRL_TYPES; type++) {
		struct fb_ctrl_request *request = &dev->ctrl.requests[type];

		if (!fb_ctrl_is_open(request))
			continue;
		if (request->deadline_ms <= now_ms)
			fb_ctrl_end(dev, request, FB_CTRL_TIMED_OUT);
		else if (request->deadline_ms < next_ms)
			next_ms = request->deadline_ms;
	}
	if (dev->ctrl.progress_pending)
		fb_ctrl_pass_progress(dev, now_ms);
	if (dev->ctrl.progress_pending && dev->ctrl.progress_due_ms < next_ms)
		next_ms = dev->ctrl.progress_due_ms;
	return next_ms;
}
