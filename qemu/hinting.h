/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hinting.h - free page hinting over the rounds of a migration.
 */
#ifndef FASTBALLOON_QEMU_HINTING_H
#define FASTBALLOON_QEMU_HINTING_H

#include "compat/qemu.h"

#include "hint_worker.h"

typedef struct FbBalloon FbBalloon;

/* How long the first round waits for the driver's hints before anything is sent. */
#define FB_HINT_FIRST_ROUND_MS 500

/**
 * struct FbHinting - what follows a migration and asks the driver for hints.
 * @notifier: called by the migration before and after every bitmap sync.
 * @first_sync: no bitmap sync of this migration has been seen yet.
 * @waiting: the migration thread waits on @driver_through.
 * @driver_through: posted when the driver has ended the first round.
 * @worker: skips the memory that is hinted, outside of the main loop.
 * @collected: FbHintRange of the buffer that the core is looking at, or NULL.
 * @off_reason: why the migration in progress, or the last one, has no hints; or NULL.
 */
typedef struct FbHinting {
	NotifierWithReturn notifier;
	bool first_sync;
	bool waiting;
	QemuSemaphore driver_through;
	FbHintWorker worker;
	GArray *collected;
	const char *off_reason;
} FbHinting;

void fb_hinting_realize(FbBalloon *balloon);
void fb_hinting_unrealize(FbBalloon *balloon);
/** fb_hinting_reset() - the driver has gone: nobody will end the round. */
void fb_hinting_reset(FbBalloon *balloon);
/** fb_hinting_skip() - the device core asks for memory to be skipped. */
void fb_hinting_skip(FbBalloon *balloon, void *hva, size_t len);
/**
 * fb_hinting_defer() - the core has looked at a buffer of the free page queue.
 *
 * Return: whether @elem is kept until its hints are handled, and returned to the driver then.
 */
bool fb_hinting_defer(FbBalloon *balloon, VirtQueueElement *elem);
/** fb_hinting_progress() - the free page queue has been looked at. */
void fb_hinting_progress(FbBalloon *balloon);

#endif /* FASTBALLOON_QEMU_HINTING_H */
