// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wake.c - waking the size worker when the guest frees memory.
 *
 * While an inflate is stalled, a probe on the kernel's tracepoint for freed pages counts them
 * for each CPU. Every FB_WAKE_LOOK_PAGES it compares the guest's free memory with what there
 * was when the inflate stalled; if it has grown by FB_WAKE_GAIN_PAGES, the worker is woken,
 * once, after FB_WAKE_DELAY_MS in which an exiting process can free the rest. A guest that
 * frees nothing is never woken by it.
 *
 * Pages are freed in any context, also with a run queue or a workqueue locked. So the probe
 * only raises an irq_work.
 *
 * docs/design.md says which other ways there are. Where the kernel has no tracepoints, the size
 * worker's own retries have to do.
 */
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>
#include <linux/vmstat.h>
#include <trace/events/kmem.h>

#include "fastballoon.h"

/* Pages freed on a CPU between two looks, and growth that is worth waking up for: 1 MiB. */
#define FB_WAKE_LOOK_PAGES 64
#define FB_WAKE_GAIN_PAGES 256

#define FB_WAKE_DELAY_MS 20

#ifdef CONFIG_TRACEPOINTS
static struct tracepoint *fb_wake_tracepoint;

static void fb_wake_find_one(struct tracepoint *tp, void *unused)
{
	if (!strcmp(tp->name, "mm_page_free"))
		fb_wake_tracepoint = tp;
}

/** fb_wake_find() - look for the kernel's tracepoint, once. */
void fb_wake_find(void)
{
	for_each_kernel_tracepoint(fb_wake_find_one, NULL);
}

/* Any context. */
static void fb_wake_probe(void *data, struct page *page, unsigned int order)
{
	struct fb_wake *wake = data;
	unsigned int nr_pages = 1U << order;

	if (this_cpu_add_return(*wake->freed, nr_pages) < FB_WAKE_LOOK_PAGES)
		return;
	this_cpu_write(*wake->freed, 0);
	if (READ_ONCE(wake->armed) &&
	    global_zone_page_state(NR_FREE_PAGES) >= READ_ONCE(wake->threshold_pages) &&
	    xchg(&wake->armed, false))
		irq_work_queue(&wake->irq_work);
}

static bool fb_wake_attach(struct fb_wake *wake)
{
	check_trace_callback_type_mm_page_free(fb_wake_probe);
	if (!wake->attached && fb_wake_tracepoint)
		wake->attached =
			!tracepoint_probe_register(fb_wake_tracepoint, fb_wake_probe, wake);
	return wake->attached;
}

/** fb_wake_detach() - free pages at full speed again. Size worker, or none running; sleeps. */
void fb_wake_detach(struct fb_balloon *fb)
{
	struct fb_wake *wake = &fb->wake;

	WRITE_ONCE(wake->armed, false);
	if (wake->attached)
		tracepoint_probe_unregister(fb_wake_tracepoint, fb_wake_probe, wake);
	wake->attached = false;
}

/** fb_wake_stop() - the same; returns when no probe runs or is on its way to the worker. */
void fb_wake_stop(struct fb_balloon *fb)
{
	fb_wake_detach(fb);
	tracepoint_synchronize_unregister();
	irq_work_sync(&fb->wake.irq_work);
}
#else
void fb_wake_find(void)
{
}

static bool fb_wake_attach(struct fb_wake *wake)
{
	return false;
}

void fb_wake_detach(struct fb_balloon *fb)
{
}

void fb_wake_stop(struct fb_balloon *fb)
{
}
#endif

static void fb_wake_irq_work(struct irq_work *irq_work)
{
	struct fb_balloon *fb = container_of(irq_work, struct fb_balloon, wake.irq_work);

	fb_count(&fb->counters, FB_C_freed_wakes, 1);
	fb_requeue_delayed_work(fb, &fb->size.work, FB_WAKE_DELAY_MS);
}

/**
 * fb_wake_arm() - wake the size worker when free memory has grown. Size worker only; sleeps.
 * @fb: the balloon.
 * @free_pages: free memory when the worker found that it had nothing more to take.
 *
 * Return: whether the kernel has what it takes.
 */
bool fb_wake_arm(struct fb_balloon *fb, unsigned long free_pages)
{
	struct fb_wake *wake = &fb->wake;

	if (!fb_wake_attach(wake))
		return false;
	WRITE_ONCE(wake->threshold_pages, free_pages + FB_WAKE_GAIN_PAGES);
	smp_store_release(&wake->armed, true);
	return true;
}

/**
 * fb_wake_create() - prepare what lasts as long as the driver is bound.
 *
 * Return: 0, or -ENOMEM.
 */
int fb_wake_create(struct fb_balloon *fb)
{
	init_irq_work(&fb->wake.irq_work, fb_wake_irq_work);
	fb->wake.freed = alloc_percpu(unsigned int);
	return fb->wake.freed ? 0 : -ENOMEM;
}

/** fb_wake_destroy() - undo fb_wake_create() after fb_wake_stop(). */
void fb_wake_destroy(struct fb_balloon *fb)
{
	free_percpu(fb->wake.freed);
}
