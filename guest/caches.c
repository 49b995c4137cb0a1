// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * caches.c - dropping caches and compacting memory on the host's request.
 *
 * What the kernel has for it is exported to nobody but /proc/sys/vm, so that is what is written
 * to, by a worker, whose root folder is that of the guest's process 1. Each takes as long as it
 * takes, and has FB_CACHES_REST_MS of rest afterwards.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/vmstat.h>

#include "fastballoon.h"

#define FB_CACHES_REST_MS 1000

/* Pieces that count when memory was compacted: 2 MiB and more. */
#define FB_CACHES_PIECE_ORDER (21 - PAGE_SHIFT)

/* Write a digit to a file, if it is the kernel's; returns 0 or an error of the file. */
static int fb_caches_write(const char *path, char digit)
{
	const char text[] = { digit, '\n' };
	struct file *file = filp_open(path, O_WRONLY | O_LARGEFILE, 0);
	ssize_t written;
	loff_t pos = 0;

	if (IS_ERR(file))
		return PTR_ERR(file);
	written = -ENOENT;
	if (file_inode(file)->i_sb->s_magic == PROC_SUPER_MAGIC)
		written = kernel_write(file, text, sizeof(text), &pos);
	filp_close(file, NULL);
	return min_t(ssize_t, written, 0);
}

static u16 fb_caches_status(int err)
{
	switch (err) {
	case 0:
		return VIRTIO_FASTBALLOON_STATUS_OK;
	case -ENOENT:
		return VIRTIO_FASTBALLOON_STATUS_NOT_SUPPORTED;
	case -ENOMEM:
		return VIRTIO_FASTBALLOON_STATUS_NO_MEMORY;
	default:
		return VIRTIO_FASTBALLOON_STATUS_FAILED;
	}
}

/* Free memory; the balloon may take it as soon as it is free, so what is in there counts. */
static unsigned long fb_caches_free_pages(struct fb_balloon *fb)
{
	return global_zone_page_state(NR_FREE_PAGES) + fb_blocks_pages(&fb->blocks);
}

/* Free memory in large pieces, read without locks. */
static unsigned long fb_caches_piece_pages(void)
{
	unsigned long pages = 0;
	int nid, i, order;

	for_each_online_node(nid) {
		for (i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[i];

			if (!populated_zone(zone))
				continue;
			for (order = FB_CACHES_PIECE_ORDER; order < FB_NR_ORDERS; order++)
				pages += READ_ONCE(zone->free_area[order].nr_free) << order;
		}
	}
	return pages;
}

static void fb_caches_end(struct fb_chore *chore, int err, unsigned long before_pages,
			  unsigned long after_pages)
{
	u64 gain = after_pages > before_pages ? after_pages - before_pages : 0;
	u32 id = chore->id;

	chore->ended = jiffies;
	chore->rests = true;
	smp_store_release(&chore->busy, false);
	fb_ctrl_reply(chore->fb, id, fb_caches_status(err), err ? 0 : gain << PAGE_SHIFT);
}

static void fb_caches_drop(struct work_struct *work)
{
	struct fb_chore *chore = container_of(work, struct fb_chore, work);
	unsigned long before_pages = fb_caches_free_pages(chore->fb);
	/* The file's bits are the request's. */
	int err = fb_caches_write("/proc/sys/vm/drop_caches", '0' + chore->caches);

	fb_caches_end(chore, err, before_pages, fb_caches_free_pages(chore->fb));
}

static void fb_caches_compact(struct work_struct *work)
{
	struct fb_chore *chore = container_of(work, struct fb_chore, work);
	unsigned long before_pages = fb_caches_piece_pages();
	int err = fb_caches_write("/proc/sys/vm/compact_memory", '1');

	fb_caches_end(chore, err, before_pages, fb_caches_piece_pages());
	/* The balloon may have been short of large pieces: nothing else tells it of them. */
	fb_size_wake(chore->fb);
}

/**
 * fb_caches_ask() - begin with a request. Control worker only.
 * @fb: the balloon.
 * @request: a valid one of type VIRTIO_FASTBALLOON_REQ_DROP_CACHES or _COMPACT.
 *
 * Return: FB_REPLY_LATER, or STATUS_BUSY while another is in work, or was a moment ago.
 */
int fb_caches_ask(struct fb_balloon *fb, const struct fb_request *request)
{
	bool drop = request->type == VIRTIO_FASTBALLOON_REQ_DROP_CACHES;
	struct fb_chore *chore = drop ? &fb->caches.drop : &fb->caches.compact;

	BUILD_BUG_ON(VIRTIO_FASTBALLOON_CACHE_PAGES != 1 || VIRTIO_FASTBALLOON_CACHE_SLAB != 2);
	if (smp_load_acquire(&chore->busy))
		return VIRTIO_FASTBALLOON_STATUS_BUSY;
	if (chore->rests &&
	    time_before(jiffies, chore->ended + msecs_to_jiffies(FB_CACHES_REST_MS)))
		return VIRTIO_FASTBALLOON_STATUS_BUSY;
	chore->busy = true;
	chore->id = request->id;
	chore->caches = request->arg[0];
	fb_queue_work(fb, fb->wq, &chore->work);
	return FB_REPLY_LATER;
}

/** fb_caches_quiesce() - returns when nothing is in work; it is not queued any more. */
void fb_caches_quiesce(struct fb_balloon *fb)
{
	cancel_work_sync(&fb->caches.drop.work);
	cancel_work_sync(&fb->caches.compact.work);
	fb->caches.drop.busy = false;
	fb->caches.compact.busy = false;
}

/** fb_caches_init() - prepare. */
void fb_caches_init(struct fb_balloon *fb)
{
	fb->caches.drop.fb = fb;
	fb->caches.compact.fb = fb;
	INIT_WORK(&fb->caches.drop.work, fb_caches_drop);
	INIT_WORK(&fb->caches.compact.work, fb_caches_compact);
}
