/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dirty_log.h - making QEMU's dirty log exact where hinting depends on it.
 */
#ifndef FASTBALLOON_QEMU_DIRTY_LOG_H
#define FASTBALLOON_QEMU_DIRTY_LOG_H

#include <stdbool.h>

/* The plugin's tcg-flush argument. */
enum fb_tcg_flush {
	FB_TCG_FLUSH_AUTO, /* on when a device of ours exists */
	FB_TCG_FLUSH_ON,   /* on also for the stock device */
	FB_TCG_FLUSH_OFF,
};

/** fb_dirty_log_init() - act on the plugin's tcg-flush argument. */
void fb_dirty_log_init(enum fb_tcg_flush mode);

/**
 * fb_dirty_log_attach() - a device of ours has registered a precopy notifier.
 *
 * The TLB flush has to run first after a sync, and notifiers run last-added first.
 */
void fb_dirty_log_attach(void);

/** fb_dirty_log_exact() - whether every write after a sync will be logged. */
bool fb_dirty_log_exact(void);

/**
 * fb_dirty_log_clear() - finish what the last bitmap sync has postponed.
 *
 * With manual protection (KVM) a sync copies the log and leaves it set, so that a later
 * write to a page whose bit is set is not told apart. Afterwards every write is logged.
 * Under the BQL, in the migration thread, right after a sync and before anything is sent.
 */
void fb_dirty_log_clear(void);

#endif /* FASTBALLOON_QEMU_DIRTY_LOG_H */
