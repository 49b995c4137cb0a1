// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hint.c - free page hinting: telling a migration which memory need not be sent.
 *
 * Theory of operation. The host shows a command id in the configuration and raises an
 * interrupt. The driver waits until the ring is empty, sends the id, hints, sends CMD_ID_STOP.
 * The ring must be empty first, or the device would take hints of an older round for new
 * ones. CMD_ID_DONE tells that the migration is over.
 *
 * What makes a hint safe is that no write to the page is lost between the look at the free
 * list and the device's handling of the hint:
 * - A device that offers F_HINT_LOGGED logs every write from before the id is shown. The
 *   driver only reads the free lists (FB_HINT_LOGGED). Short runs may go as page bitmaps.
 * - On any other device a write before the handling could be wiped out with the hint. There
 *   each block is held off the free lists until its descriptor has come back (FB_HINT_HOLD),
 *   or, where that is asked for or blocks must be allocated, until the migration is over
 *   (FB_HINT_HELD).
 * A hinted page that is used again later need not read as before, which is nothing new to
 * memory that is not zeroed when freed. With init_on_free or page poisoning it would be, so
 * there is no hint then.
 *
 * When to stop. An interrupt does not mean a new id: STOP and the next id are two changes,
 * and the second interrupt may come when the newer id has been read already. So the id is read
 * again, and the round goes on if it is the same. A device without F_HINT_LOGGED may show
 * CMD_ID_STOP as soon as it has got the id; of such a device the first one is passed over.
 * Going on where the host means it costs time and nothing else: the device ignores the hints.
 */
#include "fastballoon.h"

/* Ranges in a buffer to a device with F_HINT_LOGGED, which reads all of them. */
#define FB_HINT_RANGES 64

/** fb_hint_read_id() - the command id that the configuration shows. May sleep. */
u32 fb_hint_read_id(struct fb_balloon *fb)
{
	u32 id;

	virtio_cread_le(fb->vdev, struct virtio_balloon_config, free_page_hint_cmd_id, &id);
	return id;
}

/*
 * The command id to go by. With control queues a round begins when both configuration and
 * request name it, and whichever ends it first does so.
 */
static u32 fb_hint_current_id(struct fb_balloon *fb)
{
	u32 asked_id = READ_ONCE(fb->hint.asked_id), id = fb_hint_read_id(fb);

	if (!fb->hint.by_request || id == asked_id || id == VIRTIO_BALLOON_CMD_ID_DONE)
		return id;
	if (asked_id == VIRTIO_BALLOON_CMD_ID_DONE)
		return VIRTIO_BALLOON_CMD_ID_DONE;
	return VIRTIO_BALLOON_CMD_ID_STOP;
}

/* Whether what the driver is doing is no longer what the host wants. */
static bool fb_hint_interrupted(struct fb_queue *q)
{
	struct fb_balloon *fb = q->fb;
	struct fb_hint *hint = &fb->hint;
	u32 id;

	if (fb_stopping(fb))
		return true;
	id = fb_hint_current_id(fb);
	if (id == hint->watched_id)
		return false;
	if (id == VIRTIO_BALLOON_CMD_ID_STOP && hint->late_zeros) {
		hint->late_zeros--;
		return false;
	}
	return true;
}

static int fb_hint_drain(struct fb_hint *hint)
{
	int err = 0;

	while (!err && hint->queue.inflight)
		err = fb_queue_wait(&hint->queue);
	return err;
}

static int fb_hint_logged_callback(void *opaque, unsigned long pfn, unsigned long nr_pages)
{
	struct fb_balloon *fb = opaque;
	struct fb_queue *q = &fb->hint.queue;
	int err;

	if (fb_queue_cut(q))
		return -EINTR;
	if (!nr_pages)
		return 0;
	err = fb_queue_put(q, pfn, nr_pages);
	if (err)
		return err;
	fb_count(&fb->counters, FB_C_hinted_pages, nr_pages);
	fb_queue_kick(q);
	return 0;
}

static int fb_hint_logged_round(struct fb_balloon *fb)
{
	struct fb_hint *hint = &fb->hint;
	int err = fb_walk_free_mem_block(fb, hint->min_pages, fb_hint_logged_callback, &fb->holds);
	int send_err = fb_queue_send(&hint->queue);

	return err ? err : send_err;
}

static int fb_hint_send_all(struct fb_balloon *fb)
{
	struct fb_hint *hint = &fb->hint;
	u64 start_us = fb_now_us();
	int err = 0;

	if (hint->round_mode == FB_HINT_LOGGED)
		err = fb_hint_logged_round(fb);
	else if (hint->round_mode != FB_HINT_OFF)
		err = fb_hint_hold_round(fb);
	fb_count_set(&fb->counters, FB_C_hint_walk_us_last, fb_now_us() - start_us);
	return err;
}

/* Pages hinted since the driver was bound. */
static u64 fb_hint_pages(struct fb_balloon *fb)
{
	return atomic64_read(&fb->counters.values[FB_C_hinted_pages]);
}

