/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * buddy_gate.h - whether this kernel's free lists may be used as guest/buddy.c does.
 */
#ifndef FB_COMPAT_BUDDY_GATE_H
#define FB_COMPAT_BUDDY_GATE_H

#include <linux/kasan-enabled.h>
#include <linux/mm.h>
#include <linux/version.h>

/*
 * Kernels whose page allocator was read and stress-tested: 6.1 and 6.12 with all their stable
 * updates. 6.12 also counts the free pages of the types that are not taken; nothing is to be
 * done for the others.
 */
#define FB_KERNEL_IS(major, minor)                                \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(major, minor, 0) && \
	 LINUX_VERSION_CODE < KERNEL_VERSION(major, (minor) + 1, 0))
#define FB_BUDDY_VERIFIED (FB_KERNEL_IS(6, 1) || FB_KERNEL_IS(6, 12))

/**
 * fb_buddy_refusal() - why blocks may not be taken off the free lists.
 *
 * Debugging aids that keep a record of each allocation would miss ours. Where a kernel exports
 * whether one is in use, that counts; else its being built in is enough.
 *
 * Return: the cause, or NULL where blocks may be taken.
 */
static inline const char *fb_buddy_refusal(void)
{
	if (!FB_BUDDY_VERIFIED)
		return "not verified on this kernel version";
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return "the kernel is built with PREEMPT_RT";
	if (!IS_ENABLED(CONFIG_SPARSEMEM))
		return "the kernel is built without SPARSEMEM";
	if (IS_ENABLED(CONFIG_KASAN) && kasan_enabled())
		return "KASAN is on";
	if (IS_ENABLED(CONFIG_KMSAN))
		return "the kernel is built with KMSAN";
	if (IS_ENABLED(CONFIG_PAGE_OWNER))
		return "the kernel is built with PAGE_OWNER";
	if (IS_ENABLED(CONFIG_PAGE_TABLE_CHECK))
		return "the kernel is built with PAGE_TABLE_CHECK";
	if (IS_ENABLED(CONFIG_MEM_ALLOC_PROFILING))
		return "the kernel is built with allocation profiling";
	if (debug_pagealloc_enabled())
		return "debug_pagealloc is on";
	if (page_poisoning_enabled_static())
		return "page poisoning is on";
	return NULL;
}

#endif
