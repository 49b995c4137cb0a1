/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * populate.h - memory that leaves the balloon is backed by the host before the driver gets it.
 */
#ifndef FASTBALLOON_QEMU_POPULATE_H
#define FASTBALLOON_QEMU_POPULATE_H

#include "compat/qemu.h"

typedef struct FbBalloon FbBalloon;
typedef struct FbPopulateJob FbPopulateJob;

/* Memory backed at once; a host page larger than that is one piece of work. */
#define FB_POPULATE_STEP (UINT64_C(16) << 20)

/**
 * struct FbPopulate - deflate buffers that wait for their memory.
 * @jobs: jobs that a thread works on; those that were given up are there until it notices.
 * @collected: FbPopulatePiece of the buffer that the core is looking at, or NULL.
 */
typedef struct FbPopulate {
	QLIST_HEAD(, FbPopulateJob) jobs;
	GArray *collected;
} FbPopulate;

/** fb_populate_is_possible() - whether the host's kernel can do it. */
bool fb_populate_is_possible(void);
/**
 * fb_populate_collect() - the device core asks for a piece of RAM.
 * @section: the piece; its reference to the memory region goes to the job.
 */
void fb_populate_collect(FbBalloon *balloon, const MemoryRegionSection *section);
/** fb_populate_defer() - the core has looked at @elem: it is kept while its memory is backed. */
bool fb_populate_defer(FbBalloon *balloon, VirtQueueElement *elem);
/**
 * fb_populate_is_busy() - whether a thread is backing memory.
 *
 * No other buffer of the balloon may be handled meanwhile: memory that is given back must stay so.
 */
bool fb_populate_is_busy(FbBalloon *balloon);
/** fb_populate_stop() - return the buffers now; what is not backed yet comes when it is touched. */
void fb_populate_stop(FbBalloon *balloon);
/** fb_populate_reset() - the driver has forgotten the queue: its buffers are gone. */
void fb_populate_reset(FbBalloon *balloon);
/** fb_populate_unrealize() - the device goes; call fb_populate_reset() first. */
void fb_populate_unrealize(FbBalloon *balloon);

#endif /* FASTBALLOON_QEMU_POPULATE_H */
