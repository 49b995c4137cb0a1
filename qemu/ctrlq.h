/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctrlq.h - the control queues: requests to the driver, its replies and its progress.
 */
#ifndef FASTBALLOON_QEMU_CTRLQ_H
#define FASTBALLOON_QEMU_CTRLQ_H

#include "compat/qemu.h"

#include "queue.h"

/**
 * struct FbCtrlq - the control queues and what drives them.
 * @request: the requestq, whose buffers wait for requests of ours.
 * @message: the messageq.
 * @timer: gives requests up and passes progress on, by the host's clock.
 */
typedef struct FbCtrlq {
	FbQueue request;
	FbQueue message;
	QEMUTimer *timer;
} FbCtrlq;

/** fb_ctrlq_realize() - add the two queues, behind all others. */
void fb_ctrlq_realize(FbBalloon *balloon);
void fb_ctrlq_unrealize(FbBalloon *balloon);
/**
 * fb_ctrlq_kick() - there may be a request for the driver, or something due by the clock.
 *
 * A request goes out at once where the driver has a buffer. Without the feature nothing happens.
 */
void fb_ctrlq_kick(FbBalloon *balloon);
/** fb_ctrlq_now_ms() - the clock of requests: the host's monotonic one, which a pause does not stop. */
uint64_t fb_ctrlq_now_ms(void);

/** fb_vmstate_ctrlq - what a migration carries: the last id, and the driver's progress. */
extern const VMStateDescription fb_vmstate_ctrlq;

#endif /* FASTBALLOON_QEMU_CTRLQ_H */
