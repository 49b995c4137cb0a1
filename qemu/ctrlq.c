// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ctrlq.c - the control queues: requests to the driver, its replies and its progress.
 *
 * All of it runs under the BQL. A buffer of the requestq is taken only when there is a request to
 * write into it and goes back at once, so none is ever held: not over a reset, an unplug, a pause
 * or a migration. The core decides what is to be sent and what is given up.
 */
#include "balloon.h"

uint64_t fb_ctrlq_now_ms(void)
{
	return qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
}

/* Do what is due by the clock, and come back when the next thing is. */
static void fb_ctrlq_arm(FbBalloon *balloon)
{
	uint64_t next_ms = fb_ctrl_tick(&balloon->core);

	if (next_ms > INT64_MAX)
		timer_del(balloon->ctrlq.timer);
	else
		timer_mod(balloon->ctrlq.timer, next_ms);
}

static void fb_ctrlq_timer(void *opaque)
{
	fb_ctrlq_arm(opaque);
}

/* Write one request into a buffer of the driver; false when either is missing. */
static bool fb_ctrlq_send_one(FbQueue *queue)
{
	struct fb_device *core = &queue->balloon->core;
	VirtQueueElement *elem;

	if (!fb_ctrl_has_request(core))
		return false;
	elem = virtqueue_pop(queue->vq, sizeof(*elem));
	if (!elem)
		return false;
	virtqueue_push(queue->vq, elem, fb_ctrl_next_request(core, elem->in_sg, elem->in_num));
	g_free(elem);
	return true;
}

void fb_ctrlq_kick(FbBalloon *balloon)
{
	if (!balloon->ctrlq.request.vq)
		return;
	if (fb_queue_runs(&balloon->ctrlq.request))
		fb_queue_run(&balloon->ctrlq.request);
	fb_ctrlq_arm(balloon);
}

void fb_ctrlq_realize(FbBalloon *balloon)
{
	FbCtrlq *ctrlq = &balloon->ctrlq;

	ctrlq->timer = timer_new_ms(QEMU_CLOCK_REALTIME, fb_ctrlq_timer, balloon);
	fb_queue_add(balloon, &ctrlq->request, NULL);
	ctrlq->request.handle_one = fb_ctrlq_send_one;
	fb_queue_add(balloon, &ctrlq->message, fb_device_message);
	ctrlq->message.after = fb_ctrlq_arm;
}

void fb_ctrlq_unrealize(FbBalloon *balloon)
{
	FbCtrlq *ctrlq = &balloon->ctrlq;

	if (!ctrlq->request.vq)
		return;
	fb_queue_delete(&ctrlq->request);
	fb_queue_delete(&ctrlq->message);
	timer_free(ctrlq->timer);
	ctrlq->timer = NULL;
}

static bool fb_vmstate_ctrlq_needed(void *opaque)
{
	return virtio_vdev_has_feature(opaque, VIRTIO_FASTBALLOON_F_CTRL_VQ);
}

const VMStateDescription fb_vmstate_ctrlq = {
	.name = "virtio-fastballoon-device/control",
	.version_id = 1,
	.minimum_version_id = 1,
	.needed = fb_vmstate_ctrlq_needed,
	.fields =
		(VMStateField[]){
			VMSTATE_UINT32(core.ctrl.last_id, FbBalloon),
			VMSTATE_UINT32(core.ctrl.progress.known, FbBalloon),
			VMSTATE_UINT32(core.ctrl.progress.reason, FbBalloon),
			VMSTATE_UINT32(core.ctrl.progress.flags, FbBalloon),
			VMSTATE_UINT32(core.ctrl.progress.target_pages, FbBalloon),
			VMSTATE_UINT32(core.ctrl.progress.actual_pages, FbBalloon),
			VMSTATE_UINT32(core.ctrl.progress.reachable_pages, FbBalloon),
			VMSTATE_END_OF_LIST(),
		},
};
