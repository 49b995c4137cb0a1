// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * populate.c - memory that leaves the balloon is backed by the host before the driver gets it.
 *
 * Theory of operation. The core names the pieces of a deflate buffer in the main loop; a thread of
 * QEMU's pool backs them, FB_POPULATE_STEP at a time, without the BQL; then the buffer goes back
 * from the main loop. MADV_POPULATE_WRITE changes no content, races with nobody, fails instead of
 * raising a signal where a pool or a limit is exhausted, and follows the NUMA policy that the
 * memory backend has given its mapping.
 *
 * While a job runs, no buffer of the inflateq, deflateq or reporting queue is taken: a range that
 * is given back must not be backed behind that by a job that names it, too. That also bounds the
 * memory for jobs.
 *
 * A job given up (reset, pause, unplug) keeps its memory regions until its thread notices, which
 * takes a step at most.
 */
#include <sys/mman.h>

#include "balloon.h"

/**
 * struct FbPopulatePiece - a run of memory.
 * @mr: referenced, so that memory which is unplugged stays mapped.
 * @done_bytes: backed so far.
 */
typedef struct FbPopulatePiece {
	MemoryRegion *mr;
	uint8_t *hva;
	size_t len;
	size_t step;
	size_t done_bytes;
} FbPopulatePiece;

/**
 * struct FbPopulateJob - one deflate buffer.
 * @balloon: NULL when the device has gone.
 * @elem: the buffer; NULL when it was returned or forgotten.
 * @canceled: the thread is to stop; atomic.
 */
struct FbPopulateJob {
	FbBalloon *balloon;
	VirtQueueElement *elem;
	GArray *pieces;
	bool canceled;
	QLIST_ENTRY(FbPopulateJob) next;
};

bool fb_populate_is_possible(void)
{
	return !madvise(NULL, 0, MADV_POPULATE_WRITE);
}

static FbPopulatePiece *fb_populate_piece(GArray *pieces, guint i)
{
	return &g_array_index(pieces, FbPopulatePiece, i);
}

void fb_populate_collect(FbBalloon *balloon, const MemoryRegionSection *section)
{
	MemoryRegion *mr = section->mr;
	FbPopulatePiece piece = {
		.mr = mr,
		.hva = (uint8_t *)memory_region_get_ram_ptr(mr) + section->offset_within_region,
		.len = int128_get64(section->size),
		.step = MAX(qemu_ram_pagesize(mr->ram_block), FB_POPULATE_STEP),
	};

	if (!balloon->populate.collected)
		balloon->populate.collected = g_array_new(false, false, sizeof(piece));
	g_array_append_val(balloon->populate.collected, piece);
}

static bool fb_populate_step(FbPopulatePiece *piece)
{
	size_t len = MIN(piece->len - piece->done_bytes, piece->step);

	if (madvise(piece->hva + piece->done_bytes, len, MADV_POPULATE_WRITE))
		return false;
	piece->done_bytes += len;
	return true;
}

static int fb_populate_thread(void *opaque)
{
	FbPopulateJob *job = opaque;
	guint i;

	for (i = 0; i < job->pieces->len; i++) {
		FbPopulatePiece *piece = fb_populate_piece(job->pieces, i);

		while (piece->done_bytes < piece->len && fb_populate_step(piece)) {
			if (qatomic_read(&job->canceled))
				return 0;
		}
	}
	return 0;
}

/* Tell the core what was backed, and drop the references. */
static void fb_populate_settle(FbPopulateJob *job)
{
	guint i;

	for (i = 0; i < job->pieces->len; i++) {
		FbPopulatePiece *piece = fb_populate_piece(job->pieces, i);

		if (job->balloon)
			fb_device_populated(&job->balloon->core, piece->done_bytes,
					    piece->done_bytes < piece->len && !job->canceled);
		memory_region_unref(piece->mr);
	}
	g_array_unref(job->pieces);
}

static void fb_populate_return_elem(FbPopulateJob *job)
{
	VirtQueue *vq = job->balloon->deflate.vq;

	virtqueue_push(vq, job->elem, 0);
	virtio_notify(VIRTIO_DEVICE(job->balloon), vq);
	g_free(job->elem);
	job->elem = NULL;
}

static void fb_populate_done(void *opaque, int ret)
{
	FbPopulateJob *job = opaque;
	FbBalloon *balloon = job->balloon;

	fb_populate_settle(job);
	if (job->elem)
		fb_populate_return_elem(job);
	if (balloon) {
		QLIST_REMOVE(job, next);
		fb_queue_kick(&balloon->inflate);
		fb_queue_kick(&balloon->deflate);
		fb_queue_kick(&balloon->report);
	}
	g_free(job);
}

bool fb_populate_defer(FbBalloon *balloon, VirtQueueElement *elem)
{
	FbPopulate *populate = &balloon->populate;
	FbPopulateJob *job;

	if (!populate->collected)
		return false;
	job = g_new0(FbPopulateJob, 1);
	job->balloon = balloon;
	job->elem = elem;
	job->pieces = populate->collected;
	populate->collected = NULL;
	QLIST_INSERT_HEAD(&populate->jobs, job, next);
	thread_pool_submit_aio(aio_get_thread_pool(qemu_get_aio_context()), fb_populate_thread, job,
			       fb_populate_done, job);
	return true;
}

bool fb_populate_is_busy(FbBalloon *balloon)
{
	return !QLIST_EMPTY(&balloon->populate.jobs);
}

void fb_populate_stop(FbBalloon *balloon)
{
	FbPopulateJob *job;

	QLIST_FOREACH(job, &balloon->populate.jobs, next) {
		qatomic_set(&job->canceled, true);
		if (job->elem)
			fb_populate_return_elem(job);
	}
}

void fb_populate_reset(FbBalloon *balloon)
{
	FbPopulateJob *job;

	QLIST_FOREACH(job, &balloon->populate.jobs, next) {
		qatomic_set(&job->canceled, true);
		if (!job->elem)
			continue;
		virtqueue_detach_element(balloon->deflate.vq, job->elem, 0);
		g_free(job->elem);
		job->elem = NULL;
	}
}

void fb_populate_unrealize(FbBalloon *balloon)
{
	FbPopulateJob *job, *next;

	QLIST_FOREACH_SAFE(job, &balloon->populate.jobs, next, next) {
		QLIST_REMOVE(job, next);
		job->balloon = NULL;
	}
}
