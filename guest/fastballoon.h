/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fastballoon.h - the driver's state, shared by all its files.
 *
 * Who runs, and what orders them:
 * - The size worker inflates and deflates. It alone inflates.
 * - Migrations exchange pages of the balloon, in any task's context; they wait for nothing. The
 *   movable worker tells the device of it.
 * - The control worker takes the host's requests and sends replies and progress. It waits for
 *   nobody. Requests that take long have workers of their own (caches.c).
 * - The memory notifier deflates what is to go offline.
 * - The OOM notifier deflates, in any task's context; it waits for a bounded time only.
 * - The hint worker answers a migration's command ids, on a workqueue of its own.
 * - The stats worker refills the statistics buffer.
 * - Linux's free page reporting calls fb_report_callback() from a worker of its own.
 * - Virtqueue and configuration callbacks (interrupts) only wake the others.
 *
 * Locks, outermost first:
 * - fb->taking (mutex): a batch of pages is on its way into the balloon.
 * - fb->movable.lock (mutex): one at a time tells the device of migrations.
 * - A queue's lock (mutex), held while the device is waited for. Nobody holds two of them.
 * - fb->size.actual_lock (mutex): order of writes of "actual".
 * - fb->blocks.lock (mutex): the balloon's contents. Nothing is waited for under it.
 * - A ballooned page's lock; where it is taken under a queue's lock it is only tried.
 * - fb->movable.info.pages_lock (spinlock, interrupts off).
 * - fb->hint.kept_lock (spinlock).
 * - fb->goal.lock, fb->progress.lock, fb->ctrl.lock (spinlocks): nobody holds two of them.
 * - fb->stop_lock (spinlock, interrupts off): no work is queued once fb->stopping is set.
 * - zone->lock (spinlock, interrupts off), which only buddy.c, hint_hold.c, source.c and walk.c take.
 *   No other lock is taken and nothing allocated under it.
 * No memory that could need reclaim is allocated under any lock, so the OOM notifier may take
 * those it needs.
 *
 * Pages that the device may still discard are never freed: those of an inflate that was not
 * answered, or of a deflate that had to be, go to fb->unacked until the device is reset.
 */
#ifndef FASTBALLOON_H
#define FASTBALLOON_H

#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/page_reporting.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/vmstat.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <linux/virtio_fastballoon.h>

#include "blocks.h"
#include "buddy.h"
#include "caches.h"
#include "config.h"
#include "counters.h"
#include "ctrl.h"
#include "debugfs.h"
#include "deflate.h"
#include "encode.h"
#include "goal.h"
#include "hint.h"
#include "holds.h"
#include "inflate.h"
#include "movable.h"
#include "oom.h"
#include "pages.h"
#include "params.h"
#include "progress.h"
#include "queue.h"
#include "report.h"
#include "sift.h"
#include "size.h"
#include "source.h"
#include "stats.h"
#include "transport.h"
#include "wake.h"
#include "walk.h"
#include "yield.h"

/* How long a device that does not answer holds up the driver's removal, at least once. */
#define FB_STOP_WAIT_MS 5000

/**
 * struct fb_balloon - one device.
 * @vdev: the device.
 * @wq: runs all work but the hints'.
 * @stop_lock: protects @stopping against work being queued.
 * @stopping: the driver is being unbound or the machine suspended.
 * @dead: the device has been reset; it uses no page and answers no buffer.
 * @failed: the device broke the rules; the balloon grows no more.
 * @acked: woken when buffers come back or the configuration changes.
 * @config_seq: number of changes of the configuration.
 * @config: the looks at it.
 * @inflate: the inflateq.
 * @deflate: the deflateq; its lock also orders deflations.
 * @report: the reporting queue.
 * @inflate_via: @inflate or @report.
 * @transport: how pages are sent.
 * @announces_deflate: the device is told of pages that leave the balloon.
 * @blocks: the balloon.
 * @movable: that part of the balloon which the kernel may migrate.
 * @yield: giving way to the kernel.
 * @taking: held from taking a batch of pages to its being in @blocks; size worker.
 * @unacked: marked pages that cannot be freed before a reset; size worker or @deflate.lock.
 * @source: where pages come from.
 * @source_reason: why from there.
 * @next_node: NUMA node from which the next batch comes first.
 * @poison_val: what the device was told that freed pages contain.
 * @size: the way to the target.
 * @goal: how the host wants it to be gone.
 * @wake: notices that the guest frees memory.
 * @progress: how far the balloon is, and why it is not further.
 * @ctrl: the control queues.
 * @caches: what the host has asked for that makes memory free.
 * @oom_nb: the OOM notifier.
 * @oom_registered: it is in force.
 * @oom_until: when the balloon may grow again, in jiffies.
 * @oom_seen: @oom_until counts.
 * @report_dev: registration with Linux's free page reporting.
 * @report_registered: that is in force.
 * @hint: free page hinting.
 * @stats: memory statistics.
 * @counters: what was done.
 * @holds: how long zone->lock was held.
 * @debugfs: the folder that shows it.
 */
struct fb_balloon {
	struct virtio_device *vdev;
	struct workqueue_struct *wq;
	spinlock_t stop_lock;
	bool stopping;
	bool dead;
	bool failed;
	wait_queue_head_t acked;
	atomic_t config_seq;
	struct fb_config config;

	struct fb_queue inflate;
	struct fb_queue deflate;
	struct fb_queue report;
	struct fb_queue *inflate_via;
	enum fb_transport transport;
	bool announces_deflate;

	struct fb_blocks blocks;
	struct fb_movable movable;
	struct fb_yield yield;
	struct mutex taking;
	struct fb_batch unacked;
	enum fb_source source;
	const char *source_reason;
	int next_node;
	u32 poison_val;

	struct fb_size size;
	struct fb_goal goal;
	struct fb_wake wake;
	struct fb_progress progress;
	struct fb_ctrl ctrl;
	struct fb_caches caches;

	struct notifier_block oom_nb;
	bool oom_registered;
	unsigned long oom_until;
	bool oom_seen;

	struct page_reporting_dev_info report_dev;
	bool report_registered;

	struct fb_hint hint;
	struct fb_stats stats;
	struct fb_counters counters;
	struct fb_holds holds;
	struct dentry *debugfs;
};

static inline bool fb_stopping(const struct fb_balloon *fb)
{
	return READ_ONCE(fb->stopping);
}

static inline bool fb_dead(const struct fb_balloon *fb)
{
	return READ_ONCE(fb->dead);
}

static inline bool fb_failed(const struct fb_balloon *fb)
{
	return READ_ONCE(fb->failed);
}

static inline u64 fb_now_us(void)
{
	return ktime_to_us(ktime_get());
}

void fb_fail(struct fb_balloon *fb, int err);
void fb_queue_work(struct fb_balloon *fb, struct workqueue_struct *wq, struct work_struct *work);
void fb_queue_delayed_work(struct fb_balloon *fb, struct delayed_work *work, unsigned int delay_ms);
void fb_requeue_delayed_work(struct fb_balloon *fb, struct delayed_work *work,
			     unsigned int delay_ms);

#endif
