// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hinting.c - free page hinting over the rounds of a migration.
 *
 * Theory of operation
 * -------------------
 * A migration reports, in this order: BEFORE and AFTER the first bitmap sync, then, behind the
 * setup, a BEFORE and AFTER pair for each further sync, COMPLETE, CLEANUP. Each sync opens a round:
 *
 *   BEFORE    stop: hints that are still queued are void.
 *   AFTER     the dirty log is made exact (dirty_log.c); only then a new command id goes out,
 *             so that whatever the driver sees free from now on is safe to skip, since every
 *             later write is logged. In the first round the id waits for the setup.
 *   setup     (precopy.c) first id, then up to FB_HINT_FIRST_ROUND_MS for the driver to end its
 *             walk: nothing has been sent yet, and ram_save_iterate() would hold the bitmap's lock
 *             against the hints. Runs without the BQL in QEMU 7.2; where it is held, the
 *             hints could not be handled, so there is no waiting.
 *   COMPLETE, CLEANUP
 *             done: the driver may release what it holds.
 *
 * A sync begins a round only while that pays: see FB_HINT_MIN_BYTES. What the guest has written
 * since the sync before and freed again is all that a later round can spare, so most migrations
 * of a quiet guest have one round. The sync of the stopped guest, the last one, begins none.
 *
 * Buffers are popped and judged in the main loop under the BQL, which orders them with BEFORE
 * and AFTER. What they name is skipped by a thread of our own (hint_worker.c), since that takes
 * the bitmap's lock, for which the main loop must not wait; the buffer goes back afterwards.
 * The stock device's iothread property is accepted and changes nothing: popping a hostile
 * descriptor can ask for the BQL, for which an iothread must not wait.
 */
#include "balloon.h"
#include "dirty_log.h"

#define FB_HINTS_SWITCHED_OFF "fastballoon-hints is off"

static bool fb_hinting_negotiated(FbBalloon *balloon)
{
	return virtio_vdev_has_feature(VIRTIO_DEVICE(balloon), VIRTIO_BALLOON_F_FREE_PAGE_HINT);
}

/* Why this migration gets no hints, or NULL. */
static const char *fb_hinting_off_reason(FbBalloon *balloon)
{
	VirtIODevice *vdev = VIRTIO_DEVICE(balloon);

	if (!(vdev->status & VIRTIO_CONFIG_S_DRIVER_OK) || vdev->broken)
		return "no driver is running the device";
	if (!fb_hinting_negotiated(balloon))
		return "the driver has not accepted free page hinting";
	if (balloon->hinting.mode == FB_HINTS_OFF)
		return FB_HINTS_SWITCHED_OFF;
	if (runstate_check(RUN_STATE_SAVE_VM))
		return "a snapshot with savevm is loaded over memory that is not zero";
	if (!vdev->vm_running)
		return "the guest is paused";
	if (migrate_background_snapshot())
		return "a background snapshot has no dirty log";
	if (migrate_postcopy_ram())
		return "postcopy-ram is enabled: a skipped page could not be fetched later";
	if (migrate_colo_enabled())
		return "COLO compares the memory of both sides";
	if (migrate_ignore_shared() && !fb_any_backend_is_migrated())
		return "x-ignore-shared leaves all memory to the destination";
	return NULL;
}

/* Whether what is left to be sent is worth the guest's work, see FB_HINT_MIN_BYTES. */
static bool fb_hinting_pays(FbBalloon *balloon)
{
	uint64_t left = ram_bytes_remaining();

	if (left < FB_HINT_MIN_BYTES)
		return false;
	return virtio_vdev_has_feature(VIRTIO_DEVICE(balloon), VIRTIO_FASTBALLOON_F_HINT_LOGGED) ||
	       left >= ram_bytes_total() / FB_HINT_HOLDING_DIVISOR;
}

static void fb_hinting_return_elems(FbBalloon *balloon)
{
	VirtQueue *vq = balloon->hint.vq;
	VirtQueueElement *elem;
	bool notify = false;

	while ((elem = fb_hint_worker_next(&balloon->hinting.worker))) {
		virtqueue_push(vq, elem, 0);
		g_free(elem);
		notify = true;
	}
	if (notify)
		virtio_notify(VIRTIO_DEVICE(balloon), vq);
}

static void fb_hinting_worker_done(void *opaque)
{
	FbBalloon *balloon = opaque;

	fb_hinting_return_elems(balloon);
	fb_hinting_progress(balloon);
}

/* Nothing hinted so far has an effect from here on, and no buffer stays with us. */
static void fb_hinting_flush(FbBalloon *balloon)
{
	fb_hint_worker_void(&balloon->hinting.worker);
	fb_hinting_return_elems(balloon);
}

/* The driver is to see another state: in the configuration, and as a request. */
static void fb_hinting_tell_driver(FbBalloon *balloon)
{
	virtio_notify_config(VIRTIO_DEVICE(balloon));
	fb_ctrlq_kick(balloon);
}

/* Return: whether a round has begun. One that does not pay leaves the reason as it is. */
static bool fb_hinting_begin(FbBalloon *balloon)
{
	const char *reason = fb_hinting_off_reason(balloon);

	if (!reason && !fb_hinting_pays(balloon))
		return false;
	balloon->hinting.off_reason = reason;
	if (reason)
		return false;
	/*
	 * What is queued belongs to no round. A driver that rewrites its command id in place
	 * would put the new id in front of these hints, were they still queued afterwards.
	 */
	fb_queue_drain(&balloon->hint);
	fb_hint_begin(&balloon->core.hint);
	fb_hinting_tell_driver(balloon);
	return true;
}

