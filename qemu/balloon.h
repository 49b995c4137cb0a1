/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon.h - the binding's device object, shared by its files.
 *
 * Everything here runs under QEMU's big lock (BQL), except what hinting.c says of the
 * migration thread.
 */
#ifndef FASTBALLOON_QEMU_BALLOON_H
#define FASTBALLOON_QEMU_BALLOON_H

#include "compat/qemu.h"

#include "fastballoon_device.h"
#include "hinting.h"

#define TYPE_FB_BALLOON "virtio-fastballoon-device"
OBJECT_DECLARE_SIMPLE_TYPE(FbBalloon, FB_BALLOON)

/*
 * A virtqueue whose work is bounded: after FB_QUEUE_BUDGET_ELEMS buffers or
 * FB_QUEUE_BUDGET_NS the rest waits for a bottom half, so that the monitor, the timers and
 * the other devices get their turn whatever a guest queues.
 */
typedef struct FbQueue {
	FbBalloon *balloon;
	VirtQueue *vq;
	QEMUBH *bh;
	void (*handle)(struct fb_device *dev, const struct fb_buffer *buffer);
} FbQueue;

#define FB_QUEUE_BUDGET_ELEMS 256
#define FB_QUEUE_BUDGET_NS (10 * SCALE_MS)

/**
 * struct FbStatsPoll - the statistics queue and its polling.
 * @elem: the buffer that the guest leaves with us between two polls, or NULL.
 * @timer: fires every @interval_s seconds of virtual time.
 * @last_update_s: host time of the last statistics, seconds since the epoch.
 */
typedef struct FbStatsPoll {
	VirtQueue *vq;
	VirtQueueElement *elem;
	QEMUTimer *timer;
	int64_t interval_s;
	int64_t last_update_s;
} FbStatsPoll;

struct FbBalloon {
	VirtIODevice parent_obj;

	struct fb_device core;
	FbQueue inflate;
	FbQueue deflate;
	FbQueue hint;   /* vq is NULL unless free-page-hint=on */
	FbQueue report; /* vq is NULL unless free-page-reporting=on */
	FbStatsPoll stats;
	FbHinting hinting;

	/* Properties. */
	uint64_t offered; /* feature bits chosen by properties */
	bool hint_logged;
	bool eager_clear;
	IOThread *iothread; /* accepted for the stock device's command lines, see hinting.c */
};

/* host.c: the services that the device core asks for; takes the FbBalloon. */
extern const struct fb_host_ops fb_qemu_host_ops;

/** fb_current_ram_bytes() - guest memory that a balloon size is subtracted from. */
uint64_t fb_current_ram_bytes(void);

/* statsq.c */
/** fb_statsq_init() - make the timer and the guest-stats properties of a new object. */
void fb_statsq_init(FbBalloon *balloon);
void fb_statsq_finalize(FbBalloon *balloon);
void fb_statsq_realize(FbBalloon *balloon);
void fb_statsq_unrealize(FbBalloon *balloon);
void fb_statsq_reset(FbBalloon *balloon);
/** fb_statsq_resume() - take again the buffer that was handed back when the VM stopped. */
void fb_statsq_resume(FbBalloon *balloon);
/** fb_statsq_post_load() - restart polling on the destination of a migration. */
void fb_statsq_post_load(FbBalloon *balloon);

/* properties.c: counters and hinting state as QOM properties. */
void fb_properties_add(FbBalloon *balloon);
/** fb_properties_alias() - show the properties of @balloon on its transport's object. */
void fb_properties_alias(Object *proxy, FbBalloon *balloon);

/* queue.c */
void fb_queue_add(FbBalloon *balloon, FbQueue *queue, int size,
		  void (*handle)(struct fb_device *, const struct fb_buffer *));
void fb_queue_delete(FbQueue *queue);
/** fb_queue_kick() - look at the queue again from the main loop. */
void fb_queue_kick(FbQueue *queue);
/** fb_queue_drain() - handle what is queued now, at most a ring full. */
void fb_queue_drain(FbQueue *queue);
/**
 * fb_buffer_from_elem() - present a descriptor chain to the core.
 * @ranges: room for elem->in_num ranges, which the buffer then points to.
 */
struct fb_buffer fb_buffer_from_elem(const VirtQueueElement *elem, struct fb_range *ranges);

/* Type registration, called by the plugin once the ABI check has passed. */
void fb_balloon_register_types(void);
void fb_pci_register_types(void);

#endif /* FASTBALLOON_QEMU_BALLOON_H */
