// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hinting.c - free page hinting over the rounds of a migration.
 *
 * Theory of operation
 * -------------------
 * A migration reports, in this order: BEFORE and AFTER the first bitmap sync, SETUP, then a
 * BEFORE and AFTER pair for each further sync, COMPLETE, CLEANUP. Each sync opens a round:
 *
 *   BEFORE    stop: hints that are still queued are void.
 *   AFTER     the dirty log is made exact (dirty_log.c); only then a new command id goes out,
 *             so that whatever the driver sees free from now on is safe to skip, since every
 *             later write is logged. In the first round the id waits for SETUP.
 *   SETUP     first id, then up to FB_HINT_FIRST_ROUND_MS for the driver to end its walk:
 *             nothing has been sent yet, and ram_save_iterate() would hold the bitmap's lock
 *             against the hints. Runs without the BQL in QEMU 7.2; where it is held, the
 *             hints could not be handled, so there is no waiting.
 *   COMPLETE, CLEANUP
 *             done: the driver may release what it holds.
 *
 * Hints are handled in the main loop under the BQL, which orders them with BEFORE and AFTER
 * and needs no lock of its own. An iothread must not take the BQL, and mapping a hostile
 * descriptor can ask for it, so the iothread property changes nothing here.
 */
#include "balloon.h"
#include "dirty_log.h"

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
	return NULL;
}

static void fb_hinting_begin(FbBalloon *balloon)
{
	FbHinting *hinting = &balloon->hinting;

	hinting->off_reason = fb_hinting_off_reason(balloon);
	if (hinting->off_reason)
		return;
	/*
	 * What is queued belongs to no round. A driver that rewrites its command id in place
	 * would put the new id in front of these hints, were they still queued afterwards.
	 */
	fb_queue_drain(&balloon->hint);
	fb_hint_begin(&balloon->core.hint);
	virtio_notify_config(VIRTIO_DEVICE(balloon));
}

static void fb_hinting_stop(FbBalloon *balloon)
{
	uint32_t before = fb_hint_config(&balloon->core.hint);

	fb_hint_stop(&balloon->core.hint);
	if (fb_hint_config(&balloon->core.hint) != before)
		virtio_notify_config(VIRTIO_DEVICE(balloon));
}

static void fb_hinting_done(FbBalloon *balloon)
{
	balloon->hinting.first_sync = true;
	if (!fb_hinting_negotiated(balloon) || balloon->core.hint.state == FB_HINT_DONE)
		return;
	fb_hint_done(&balloon->core.hint);
	virtio_notify_config(VIRTIO_DEVICE(balloon));
}

static void fb_hinting_first_round(FbBalloon *balloon)
{
	FbHinting *hinting = &balloon->hinting;
	bool must_lock = !qemu_mutex_iothread_locked();

	if (must_lock)
		qemu_mutex_lock_iothread();
	while (qemu_sem_timedwait(&hinting->driver_through, 0) == 0)
		; /* posts of an earlier migration */
	fb_hinting_begin(balloon);
	hinting->waiting = must_lock && !hinting->off_reason;
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
	else
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
	case PRECOPY_NOTIFY_SETUP:
		fb_hinting_first_round(balloon);
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

void fb_hinting_progress(FbBalloon *balloon)
{
	if (balloon->hinting.waiting && balloon->core.hint.driver_stopped)
		qemu_sem_post(&balloon->hinting.driver_through);
}

void fb_hinting_reset(FbBalloon *balloon)
{
	if (balloon->hinting.waiting)
		qemu_sem_post(&balloon->hinting.driver_through);
}

void fb_hinting_realize(FbBalloon *balloon)
{
	FbHinting *hinting = &balloon->hinting;

	hinting->first_sync = true;
	hinting->off_reason = NULL;
	qemu_sem_init(&hinting->driver_through, 0);
	hinting->notifier.notify = fb_hinting_notify;
	precopy_add_notifier(&hinting->notifier);
	fb_dirty_log_attach();
}

void fb_hinting_unrealize(FbBalloon *balloon)
{
	precopy_remove_notifier(&balloon->hinting.notifier);
	qemu_sem_destroy(&balloon->hinting.driver_through);
}
