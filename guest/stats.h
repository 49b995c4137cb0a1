/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats.h - memory statistics for the host.
 */
#ifndef FB_STATS_H
#define FB_STATS_H

#include <linux/virtio.h>
#include <linux/virtio_balloon.h>
#include <linux/workqueue.h>

struct fb_balloon;

/**
 * struct fb_stats - the statistics queue, which holds exactly one buffer.
 * @vq: the virtqueue, or NULL where the device has none.
 * @work: refills the buffer when the device has returned it; the only user of @vq.
 * @buffer: what the device reads.
 */
struct fb_stats {
	struct virtqueue *vq;
	struct work_struct work;
	struct virtio_balloon_stat buffer[VIRTIO_BALLOON_S_NR];
};

void fb_stats_init(struct fb_balloon *fb);
int fb_stats_start(struct fb_balloon *fb);
void fb_stats_callback(struct virtqueue *vq);

#endif
