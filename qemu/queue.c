// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * queue.c - virtqueues whose buffers go to the device core, with bounded work at a time.
 */
#include "balloon.h"

struct fb_buffer fb_buffer_from_elem(const VirtQueueElement *elem, struct fb_range *ranges)
{
	unsigned int i;

	for (i = 0; i < elem->in_num; i++) {
		ranges[i].gpa = elem->in_addr[i];
		ranges[i].len = elem->in_sg[i].iov_len;
	}
	return (struct fb_buffer){
		.out = elem->out_sg,
		.out_count = elem->out_num,
		.in = ranges,
		.in_count = elem->in_num,
	};
}

bool fb_queue_runs(const FbQueue *queue)
{
	VirtIODevice *vdev = VIRTIO_DEVICE(queue->balloon);

	return vdev->vm_running && (vdev->status & VIRTIO_CONFIG_S_DRIVER_OK) && !vdev->broken;
}

/* Hand one buffer to the core; a used length of 0 dirties no page. */
static bool fb_queue_handle_buffer(FbQueue *queue)
{
	struct fb_range ranges[VIRTQUEUE_MAX_SIZE];
	struct fb_buffer buffer;
	VirtQueueElement *elem;

	if (queue->hold && queue->hold(queue->balloon))
		return false;
	elem = virtqueue_pop(queue->vq, sizeof(*elem));
	if (!elem)
		return false;
	buffer = fb_buffer_from_elem(elem, ranges);
	queue->handle(&queue->balloon->core, &buffer);
	if (queue->defer && queue->defer(queue->balloon, elem))
		return true;
	virtqueue_push(queue->vq, elem, 0);
	g_free(elem);
	return true;
}

void fb_queue_run(FbQueue *queue)
{
	int64_t deadline_ns = get_clock() + FB_QUEUE_BUDGET_NS;
	unsigned int handled = 0;
	bool more = true;

	while (handled < FB_QUEUE_BUDGET_ELEMS && get_clock() < deadline_ns) {
		more = queue->handle_one(queue);
		if (!more)
			break;
		handled++;
	}
	if (handled)
		virtio_notify(VIRTIO_DEVICE(queue->balloon), queue->vq);
	if (more)
		qemu_bh_schedule(queue->bh);
	if (queue->after)
		queue->after(queue->balloon);
}

static void fb_queue_bh(void *opaque)
{
	FbQueue *queue = opaque;

	if (fb_queue_runs(queue))
		fb_queue_run(queue);
}

void fb_queue_drain(FbQueue *queue)
{
	unsigned int left = VIRTQUEUE_MAX_SIZE;

	while (fb_queue_runs(queue) && left-- && queue->handle_one(queue))
		;
	virtio_notify(VIRTIO_DEVICE(queue->balloon), queue->vq);
}

static void fb_queue_output(VirtIODevice *vdev, VirtQueue *vq)
{
	fb_queue_run(FB_BALLOON(vdev)->queues[virtio_get_queue_index(vq)]);
}

void fb_queue_add(FbBalloon *balloon, FbQueue *queue,
		  void (*handle)(struct fb_device *, const struct fb_buffer *))
{
	DeviceState *dev = DEVICE(balloon);

	queue->balloon = balloon;
	queue->handle = handle;
	queue->handle_one = fb_queue_handle_buffer;
	queue->vq = virtio_add_queue(VIRTIO_DEVICE(balloon), VIRTQUEUE_MAX_SIZE, fb_queue_output);
	queue->bh = qemu_bh_new_guarded(fb_queue_bh, queue, &dev->mem_reentrancy_guard);
	balloon->queues[virtio_get_queue_index(queue->vq)] = queue;
}

void fb_queue_delete(FbQueue *queue)
{
	if (!queue->vq)
		return;
	qemu_bh_delete(queue->bh);
	virtio_delete_queue(queue->vq);
	queue->vq = NULL;
}

void fb_queue_kick(FbQueue *queue)
{
	if (queue->vq)
		qemu_bh_schedule(queue->bh);
}
