// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * statsq.c - the statistics queue and its polling.
 *
 * The driver leaves one buffer with the device. To ask for new statistics the device returns
 * that buffer, and the driver sends it again, filled (virtio 1.3, section 5.5.6.3).
 */
#include "balloon.h"

static void fb_statsq_return_elem(FbBalloon *balloon)
{
	FbStatsPoll *stats = &balloon->stats;

	virtqueue_push(stats->vq, stats->elem, 0);
	virtio_notify(VIRTIO_DEVICE(balloon), stats->vq);
	g_free(stats->elem);
	stats->elem = NULL;
}

static void fb_statsq_arm(FbBalloon *balloon, int64_t delay_s)
{
	timer_mod(balloon->stats.timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + delay_s * 1000);
}

static void fb_statsq_poll(void *opaque)
{
	FbBalloon *balloon = opaque;
	FbStatsPoll *stats = &balloon->stats;

	if (stats->elem &&
	    virtio_vdev_has_feature(VIRTIO_DEVICE(balloon), VIRTIO_BALLOON_F_STATS_VQ))
		fb_statsq_return_elem(balloon);
	else
		fb_statsq_arm(balloon, stats->interval_s);
}

static void fb_statsq_output(VirtIODevice *vdev, VirtQueue *vq)
{
	struct fb_range ranges[VIRTQUEUE_MAX_SIZE];
	FbBalloon *balloon = FB_BALLOON(vdev);
	FbStatsPoll *stats = &balloon->stats;
	VirtQueueElement *elem = virtqueue_pop(vq, sizeof(*elem));
	struct fb_buffer buffer;

	if (!elem)
		return;
	/* A driver keeps exactly one buffer here; one that sends more gets the first back. */
	if (stats->elem)
		fb_statsq_return_elem(balloon);
	stats->elem = elem;
	buffer = fb_buffer_from_elem(elem, ranges);
	fb_device_receive_stats(&balloon->core, &buffer);
	stats->last_update_s = qemu_clock_get_ns(QEMU_CLOCK_HOST) / NANOSECONDS_PER_SECOND;
	if (stats->interval_s)
		fb_statsq_arm(balloon, stats->interval_s);
}

void fb_statsq_realize(FbBalloon *balloon)
{
	balloon->stats.vq = virtio_add_queue(VIRTIO_DEVICE(balloon), 128, fb_statsq_output);
}

void fb_statsq_unrealize(FbBalloon *balloon)
{
	FbStatsPoll *stats = &balloon->stats;

	stats->interval_s = 0;
	timer_del(stats->timer);
	virtio_delete_queue(stats->vq);
}

void fb_statsq_reset(FbBalloon *balloon)
{
	FbStatsPoll *stats = &balloon->stats;

	if (!stats->elem)
		return;
	virtqueue_unpop(stats->vq, stats->elem, 0);
	g_free(stats->elem);
	stats->elem = NULL;
}

void fb_statsq_resume(FbBalloon *balloon)
{
	FbStatsPoll *stats = &balloon->stats;

	if (!stats->elem && virtqueue_rewind(stats->vq, 1))
		fb_statsq_output(VIRTIO_DEVICE(balloon), stats->vq);
}

void fb_statsq_post_load(FbBalloon *balloon)
{
	if (balloon->stats.interval_s)
		fb_statsq_arm(balloon, balloon->stats.interval_s);
}

static void fb_statsq_get_interval(Object *obj, Visitor *v, const char *name, void *opaque,
				   Error **errp)
{
	visit_type_int(v, name, &FB_BALLOON(obj)->stats.interval_s, errp);
}

static void fb_statsq_set_interval(Object *obj, Visitor *v, const char *name, void *opaque,
				   Error **errp)
{
	FbBalloon *balloon = FB_BALLOON(obj);
	FbStatsPoll *stats = &balloon->stats;
	int64_t value_s;
	bool was_off = !stats->interval_s;

	if (!visit_type_int(v, name, &value_s, errp))
		return;
	if (value_s < 0 || value_s > UINT32_MAX) {
		error_setg(errp, "%s must be 0 (off) to %u seconds", name, UINT32_MAX);
		return;
	}
	if (value_s == stats->interval_s)
		return;
	stats->interval_s = value_s;
	if (!value_s)
		timer_del(stats->timer);
	else
		fb_statsq_arm(balloon, was_off ? 0 : value_s);
}

static bool fb_statsq_visit_values(Visitor *v, FbBalloon *balloon, Error **errp)
{
	unsigned int tag;
	bool ok = true;

	if (!visit_start_struct(v, "stats", NULL, 0, errp))
		return false;
	for (tag = 0; ok && fb_stat_name(tag); tag++)
		ok = visit_type_uint64(v, fb_stat_name(tag), &balloon->core.stats[tag], errp);
	ok = ok && visit_check_struct(v, errp);
	visit_end_struct(v, NULL);
	return ok;
}

static void fb_statsq_get(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	FbBalloon *balloon = FB_BALLOON(obj);

	if (!visit_start_struct(v, name, NULL, 0, errp))
		return;
	if (visit_type_int(v, "last-update", &balloon->stats.last_update_s, errp) &&
	    fb_statsq_visit_values(v, balloon, errp))
		visit_check_struct(v, errp);
	visit_end_struct(v, NULL);
}

void fb_statsq_init(FbBalloon *balloon)
{
	Object *obj = OBJECT(balloon);

	balloon->stats.timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, fb_statsq_poll, balloon);
	object_property_add(obj, "guest-stats", "guest statistics", fb_statsq_get, NULL, NULL,
			    NULL);
	object_property_add(obj, "guest-stats-polling-interval", "int", fb_statsq_get_interval,
			    fb_statsq_set_interval, NULL, NULL);
}

void fb_statsq_finalize(FbBalloon *balloon)
{
	timer_free(balloon->stats.timer);
}
