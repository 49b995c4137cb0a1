// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * incoming_poll.c - the load of a migration does not sleep between two pieces of a fast stream.
 *
 * Theory of operation
 * -------------------
 * QEMU loads a migration in a coroutine of its main loop, and over a fast link it is quicker
 * than the source sends. So it sleeps after each piece, and on one host it is the source's CPU
 * that wakes it, with an interrupt to another CPU for each: in a machine that is virtual itself
 * that is an exit to its hypervisor, and a good part of all that a short migration costs.
 *
 * While data flows, a bottom half that schedules itself keeps the main loop turning, so that it
 * finds the next piece without being woken. Where none has come for @poll_us, the main loop may
 * sleep again, and a timer looks now and then whether data flows fast enough to begin anew; over
 * a slow link it does not.
 */
#include "incoming_poll.h"

/* How often to look whether data flows, and how much it is then: 256 MiB a second. */
#define FB_POLL_LOOK_MS 1
#define FB_POLL_FAST_BYTES (256 * KiB)

static void fb_incoming_poll_look_later(FbIncomingPoll *poll)
{
	timer_mod(poll->timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + FB_POLL_LOOK_MS);
}

static int64_t fb_incoming_poll_bytes(const FbIncomingPoll *poll)
{
	return qemu_file_total_transferred(poll->file) + poll->direct_bytes;
}

/* In each turn of the main loop. */
static void fb_incoming_poll_turn(void *opaque)
{
	FbIncomingPoll *poll = opaque;
	int64_t bytes = fb_incoming_poll_bytes(poll);
	int64_t now_us = g_get_monotonic_time();

	if (bytes != poll->bytes) {
		poll->bytes = bytes;
		poll->since_us = now_us;
	}
	if (now_us - poll->since_us <= poll->poll_us)
		qemu_bh_schedule(poll->bh);
	else
		fb_incoming_poll_look_later(poll);
}

static void fb_incoming_poll_look(void *opaque)
{
	FbIncomingPoll *poll = opaque;
	int64_t bytes = fb_incoming_poll_bytes(poll);
	bool fast = bytes - poll->bytes >= FB_POLL_FAST_BYTES;

	poll->bytes = bytes;
	poll->since_us = g_get_monotonic_time();
	if (fast)
		qemu_bh_schedule(poll->bh);
	else
		fb_incoming_poll_look_later(poll);
}

void fb_incoming_poll_begin(FbIncomingPoll *poll, QEMUFile *file)
{
	if (!poll->poll_us || poll->bh)
		return;
	poll->file = file;
	poll->direct_bytes = 0;
	poll->bytes = fb_incoming_poll_bytes(poll);
	poll->bh = qemu_bh_new(fb_incoming_poll_turn, poll);
	poll->timer = timer_new_ms(QEMU_CLOCK_REALTIME, fb_incoming_poll_look, poll);
	fb_incoming_poll_look_later(poll);
}

void fb_incoming_poll_received(FbIncomingPoll *poll, size_t bytes)
{
	poll->direct_bytes += bytes;
}

void fb_incoming_poll_end(FbIncomingPoll *poll)
{
	if (!poll->bh)
		return;
	timer_free(poll->timer);
	qemu_bh_delete(poll->bh);
	poll->bh = NULL;
}