static void fb_hinting_stop(FbBalloon *balloon)
{
	uint32_t before = fb_hint_config(&balloon->core.hint);

	fb_hinting_flush(balloon);
	fb_hint_stop(&balloon->core.hint);
	if (fb_hint_config(&balloon->core.hint) != before)
		fb_hinting_tell_driver(balloon);
}

static void fb_hinting_done(FbBalloon *balloon)
{
	balloon->hinting.first_sync = true;
	fb_hinting_flush(balloon);
	if (!fb_hinting_negotiated(balloon) || balloon->core.hint.state == FB_HINT_DONE)
		return;
	fb_hint_done(&balloon->core.hint);
	fb_hinting_tell_driver(balloon);
}

void fb_hinting_first_round(FbBalloon *balloon)
{
	FbHinting *hinting = &balloon->hinting;
	bool must_lock = !qemu_mutex_iothread_locked();

	if (must_lock)
		qemu_mutex_lock_iothread();
	while (qemu_sem_timedwait(&hinting->driver_through, 0) == 0)
		; /* posts of an earlier migration */
	hinting->off_reason = "there is too little to be sent for hints to pay";
	hinting->waiting = fb_hinting_begin(balloon) && must_lock;
	if (!must_lock)
		return;
	qemu_mutex_unlock_iothread();
	if (hinting->waiting)
		qemu_sem_timedwait(&hinting->driver_through, FB_HINT_FIRST_ROUND_MS);
	hinting->waiting = false;
}

static void fb_hinting_after_sync(FbBalloon *balloon)
{
	if (balloon->eager_clear)
		fb_dirty_log_clear();
	if (balloon->hinting.first_sync)
		balloon->hinting.first_sync = false;
	else if (!runstate_check(RUN_STATE_FINISH_MIGRATE))
		fb_hinting_begin(balloon);
}

static int fb_hinting_notify(NotifierWithReturn *notifier, void *data)
{
	FbHinting *hinting = container_of(notifier, FbHinting, notifier);
	FbBalloon *balloon = container_of(hinting, FbBalloon, hinting);
	PrecopyNotifyData *precopy = data;

	switch (precopy->reason) {
	case PRECOPY_NOTIFY_BEFORE_BITMAP_SYNC:
		fb_hinting_stop(balloon);
		break;
	case PRECOPY_NOTIFY_AFTER_BITMAP_SYNC:
		fb_hinting_after_sync(balloon);
		break;
	case PRECOPY_NOTIFY_COMPLETE:
	case PRECOPY_NOTIFY_CLEANUP:
		fb_hinting_done(balloon);
		break;
	default:
		break;
	}
	return 0;
}

/* End the round at once; what was hinted before counts. Does not wait for the worker. */
static void fb_hinting_switch_off(FbBalloon *balloon)
{
	FbHinting *hinting = &balloon->hinting;

	if (balloon->core.hint.state != FB_HINT_REQUESTED &&
	    balloon->core.hint.state != FB_HINT_START)
		return;
	hinting->off_reason = FB_HINTS_SWITCHED_OFF;
	fb_hint_stop(&balloon->core.hint);
	fb_hinting_tell_driver(balloon);
	if (hinting->waiting)
		qemu_sem_post(&hinting->driver_through);
}

void fb_hinting_wish(FbBalloon *balloon)
{
	FbHinting *hinting = &balloon->hinting;

	fb_hint_set_args(&balloon->core.hint, hinting->min_order, hinting->mode == FB_HINTS_HELD);
	if (hinting->mode == FB_HINTS_OFF)
		fb_hinting_switch_off(balloon);
}

void fb_hinting_skip(FbBalloon *balloon, void *hva, size_t len)
{
	FbHintRange range = { .hva = hva, .len = len };

	if (!balloon->hinting.collected)
		balloon->hinting.collected = g_array_new(false, false, sizeof(range));
	g_array_append_val(balloon->hinting.collected, range);
}

bool fb_hinting_defer(FbBalloon *balloon, VirtQueueElement *elem)
{
	GArray *ranges = balloon->hinting.collected;

	balloon->hinting.collected = NULL;
	if (ranges)
		fb_hint_worker_submit(&balloon->hinting.worker, elem, ranges);
	return ranges != NULL;
}

void fb_hinting_progress(FbBalloon *balloon)
{
	FbHinting *hinting = &balloon->hinting;

	if (hinting->waiting && balloon->core.hint.driver_stopped &&
	    fb_hint_worker_is_idle(&hinting->worker))
		qemu_sem_post(&hinting->driver_through);
}

void fb_hinting_reset(FbBalloon *balloon)
{
	FbHinting *hinting = &balloon->hinting;
	VirtQueueElement *elem;

	if (!balloon->hint.vq)
		return;
	while ((elem = fb_hint_worker_abandon(&hinting->worker))) {
		virtqueue_detach_element(balloon->hint.vq, elem, 0);
		g_free(elem);
	}
	if (hinting->waiting)
		qemu_sem_post(&hinting->driver_through);
}

void fb_hinting_realize(FbBalloon *balloon)
{
	FbHinting *hinting = &balloon->hinting;

	hinting->first_sync = true;
	hinting->off_reason = NULL;
	fb_hinting_wish(balloon);
	qemu_sem_init(&hinting->driver_through, 0);
	fb_hint_worker_start(&hinting->worker, fb_hinting_worker_done, balloon);
	hinting->notifier.notify = fb_hinting_notify;
	precopy_add_notifier(&hinting->notifier);
}

void fb_hinting_unrealize(FbBalloon *balloon)
{
	precopy_remove_notifier(&balloon->hinting.notifier);
	fb_hinting_reset(balloon);
	fb_hint_worker_stop(&balloon->hinting.worker);
	qemu_sem_destroy(&balloon->hinting.driver_through);
}
