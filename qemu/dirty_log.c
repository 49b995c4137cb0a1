// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty_log.c - making QEMU's dirty log exact where hinting depends on it.
 *
 * Two faults of a bitmap sync are mended right behind it:
 *
 *   TCG    QEMU 7.2 clears the dirty bits but leaves translations in the vCPUs' TLBs that
 *          write without setting them again. Every vCPU flushes its TLB before anything of
 *          the round is sent.
 *   KVM    The log is cleared by hand, chunk by chunk, when a page of the chunk is sent or
 *          hinted. fb_dirty_log_clear() does all of it at once, so that a hint that comes
 *          later wipes no write made in between.
 */
#include "compat/qemu.h"

#include "dirty_log.h"

static enum fb_tcg_flush fb_flush_mode;
static bool fb_flush_attached;

static void fb_tlb_flush_on_cpu(CPUState *cpu, run_on_cpu_data data)
{
	tlb_flush(cpu);
}

static int fb_flush_notify(NotifierWithReturn *notifier, void *data)
{
	PrecopyNotifyData *precopy = data;
	CPUState *cpu;

	if (precopy->reason != PRECOPY_NOTIFY_AFTER_BITMAP_SYNC)
		return 0;
	/* Drops the BQL while it waits, as QEMU's own listener does at this place. */
	CPU_FOREACH(cpu)
	run_on_cpu(cpu, fb_tlb_flush_on_cpu, RUN_ON_CPU_NULL);
	return 0;
}

static NotifierWithReturn fb_flush_notifier = { .notify = fb_flush_notify };

static void fb_flush_attach(void)
{
	if (!tcg_enabled() || fb_flush_mode == FB_TCG_FLUSH_OFF)
		return;
	if (fb_flush_attached)
		precopy_remove_notifier(&fb_flush_notifier);
	precopy_add_notifier(&fb_flush_notifier);
	fb_flush_attached = true;
}

static void fb_flush_machine_done(Notifier *notifier, void *data)
{
	fb_flush_attach();
}

static Notifier fb_machine_done = { .notify = fb_flush_machine_done };

void fb_dirty_log_init(enum fb_tcg_flush mode)
{
	fb_flush_mode = mode;
	if (mode == FB_TCG_FLUSH_ON)
		qemu_add_machine_init_done_notifier(&fb_machine_done);
}

void fb_dirty_log_attach(void)
{
	fb_flush_attach();
}

bool fb_dirty_log_exact(void)
{
	return !tcg_enabled() || fb_flush_mode != FB_TCG_FLUSH_OFF;
}

static void fb_clear_block(RAMBlock *rb)
{
	uint64_t chunk_pages, pages, page;

	if (!rb->clear_bmap || ramblock_is_ignored(rb))
		return;
	chunk_pages = UINT64_C(1) << rb->clear_bmap_shift;
	pages = rb->used_length >> TARGET_PAGE_BITS;
	for (page = 0; page < pages; page += chunk_pages) {
		if (clear_bmap_test_and_clear(rb, page))
			memory_region_clear_dirty_bitmap(rb->mr, page << TARGET_PAGE_BITS,
							 chunk_pages << TARGET_PAGE_BITS);
	}
}

void fb_dirty_log_clear(void)
{
	RAMBlock *rb;

	RCU_READ_LOCK_GUARD();
	RAMBLOCK_FOREACH(rb)
		fb_clear_block(rb);
}
