// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * late_hints.c - in place of qemu/hint_worker.c: hints that are honoured one sync late.
 *
 * A page that was hinted and used again before the sync is then left out although it is dirty. The
 * tests link this into a shared object of their own, to prove that they would notice.
 */
#include "compat/qemu.h"

#include "hint_worker.h"

static GArray *fb_late_ranges;
static bool fb_late_attached;

static int fb_late_notify(NotifierWithReturn *notifier, void *data)
{
	PrecopyNotifyData *precopy = data;
	guint i;

	if (precopy->reason != PRECOPY_NOTIFY_AFTER_BITMAP_SYNC)
		return 0;
	for (i = 0; i < fb_late_ranges->len; i++) {
		FbHintRange *range = &g_array_index(fb_late_ranges, FbHintRange, i);

		qemu_guest_free_page_hint(range->hva, range->len);
	}
	g_array_set_size(fb_late_ranges, 0);
	return 0;
}

static NotifierWithReturn fb_late_notifier = { .notify = fb_late_notify };

void fb_hint_worker_start(FbHintWorker *worker, QEMUBHFunc *done, void *opaque)
{
	qemu_mutex_init(&worker->lock);
	QSIMPLEQ_INIT(&worker->done);
	worker->done_bh = qemu_bh_new(done, opaque);
	if (!fb_late_attached) {
		fb_late_ranges = g_array_new(false, false, sizeof(FbHintRange));
		precopy_add_notifier(&fb_late_notifier);
		fb_late_attached = true;
	}
}

void fb_hint_worker_stop(FbHintWorker *worker)
{
	qemu_bh_delete(worker->done_bh);
	qemu_mutex_destroy(&worker->lock);
}

/* The buffer goes back at once. */
void fb_hint_worker_submit(FbHintWorker *worker, VirtQueueElement *elem, GArray *ranges)
{
	FbHintJob *job = g_new0(FbHintJob, 1);

	job->elem = elem;
	job->ranges = ranges;
	qemu_mutex_lock(&worker->lock);
	g_array_append_vals(fb_late_ranges, ranges->data, ranges->len);
	QSIMPLEQ_INSERT_TAIL(&worker->done, job, next);
	qemu_mutex_unlock(&worker->lock);
	qemu_bh_schedule(worker->done_bh);
}

void fb_hint_worker_void(FbHintWorker *worker)
{
}

VirtQueueElement *fb_hint_worker_next(FbHintWorker *worker)
{
	VirtQueueElement *elem = NULL;
	FbHintJob *job;

	qemu_mutex_lock(&worker->lock);
	job = QSIMPLEQ_FIRST(&worker->done);
	if (job)
		QSIMPLEQ_REMOVE_HEAD(&worker->done, next);
	qemu_mutex_unlock(&worker->lock);
	if (job) {
		elem = job->elem;
		g_array_unref(job->ranges);
		g_free(job);
	}
	return elem;
}

bool fb_hint_worker_is_idle(FbHintWorker *worker)
{
	return true;
}
