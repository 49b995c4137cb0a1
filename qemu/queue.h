/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue.h - virtqueues with bounded work at a time.
 */
#ifndef FASTBALLOON_QEMU_QUEUE_H
#define FASTBALLOON_QEMU_QUEUE_H

#include "compat/qemu.h"

#include "fastballoon_device.h"

typedef struct FbBalloon FbBalloon;
typedef struct FbQueue FbQueue;

/**
 * struct FbQueue - a virtqueue whose work is bounded.
 * @bh: looks at the queue again from the main loop.
 * @hold: whether its buffers have to wait for now; whoever makes them wait kicks it. Or NULL.
 * @handle: the core's function for its buffers, which go back with a used length of 0.
 * @defer: whether a buffer that @handle has seen is kept for now; whoever keeps it returns it. Or
 *         NULL.
 * @handle_one: takes and handles one buffer; false when there is nothing to do.
 * @after: called when the queue was looked at, or NULL.
 *
 * After FB_QUEUE_BUDGET_ELEMS buffers or FB_QUEUE_BUDGET_NS the rest waits for the bottom half, so
 * that the monitor, the timers and the other devices get their turn whatever a guest queues.
 */
struct FbQueue {
	FbBalloon *balloon;
	VirtQueue *vq;
	QEMUBH *bh;
	bool (*hold)(FbBalloon *balloon);
	void (*handle)(struct fb_device *dev, const struct fb_buffer *buffer);
	bool (*defer)(FbBalloon *balloon, VirtQueueElement *elem);
	bool (*handle_one)(FbQueue *queue);
	void (*after)(FbBalloon *balloon);
};

#define FB_QUEUE_BUDGET_ELEMS 256
#define FB_QUEUE_BUDGET_NS (10 * SCALE_MS)

/** fb_queue_add() - add the device's next queue, whose buffers go to @handle. */
void fb_queue_add(FbBalloon *balloon, FbQueue *queue,
		  void (*handle)(struct fb_device *, const struct fb_buffer *));
/** fb_queue_delete() - remove it; no effect on one that was never added. */
void fb_queue_delete(FbQueue *queue);
/** fb_queue_runs() - whether the driver runs the queue: its buffers may be taken. */
bool fb_queue_runs(const FbQueue *queue);
/** fb_queue_run() - handle what is queued, as much as fits into the budget. */
void fb_queue_run(FbQueue *queue);
/** fb_queue_kick() - look at the queue again from the main loop. */
void fb_queue_kick(FbQueue *queue);
/** fb_queue_drain() - handle what is queued now, at most a ring full. */
void fb_queue_drain(FbQueue *queue);
/**
 * fb_buffer_from_elem() - present a descriptor chain to the core.
 * @ranges: room for elem->in_num ranges, which the buffer then points to.
 */
struct fb_buffer fb_buffer_from_elem(const VirtQueueElement *elem, struct fb_range *ranges);

#endif /* FASTBALLOON_QEMU_QUEUE_H */
