// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sweep.c - a guest that notices when a migration lost a write in a long run of pages.
 *
 * Again and again it adds one to a word of each page of an area, in turn, and compares what was
 * there with the number of the sweep, which is in a register: a page whose last write was not
 * logged arrives old. It takes its time, so that such a page is not written again, and thereby
 * sent again, before the migration has ended.
 */
#include <linux/types.h>

#include "layout.h"

static __u64 fb_ticks(void)
{
	__u64 ticks;

	asm volatile("rdtsc" : "=A"(ticks));
	return ticks;
}

/* Where the clock jumps, as between two hosts, the pause ends. */
static void fb_pause(void)
{
	__u64 began = fb_ticks();

	while (fb_ticks() - began < FB_SWEEP_PAUSE_TICKS)
		asm volatile("pause");
}

void fb_main(void);
void fb_main(void)
{
	volatile __u32 *progress = (volatile __u32 *)FB_PROGRESS_GPA;
	__u32 sweep, gpa;

	for (sweep = 0;; sweep++) {
		*(volatile __u32 *)FB_COUNT_GPA = sweep;
		for (gpa = FB_AREA_GPA; gpa < FB_AREA_GPA + FB_SWEEP_BYTES; gpa += FB_PAGE_BYTES) {
			if (__sync_fetch_and_add((volatile __u32 *)gpa, 1) != sweep) {
				*progress = FB_PROGRESS_FAILED;
				return;
			}
			if (sweep)
				fb_pause();
		}
		if (!sweep)
			*progress = FB_PROGRESS_READY;
	}
}