/* What a round that ended with an error is to the host. */
static u16 fb_hint_status(const struct fb_hint *hint, int err)
{
	if (err == -EINTR)
		return VIRTIO_FASTBALLOON_STATUS_CANCELED;
	if (err)
		return VIRTIO_FASTBALLOON_STATUS_FAILED;
	return hint->mode == FB_HINT_OFF || hint->queue.dropped_pages ?
		       VIRTIO_FASTBALLOON_STATUS_PARTIAL :
		       VIRTIO_FASTBALLOON_STATUS_OK;
}

/* What the round is to be like: the host's arguments, or the parameters. The ring is empty. */
static void fb_hint_set_round(struct fb_balloon *fb)
{
	struct fb_hint *hint = &fb->hint;
	unsigned int order =
		hint->by_request ? READ_ONCE(hint->asked_order) : fb_param_hint_min_order();

	hint->min_pages = 1UL << order;
	hint->round_mode = hint->mode;
	if (hint->mode != FB_HINT_OFF && hint->by_request && READ_ONCE(hint->asked_held))
		hint->round_mode = FB_HINT_HELD;
	hint->queue.dropped_pages = 0;
}

/* Let @hinted_pages count only what was queued. */
static void fb_hint_count_dropped(struct fb_balloon *fb)
{
	unsigned long pages = fb->hint.queue.dropped_pages;

	fb_count(&fb->counters, FB_C_hint_skipped_pages, pages);
	fb_count(&fb->counters, FB_C_hinted_pages, -(u64)pages);
}

/* Answer one command id. */
static int fb_hint_round(struct fb_balloon *fb, u32 id)
{
	struct fb_hint *hint = &fb->hint;
	struct fb_queue *q = &hint->queue;
	u64 start_us = fb_now_us(), start_pages = fb_hint_pages(fb);
	int err, round_err;

	hint->watched_id = id;
	hint->late_zeros = 0;
	err = fb_hint_drain(hint);
	if (err)
		return err;
	fb_hint_set_round(fb);
	hint->answered_id = id;
	hint->done = false;
	hint->late_zeros = hint->mode == FB_HINT_LOGGED || hint->by_request ? 0 : 1;
	hint->start_id = cpu_to_virtio32(fb->vdev, id);
	err = fb_queue_add_out(q, &hint->start_id, sizeof(hint->start_id), q);
	fb_queue_kick(q);
	if (!err)
		err = fb_hint_send_all(fb);
	fb_hint_count_dropped(fb);
	round_err = err;
	if (err == -EINTR)
		fb_count(&fb->counters, FB_C_hint_rounds_cut, 1);
	if (!err || err == -EINTR)
		err = fb_queue_add_out(q, &hint->stop_id, sizeof(hint->stop_id), q);
	fb_queue_kick(q);
	hint->rounds++;
	fb_count(&fb->counters, FB_C_hint_rounds, 1);
	fb_count_set(&fb->counters, FB_C_hint_round_us_last, fb_now_us() - start_us);
	fb_ctrl_hint_ended(fb, id, fb_hint_status(hint, round_err),
			   fb_hint_pages(fb) - start_pages);
	return err;
}

static void fb_hint_finish(struct fb_balloon *fb)
{
	unsigned long pages;

	fb->hint.done = true;
	fb->hint.rounds = 0;
	pages = fb_hint_kept_release(&fb->hint);
	fb_ctrl_hint_ended(fb, VIRTIO_BALLOON_CMD_ID_DONE, VIRTIO_FASTBALLOON_STATUS_OK, pages);
}

static bool fb_hint_is_round(u32 id)
{
	return id != VIRTIO_BALLOON_CMD_ID_STOP && id != VIRTIO_BALLOON_CMD_ID_DONE;
}

/* One look at the configuration; returns whether there is reason for another. */
static bool fb_hint_step(struct fb_balloon *fb)
{
	struct fb_hint *hint = &fb->hint;
	struct fb_queue *q = &hint->queue;
	int err;
	u32 id;

	q->config_seq = atomic_read(&fb->config_seq);
	id = fb_hint_current_id(fb);
	hint->watched_id = id;
	hint->late_zeros = 0;
	if (id == VIRTIO_BALLOON_CMD_ID_DONE)
		fb_hint_finish(fb);
	if (fb_hint_is_round(id) && id != hint->answered_id)
		err = fb_hint_round(fb, id);
	else if (q->inflight)
		err = fb_queue_wait(q);
	else
		return q->config_seq != atomic_read(&fb->config_seq);
	return !err || err == -EINTR;
}

static void fb_hint_work(struct work_struct *work)
{
	struct fb_balloon *fb = container_of(work, struct fb_balloon, hint.work);

	mutex_lock(&fb->hint.queue.lock);
	while (!fb_stopping(fb) && fb_hint_step(fb))
		cond_resched();
	mutex_unlock(&fb->hint.queue.lock);
}

/** fb_hint_wake() - the configuration has changed. Any context. */
void fb_hint_wake(struct fb_balloon *fb)
{
	if (fb_queue_exists(&fb->hint.queue))
		fb_queue_work(fb, fb->hint.wq, &fb->hint.work);
}

