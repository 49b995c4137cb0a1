/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hint_worker.h - a thread that takes hints out of the migration bitmap.
 *
 * QEMU's migration holds the bitmap's lock for up to 50 ms while it sends. Whoever hints waits
 * for that lock, which the main loop must not do.
 */
#ifndef FASTBALLOON_QEMU_HINT_WORKER_H
#define FASTBALLOON_QEMU_HINT_WORKER_H

#include "compat/qemu.h"

/**
 * struct FbHintRange - memory to be skipped, in the host's address space.
 */
typedef struct FbHintRange {
	void *hva;
	size_t len;
} FbHintRange;

/**
 * struct FbHintJob - the hints of one buffer of the free page queue.
 * @elem: the buffer, which goes back to the driver when the hints are handled or void; NULL
 *        if the driver has gone meanwhile.
 * @ranges: of FbHintRange; the job owns it.
 */
typedef struct FbHintJob {
	VirtQueueElement *elem;
	GArray *ranges;
	QSIMPLEQ_ENTRY(FbHintJob) next;
} FbHintJob;

typedef QSIMPLEQ_HEAD(, FbHintJob) FbHintJobs;

/**
 * struct FbHintWorker - the thread and its jobs; everything but @done_bh under @lock.
 * @pending: jobs not begun yet.
 * @done: jobs whose buffers wait to be returned.
 * @current: the job that the thread is handling, which is on no list; or NULL.
 * @quit: the thread is to end.
 * @done_bh: scheduled when @done has grown.
 */
typedef struct FbHintWorker {
	QemuThread thread;
	QemuMutex lock;
	QemuCond wake;
	QemuCond idle;
	FbHintJobs pending;
	FbHintJobs done;
	FbHintJob *current;
	bool quit;
	QEMUBH *done_bh;
} FbHintWorker;

/** fb_hint_worker_start() - @done runs in the main loop when jobs are done. */
void fb_hint_worker_start(FbHintWorker *worker, QEMUBHFunc *done, void *opaque);
/** fb_hint_worker_stop() - void all jobs and end the thread; fb_hint_worker_next() them first. */
void fb_hint_worker_stop(FbHintWorker *worker);
/** fb_hint_worker_submit() - handle the hints of a job, in the order of submission. */
void fb_hint_worker_submit(FbHintWorker *worker, VirtQueueElement *elem, GArray *ranges);
/**
 * fb_hint_worker_void() - when this returns, no hint submitted before has any effect any more.
 *
 * Waits for at most one job; the caller must not hold the bitmap's lock.
 */
void fb_hint_worker_void(FbHintWorker *worker);
/** fb_hint_worker_next() - buffer of a job that is done or void, or NULL. */
VirtQueueElement *fb_hint_worker_next(FbHintWorker *worker);
/**
 * fb_hint_worker_abandon() - give all buffers back at once, whatever the thread waits for.
 *
 * Jobs not begun are void. The one in work goes on, since what it skips may be skipped, but its
 * buffer comes back as well. For a device reset, which must not wait for the bitmap's lock: a
 * migration whose destination takes nothing more holds it for ever.
 *
 * Return: a buffer; NULL when there is none left.
 */
VirtQueueElement *fb_hint_worker_abandon(FbHintWorker *worker);
/** fb_hint_worker_is_idle() - whether all jobs submitted are done. */
bool fb_hint_worker_is_idle(FbHintWorker *worker);

#endif /* FASTBALLOON_QEMU_HINT_WORKER_H */
