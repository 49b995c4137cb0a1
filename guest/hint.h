/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hint.h - free page hinting.
 */
#ifndef FB_HINT_H
#define FB_HINT_H

#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "compat/shrinker.h"
#include "queue.h"

struct fb_balloon;

/**
 * enum fb_hint_mode - how hints are made safe (see hint.c).
 * @FB_HINT_OFF: each round is opened and closed without a hint.
 * @FB_HINT_LOGGED: the device logs every write: look, and tell.
 * @FB_HINT_HOLD: a block is off the free lists until its hint has come back.
 * @FB_HINT_HELD: a block is off the free lists until the migration is over, if the guest does not
 *                need it before.
 */
enum fb_hint_mode { FB_HINT_OFF, FB_HINT_LOGGED, FB_HINT_HOLD, FB_HINT_HELD };

/* Pages given back at a time when the migration is over. */
#define FB_HINT_KEPT_BATCH_PAGES (1UL << (25 - PAGE_SHIFT))

/**
 * struct fb_hint - see above; the queue's lock protects all but @work, @asked_id,
 *			@asked_order, @asked_held and what @kept_lock protects.
 * @queue: the free page queue.
 * @wq: runs @work alone, so that no other work delays a migration.
 * @work: answers the host's command ids.
 * @mode: settled at probe.
 * @round_mode: that of this round, which the host may ask for.
 * @off_reason: why @mode is FB_HINT_OFF, for debugfs.
 * @watched_id: what the configuration showed when the work in progress began.
 * @answered_id: the last id that was answered.
 * @by_request: a round needs a request as well (docs/protocol.md, DRV-X-1).
 * @asked_id: what the last request asks for: a command id, CMD_ID_STOP or CMD_ID_DONE.
 * @asked_order: the minimum order of its hints.
 * @asked_held: the last request asks for FB_HINT_HELD.
 * @late_zeros: how many times CMD_ID_STOP may be read without stopping (see hint.c).
 * @rounds: rounds answered in this migration.
 * @start_id: the id as the device reads it; unchanged while the ring holds it.
 * @stop_id: CMD_ID_STOP as the device reads it.
 * @min_pages: shortest run to hint in this round.
 * @held_pages: pages held by buffers in flight or about to be (HOLD, HELD).
 * @open: taken neighbours that are not queued yet (HOLD, HELD).
 * @limit_pages: most pages to have in flight in this round (HOLD, HELD).
 * @done: the migration is over: what comes back is freed.
 * @kept_lock: protects @kept and @kept_pages.
 * @kept: runs of blocks whose hint the device has handled (HELD).
 * @kept_pages: pages in them; may be read without the lock.
 * @shrinker: frees them under memory pressure.
 */
struct fb_hint {
	struct fb_queue queue;
	struct workqueue_struct *wq;
	struct work_struct work;
	enum fb_hint_mode mode;
	enum fb_hint_mode round_mode;
	const char *off_reason;
	u32 watched_id;
	u32 answered_id;
	bool by_request;
	u32 asked_id;
	unsigned int asked_order;
	bool asked_held;
	unsigned int late_zeros;
	unsigned int rounds;
	__virtio32 start_id;
	__virtio32 stop_id;
	unsigned long min_pages;
	unsigned long held_pages;
	struct fb_run open;
	unsigned long limit_pages;
	bool done;
	spinlock_t kept_lock;
	struct list_head kept;
	unsigned long kept_pages;
	struct fb_shrinker shrinker;
};

int fb_hint_create(struct fb_balloon *fb);
void fb_hint_destroy(struct fb_balloon *fb);
int fb_hint_start(struct fb_balloon *fb, struct virtqueue *vq);
void fb_hint_stop(struct fb_balloon *fb);
void fb_hint_wake(struct fb_balloon *fb);
void fb_hint_ask(struct fb_balloon *fb, u32 cmd_id, unsigned int min_order, bool held);
u32 fb_hint_read_id(struct fb_balloon *fb);
const char *fb_hint_mode_name(const struct fb_balloon *fb);

/* The modes that hold blocks: hint_hold.c, hint_alloc.c, hint_kept.c. */
int fb_hint_hold_round(struct fb_balloon *fb);
int fb_hint_hold_make_room(struct fb_balloon *fb);
int fb_hint_hold_add(struct fb_balloon *fb, const struct fb_run *run);
void fb_hint_hold_complete(struct fb_queue *q, void *token);
int fb_hint_alloc_round(struct fb_balloon *fb);
void fb_hint_kept_init(struct fb_hint *hint);
int fb_hint_kept_start(struct fb_hint *hint);
void fb_hint_kept_stop(struct fb_hint *hint);
void fb_hint_keep(struct fb_hint *hint, struct page *page);
unsigned long fb_hint_kept_release(struct fb_hint *hint);

#endif
