// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stats.c - memory statistics for the host.
 *
 * The device keeps a buffer until it wants new values, and returns it then.
 */
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "fastballoon.h"

static void fb_stats_set(struct fb_balloon *fb, unsigned int *nr, u16 tag, u64 value)
{
	struct virtio_balloon_stat *stat = &fb->stats.buffer[(*nr)++];

	stat->tag = cpu_to_virtio16(fb->vdev, tag);
	stat->val = cpu_to_virtio64(fb->vdev, value);
}

static u64 fb_pages_to_bytes(unsigned long pages)
{
	return (u64)pages << PAGE_SHIFT;
}

/* Fill the buffer; returns the number of statistics in it. */
static unsigned int fb_stats_fill(struct fb_balloon *fb)
{
	unsigned long events[NR_VM_EVENT_ITEMS];
	unsigned int nr = 0;
	struct sysinfo info;

	all_vm_events(events);
	si_meminfo(&info);
#ifdef CONFIG_VM_EVENT_COUNTERS
	fb_stats_set(fb, &nr, VIRTIO_BALLOON_S_SWAP_IN, fb_pages_to_bytes(events[PSWPIN]));
	fb_stats_set(fb, &nr, VIRTIO_BALLOON_S_SWAP_OUT, fb_pages_to_bytes(events[PSWPOUT]));
	fb_stats_set(fb, &nr, VIRTIO_BALLOON_S_MAJFLT, events[PGMAJFAULT]);
	fb_stats_set(fb, &nr, VIRTIO_BALLOON_S_MINFLT, events[PGFAULT]);
#ifdef CONFIG_HUGETLB_PAGE
	fb_stats_set(fb, &nr, VIRTIO_BALLOON_S_HTLB_PGALLOC, events[HTLB_BUDDY_PGALLOC]);
	fb_stats_set(fb, &nr, VIRTIO_BALLOON_S_HTLB_PGFAIL, events[HTLB_BUDDY_PGALLOC_FAIL]);
#endif
#endif
	fb_stats_set(fb, &nr, VIRTIO_BALLOON_S_MEMFREE, fb_pages_to_bytes(info.freeram));
	fb_stats_set(fb, &nr, VIRTIO_BALLOON_S_MEMTOT, fb_pages_to_bytes(info.totalram));
	fb_stats_set(fb, &nr, VIRTIO_BALLOON_S_AVAIL, fb_pages_to_bytes(si_mem_available()));
	fb_stats_set(fb, &nr, VIRTIO_BALLOON_S_CACHES,
		     fb_pages_to_bytes(global_node_page_state(NR_FILE_PAGES)));
	return nr;
}

static int fb_stats_send(struct fb_balloon *fb)
{
	unsigned int nr = fb_stats_fill(fb);
	struct scatterlist sg;
	int err;

	sg_init_one(&sg, fb->stats.buffer, nr * sizeof(fb->stats.buffer[0]));
	err = virtqueue_add_outbuf(fb->stats.vq, &sg, 1, fb, GFP_KERNEL);
	if (!err)
		virtqueue_kick(fb->stats.vq);
	return err;
}

static void fb_stats_work(struct work_struct *work)
{
	struct fb_balloon *fb = container_of(work, struct fb_balloon, stats.work);
	unsigned int len;

	if (!virtqueue_get_buf(fb->stats.vq, &len))
		return;
	fb_count(&fb->counters, FB_C_stats_requests, 1);
	if (fb_stats_send(fb))
		dev_warn_ratelimited(&fb->vdev->dev, "cannot send memory statistics\n");
}

/** fb_stats_callback() - the device wants statistics. Interrupt context. */
void fb_stats_callback(struct virtqueue *vq)
{
	struct fb_balloon *fb = vq->vdev->priv;

	fb_queue_work(fb, fb->wq, &fb->stats.work);
}

/** fb_stats_init() - prepare, before there are virtqueues. */
void fb_stats_init(struct fb_balloon *fb)
{
	INIT_WORK(&fb->stats.work, fb_stats_work);
}

/**
 * fb_stats_start() - queue the first buffer, where the device has a statistics queue.
 *
 * Return: 0, or an error of the ring.
 */
int fb_stats_start(struct fb_balloon *fb)
{
	return fb->stats.vq ? fb_stats_send(fb) : 0;
}
