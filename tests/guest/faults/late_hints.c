// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * late_hints.c - hints that are honoured one sync late.
 *
 * A page that was hinted and used again before the sync is then left out although it is dirty. The
 * tests link this into a shared object of their own, to prove that they would notice. There,
 * qemu/hinting.c and qemu/hint_worker.c are compiled to call these functions instead of QEMU's.
 */
#include "compat/qemu.h"

typedef struct FbLateRange {
	void *hva;
	size_t len;
} FbLateRange;

static GArray *fb_late_ranges;
static QemuMutex fb_late_lock;

void fb_late_hint(void *hva, size_t len);
void fb_late_add_notifier(NotifierWithReturn *notifier);

static int fb_late_notify(NotifierWithReturn *notifier, void *data)
{
	PrecopyNotifyData *precopy = data;
	guint i;

	if (precopy->reason != PRECOPY_NOTIFY_AFTER_BITMAP_SYNC)
		return 0;
	qemu_mutex_lock(&fb_late_lock);
	for (i = 0; i < fb_late_ranges->len; i++) {
		FbLateRange *range = &g_array_index(fb_late_ranges, FbLateRange, i);

		qemu_guest_free_page_hint(range->hva, range->len);
	}
	g_array_set_size(fb_late_ranges, 0);
	qemu_mutex_unlock(&fb_late_lock);
	return 0;
}

static NotifierWithReturn fb_late_notifier = { .notify = fb_late_notify };

/* In place of qemu_guest_free_page_hint(). */
void fb_late_hint(void *hva, size_t len)
{
	FbLateRange range = { .hva = hva, .len = len };

	qemu_mutex_lock(&fb_late_lock);
	g_array_append_val(fb_late_ranges, range);
	qemu_mutex_unlock(&fb_late_lock);
}

/* In place of precopy_add_notifier(). */
void fb_late_add_notifier(NotifierWithReturn *notifier)
{
	precopy_add_notifier(notifier);
	if (fb_late_ranges)
		return;
	qemu_mutex_init(&fb_late_lock);
	fb_late_ranges = g_array_new(false, false, sizeof(FbLateRange));
	precopy_add_notifier(&fb_late_notifier);
}
