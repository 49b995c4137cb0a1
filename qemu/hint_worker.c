// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hint_worker.c - a thread that takes hints out of the migration bitmap.
 */
#include "hint_worker.h"

static void fb_hint_worker_run(FbHintJob *job)
{
	guint i;

	for (i = 0; i < job->ranges->len; i++) {
		FbHintRange *range = &g_array_index(job->ranges, FbHintRange, i);

		qemu_guest_free_page_hint(range->hva, range->len);
	}
}

/* Take the next job; NULL when the thread is to end. */
static FbHintJob *fb_hint_worker_take(FbHintWorker *worker)
{
	FbHintJob *job;

	while (QSIMPLEQ_EMPTY(&worker->pending) && !worker->quit)
		qemu_cond_wait(&worker->wake, &worker->lock);
	job = QSIMPLEQ_FIRST(&worker->pending);
	if (job)
		QSIMPLEQ_REMOVE_HEAD(&worker->pending, next);
	return job;
}

static void *fb_hint_worker_thread(void *opaque)
{
	FbHintWorker *worker = opaque;
	FbHintJob *job;

	rcu_register_thread();
	qemu_mutex_lock(&worker->lock);
	while ((job = fb_hint_worker_take(worker))) {
		worker->current = job;
		qemu_mutex_unlock(&worker->lock);
		fb_hint_worker_run(job);
		qemu_mutex_lock(&worker->lock);
		worker->current = NULL;
		QSIMPLEQ_INSERT_TAIL(&worker->done, job, next);
		qemu_cond_broadcast(&worker->idle);
		qemu_bh_schedule(worker->done_bh);
	}
	qemu_mutex_unlock(&worker->lock);
	rcu_unregister_thread();
	return NULL;
}

void fb_hint_worker_start(FbHintWorker *worker, QEMUBHFunc *done, void *opaque)
{
	qemu_mutex_init(&worker->lock);
	qemu_cond_init(&worker->wake);
	qemu_cond_init(&worker->idle);
	QSIMPLEQ_INIT(&worker->pending);
	QSIMPLEQ_INIT(&worker->done);
	worker->current = NULL;
	worker->quit = false;
	worker->done_bh = qemu_bh_new(done, opaque);
	qemu_thread_create(&worker->thread, "fastballoon-hint", fb_hint_worker_thread, worker,
			   QEMU_THREAD_JOINABLE);
}

void fb_hint_worker_stop(FbHintWorker *worker)
{
	qemu_mutex_lock(&worker->lock);
	worker->quit = true;
	qemu_cond_signal(&worker->wake);
	qemu_mutex_unlock(&worker->lock);
	qemu_thread_join(&worker->thread);
	qemu_bh_delete(worker->done_bh);
	qemu_cond_destroy(&worker->idle);
	qemu_cond_destroy(&worker->wake);
	qemu_mutex_destroy(&worker->lock);
}

void fb_hint_worker_submit(FbHintWorker *worker, VirtQueueElement *elem, GArray *ranges)
{
	FbHintJob *job = g_new0(FbHintJob, 1);

	job->elem = elem;
	job->ranges = ranges;
	qemu_mutex_lock(&worker->lock);
	QSIMPLEQ_INSERT_TAIL(&worker->pending, job, next);
	qemu_cond_signal(&worker->wake);
	qemu_mutex_unlock(&worker->lock);
}

void fb_hint_worker_void(FbHintWorker *worker)
{
	qemu_mutex_lock(&worker->lock);
	QSIMPLEQ_CONCAT(&worker->done, &worker->pending);
	while (worker->current)
		qemu_cond_wait(&worker->idle, &worker->lock);
	qemu_mutex_unlock(&worker->lock);
}

/* The buffer of the first job that is done and has one; under the lock. */
static VirtQueueElement *fb_hint_worker_done_elem(FbHintWorker *worker)
{
	VirtQueueElement *elem = NULL;
	FbHintJob *job;

	while (!elem && (job = QSIMPLEQ_FIRST(&worker->done))) {
		QSIMPLEQ_REMOVE_HEAD(&worker->done, next);
		elem = job->elem;
		g_array_unref(job->ranges);
		g_free(job);
	}
	return elem;
}

VirtQueueElement *fb_hint_worker_next(FbHintWorker *worker)
{
	VirtQueueElement *elem;

	qemu_mutex_lock(&worker->lock);
	elem = fb_hint_worker_done_elem(worker);
	qemu_mutex_unlock(&worker->lock);
	return elem;
}

VirtQueueElement *fb_hint_worker_abandon(FbHintWorker *worker)
{
	VirtQueueElement *elem;

	qemu_mutex_lock(&worker->lock);
	QSIMPLEQ_CONCAT(&worker->done, &worker->pending);
	elem = fb_hint_worker_done_elem(worker);
	if (!elem && worker->current) {
		elem = worker->current->elem;
		worker->current->elem = NULL;
	}
	qemu_mutex_unlock(&worker->lock);
	return elem;
}

bool fb_hint_worker_is_idle(FbHintWorker *worker)
{
	bool idle;

	qemu_mutex_lock(&worker->lock);
	idle = !worker->current && QSIMPLEQ_EMPTY(&worker->pending);
	qemu_mutex_unlock(&worker->lock);
	return idle;
}
