/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * incoming_poll.h - the load of a migration does not sleep between two pieces of a fast stream.
 */
#ifndef FASTBALLOON_QEMU_INCOMING_POLL_H
#define FASTBALLOON_QEMU_INCOMING_POLL_H

#include "compat/qemu.h"

/**
 * struct FbIncomingPoll - what keeps the main loop awake during a load.
 * @poll_us: the incoming-poll-us property: longest wait for data that is spent awake.
 * @bh: runs once in each turn of the main loop while it is kept awake; NULL unless loading.
 * @timer: looks whether data flows again.
 * @file: the stream.
 * @direct_bytes: received beside its buffer.
 * @bytes: received when we last looked.
 * @since_us: when they were.
 */
typedef struct FbIncomingPoll {
	uint32_t poll_us;
	QEMUBH *bh;
	QEMUTimer *timer;
	QEMUFile *file;
	int64_t direct_bytes;
	int64_t bytes;
	int64_t since_us;
} FbIncomingPoll;

/** fb_incoming_poll_begin() - the first section of ours in @file is loaded. Main loop. */
void fb_incoming_poll_begin(FbIncomingPoll *poll, QEMUFile *file);
/** fb_incoming_poll_received() - so much was read from the channel below the stream. */
void fb_incoming_poll_received(FbIncomingPoll *poll, size_t bytes);
/** fb_incoming_poll_end() - the load is over, or the device goes away. Harmless without a load. */
void fb_incoming_poll_end(FbIncomingPoll *poll);

#endif /* FASTBALLOON_QEMU_INCOMING_POLL_H */