/**
 * fb_hint_ask() - the host's last request about hints. Control worker only.
 * @fb: the balloon; its device has a free page queue.
 * @cmd_id: of the round to begin, VIRTIO_BALLOON_CMD_ID_STOP or VIRTIO_BALLOON_CMD_ID_DONE.
 * @min_order: of a round's hints, 0 to 51.
 * @held: hinted blocks stay off the free lists until the migration is over.
 */
void fb_hint_ask(struct fb_balloon *fb, u32 cmd_id, unsigned int min_order, bool held)
{
	WRITE_ONCE(fb->hint.asked_held, held);
	WRITE_ONCE(fb->hint.asked_order, min_order);
	WRITE_ONCE(fb->hint.asked_id, cmd_id);
	atomic_inc(&fb->config_seq);
	wake_up_all(&fb->acked);
	fb_hint_wake(fb);
}

/** fb_hint_mode_name() - how hints are made safe, for debugfs. */
const char *fb_hint_mode_name(const struct fb_balloon *fb)
{
	static const char *const names[] = { "off", "logged", "hold", "held" };

	return names[fb->hint.mode];
}

/* The mode that is asked for, or else the next one that is safe here. */
static enum fb_hint_mode fb_hint_safe_mode(struct fb_balloon *fb)
{
	enum fb_hint_want want = fb_param_hint_mode();

	if (want <= FB_WANT_LOGGED &&
	    virtio_has_feature(fb->vdev, VIRTIO_FASTBALLOON_F_HINT_LOGGED))
		return FB_HINT_LOGGED;
	if (want <= FB_WANT_HOLD && fb->source == FB_SOURCE_BUDDY)
		return FB_HINT_HOLD;
	return FB_HINT_HELD;
}

static void fb_hint_choose(struct fb_balloon *fb)
{
	struct fb_hint *hint = &fb->hint;

	hint->mode = FB_HINT_OFF;
	hint->off_reason = "none";
	if (!fb_param_hints()) {
		hint->off_reason = "hints=off";
	} else if (page_poisoning_enabled_static() || want_init_on_free()) {
		hint->off_reason = "freed pages are cleared or poisoned";
		dev_notice(&fb->vdev->dev, "no free page hints: %s\n", hint->off_reason);
	} else {
		hint->mode = fb_hint_safe_mode(fb);
	}
	hint->round_mode = hint->mode;
}

/**
 * fb_hint_create() - prepare what lasts as long as the driver is bound.
 *
 * Return: 0, or -ENOMEM.
 */
int fb_hint_create(struct fb_balloon *fb)
{
	INIT_WORK(&fb->hint.work, fb_hint_work);
	fb_hint_kept_init(&fb->hint);
	fb->hint.off_reason = "the device has no free page queue";
	fb->hint.wq =
		alloc_workqueue("fastballoon_hint", WQ_FREEZABLE | WQ_UNBOUND | WQ_HIGHPRI, 1);
	return fb->hint.wq ? 0 : -ENOMEM;
}

/** fb_hint_destroy() - undo fb_hint_create(). */
void fb_hint_destroy(struct fb_balloon *fb)
{
	destroy_workqueue(fb->hint.wq);
}

/**
 * fb_hint_start() - begin to answer command ids.
 * @fb: the balloon; its source of pages is settled.
 * @vq: the free page queue, or NULL where the device has none.
 *
 * Return: 0, or -ENOMEM.
 */
int fb_hint_start(struct fb_balloon *fb, struct virtqueue *vq)
{
	struct fb_hint *hint = &fb->hint;
	struct fb_encoding how;
	int err;

	if (!vq)
		return 0;
	fb_hint_choose(fb);
	hint->answered_id = VIRTIO_BALLOON_CMD_ID_STOP;
	hint->asked_id = VIRTIO_BALLOON_CMD_ID_STOP;
	hint->by_request = virtio_has_feature(fb->vdev, VIRTIO_FASTBALLOON_F_CTRL_VQ);
	hint->stop_id = cpu_to_virtio32(fb->vdev, VIRTIO_BALLOON_CMD_ID_STOP);
	how = fb_transport_encoding(fb, FB_TRANSPORT_MIX, FB_HINT_RANGES);
	err = fb_hint_kept_start(hint);
	if (err)
		return err;
	err = fb_queue_setup(&hint->queue, fb, vq, &how);
	if (err) {
		fb_hint_kept_stop(hint);
		return err;
	}
	hint->queue.interrupted = fb_hint_interrupted;
	hint->queue.complete = fb_hint_hold_complete;
	hint->queue.drops = fb_param_hint_full() == FB_FULL_SKIP;
	return 0;
}

/** fb_hint_stop() - give back all that is held. The device has been reset, no work runs. */
void fb_hint_stop(struct fb_balloon *fb)
{
	struct fb_hint *hint = &fb->hint;

	if (!fb_queue_exists(&hint->queue))
		return;
	fb_queue_abandon(&hint->queue);
	fb_hint_kept_stop(hint);
	fb_queue_release(&hint->queue);
}
