// SPDX-License-Identifier: BSD-3-Clause
/* ctrl_name.c - words for what goes over the control queues, for the operator. */
#include "fastballoon_device.h"

static const char *const fb_ctrl_type_names[] = {
	[VIRTIO_FASTBALLOON_REQ_HINT_START] = "hint-start",
	[VIRTIO_FASTBALLOON_REQ_HINT_STOP] = "hint-stop",
	[VIRTIO_FASTBALLOON_REQ_HINT_DONE] = "hint-done",
	[VIRTIO_FASTBALLOON_REQ_DROP_CACHES] = "drop-caches",
	[VIRTIO_FASTBALLOON_REQ_COMPACT] = "compact",
	[VIRTIO_FASTBALLOON_REQ_INFLATE] = "inflate",
};

static const char *const fb_ctrl_state_names[] = {
	[FB_CTRL_NONE] = "none", [FB_CTRL_QUEUED] = "queued",       [FB_CTRL_SENT] = "sent",
	[FB_CTRL_DONE] = "done", [FB_CTRL_TIMED_OUT] = "timed-out", [FB_CTRL_VOID] = "void",
};

static const char *const fb_ctrl_status_names[] = {
	[VIRTIO_FASTBALLOON_STATUS_OK] = "ok",
	[VIRTIO_FASTBALLOON_STATUS_PARTIAL] = "partial",
	[VIRTIO_FASTBALLOON_STATUS_BUSY] = "busy",
	[VIRTIO_FASTBALLOON_STATUS_NOT_SUPPORTED] = "not-supported",
	[VIRTIO_FASTBALLOON_STATUS_INVALID] = "invalid",
	[VIRTIO_FASTBALLOON_STATUS_CANCELED] = "canceled",
	[VIRTIO_FASTBALLOON_STATUS_TIMEOUT] = "timeout",
	[VIRTIO_FASTBALLOON_STATUS_NO_MEMORY] = "no-memory",
	[VIRTIO_FASTBALLOON_STATUS_DENIED] = "denied",
	[VIRTIO_FASTBALLOON_STATUS_FAILED] = "failed",
};

static const char *const fb_ctrl_reason_names[] = {
	[VIRTIO_FASTBALLOON_REASON_NONE] = "none",
	[VIRTIO_FASTBALLOON_REASON_WATERMARK] = "watermark",
	[VIRTIO_FASTBALLOON_REASON_FRAGMENTATION] = "fragmentation",
	[VIRTIO_FASTBALLOON_REASON_ALLOCATION] = "allocation",
	[VIRTIO_FASTBALLOON_REASON_OOM] = "oom",
	[VIRTIO_FASTBALLOON_REASON_STOPPED] = "stopped",
};

#define FB_NAME(names, index) fb_ctrl_name(names, sizeof(names) / sizeof((names)[0]), index)

static const char *fb_ctrl_name(const char *const *names, size_t count, unsigned int index)
{
	return index < count && names[index] ? names[index] : "unknown";
}

const char *fb_ctrl_type_name(unsigned int type)
{
	return FB_NAME(fb_ctrl_type_names, type);
}

const char *fb_ctrl_state_name(unsigned int state)
{
	return FB_NAME(fb_ctrl_state_names, state);
}

const char *fb_ctrl_status_name(unsigned int status)
{
	return FB_NAME(fb_ctrl_status_names, status);
}

const char *fb_ctrl_reason_name(unsigned int reason)
{
	return FB_NAME(fb_ctrl_reason_names, reason);
}
