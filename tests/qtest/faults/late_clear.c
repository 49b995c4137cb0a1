// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * late_clear.c - the dirty bits of runs of pages are cleared when their memory was read.
 *
 * The binding's page_runs.c is built a second time with its calls of qemu_guest_free_page_hint()
 * and qemu_fflush() coming here. What the guest writes between is lost; the pause makes it likely.
 */
#include "compat/qemu.h"

#define FB_LATE_PAUSE_US 2000

static GArray *fb_late_ranges;

void fb_late_clear(void *hva, size_t len);
void fb_late_flush(QEMUFile *f);

void fb_late_clear(void *hva, size_t len)
{
	struct iovec range = { .iov_base = hva, .iov_len = len };

	if (!fb_late_ranges)
		fb_late_ranges = g_array_new(false, false, sizeof(range));
	g_array_append_val(fb_late_ranges, range);
}

void fb_late_flush(QEMUFile *f)
{
	guint i;

	qemu_fflush(f);
	if (!fb_late_ranges || !fb_late_ranges->len)
		return;
	g_usleep(FB_LATE_PAUSE_US);
	for (i = 0; i < fb_late_ranges->len; i++) {
		struct iovec *range = &g_array_index(fb_late_ranges, struct iovec, i);

		qemu_guest_free_page_hint(range->iov_base, range->iov_len);
	}
	g_array_set_size(fb_late_ranges, 0);
}
