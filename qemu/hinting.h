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

/*
 * A round pays only if there is enough to be sent that hints could spare. A guest looks through
 * shattered memory in some 30 ms; on a link of 10 Gbit/s that is the time for this much.
 */
#define FB_HINT_MIN_BYTES (32 * MiB)
/*
 * A driver that can't just read has to take all free memory, which dirties or zeroes it and costs
 * several times more for each byte: it is asked only if one byte in so many is to be sent.
 */
#define FB_HINT_HOLDING_DIVISOR 4

#define FB_HINT_MIN_ORDER_DEFAULT 4
#define FB_HINT_MIN_ORDER_HIGHEST 10

/* The fastballoon-hints property. */
typedef enum FbHintMode {
	FB_HINTS_OFF,  /* no rounds */
	FB_HINTS_ON,   /* the driver holds what it hints as long as it has to */
	FB_HINTS_HELD, /* the driver holds what it hints until the migration is over */
} FbHintMode;

/**
 * struct FbHinting - what follows a migration and asks the driver for hints.
 * @notifier: called by the migration before and after every bitmap sync.
 * @first_sync: no bitmap sync of this migration has been seen yet.
 * @waiting: the migration thread waits on @driver_through.
 * @driver_through: posted when the driver has ended the first round.
 * @worker: skips the memory that is hinted, outside of the main loop.
 * @collected: FbHintRange of the buffer that the core is looking at, or NULL.
 * @off_reason: why the migration in progress, or the last one, has no hints; or NULL.
 * @mode, @min_order: what the operator wants, see hint_properties.c.
 */
typedef struct FbHinting {
	NotifierWithReturn notifier;
	bool first_sync;
	bool waiting;
	QemuSemaphore driver_through;
	FbHintWorker worker;
	GArray *collected;
	const char *off_reason;
	FbHintMode mode;
	uint32_t min_order;
} FbHinting;

void fb_hinting_realize(FbBalloon *balloon);
void fb_hinting_unrealize(FbBalloon *balloon);
/** fb_hinting_first_round() - ask for the first hints, and wait for them; in the setup. */
void fb_hinting_first_round(FbBalloon *balloon);
/** fb_hinting_reset() - the driver has gone: nobody will end the round. */
void fb_hinting_reset(FbBalloon *balloon);
/** fb_hinting_wish() - @mode or @min_order was set, at any time. */
void fb_hinting_wish(FbBalloon *balloon);
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
