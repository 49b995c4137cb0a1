// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counter.c - a guest that notices when a migration lost one of its writes.
 *
 * It counts in a page and in a register, and compares the two at each step. The processor's
 * state always arrives; a page whose last write was not logged arrives old. When told so
 * through a port, it dirties FB_AREA_BYTES once, so that the migration needs another round;
 * otherwise the loop touches one page alone, and nothing makes the emulator look it up again.
 */
#include <linux/types.h>

#include "layout.h"

static __u8 fb_inb(__u16 port)
{
	__u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void fb_dirty_area(void)
{
	__u32 gpa;

	for (gpa = FB_AREA_GPA; gpa < FB_AREA_GPA + FB_AREA_BYTES; gpa += FB_PAGE_BYTES)
		*(volatile __u32 *)gpa = gpa;
}

void fb_main(void);
void fb_main(void)
{
	volatile __u32 *progress = (volatile __u32 *)FB_PROGRESS_GPA;
	volatile __u32 *page = (volatile __u32 *)FB_COUNT_GPA;
	__u32 count = 1;

	*page = count;
	*progress = FB_PROGRESS_READY;
	/* One instruction reads and writes, so that the machine is never stopped in between. */
	while (__sync_fetch_and_add(page, 1) == count) {
		count++;
		if (*progress == FB_PROGRESS_READY && fb_inb(FB_SIGNAL_PORT)) {
			fb_dirty_area();
			*progress = FB_PROGRESS_DIRTIED;
		}
	}
	*progress = FB_PROGRESS_FAILED;
}
