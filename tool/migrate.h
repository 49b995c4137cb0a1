/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * migrate.h - one migration: its preparation, its way through QEMU, its account.
 */
#ifndef FB_MIGRATE_H
#define FB_MIGRATE_H

#include "balloon.h"
#include "hints.h"
#include "output.h"
#include "resize.h"

/* What a status of QEMU's means for this command. */
enum fb_migrate_phase {
	FB_MIGRATE_NONE,     /* nothing going on, now or before */
	FB_MIGRATE_RUNNING,  /* going on, can be cancelled */
	FB_MIGRATE_WAITING,  /* stopped before the switch-over; can be cancelled */
	FB_MIGRATE_POSTCOPY, /* going on, must not be cancelled */
	FB_MIGRATE_BROKEN,   /* postcopy that waits for its connection to be restored */
	FB_MIGRATE_COMPLETED,
	FB_MIGRATE_FAILED,
	FB_MIGRATE_CANCELLED,
};

/**
 * struct fb_migrate_limits - limits of QEMU's.
 * @bandwidth: bytes per second, or 0 to leave what is in force.
 * @downtime_ms: the longest downtime, or 0 to leave what is in force.
 */
struct fb_migrate_limits {
	uint64_t bandwidth;
	uint64_t downtime_ms;
};

/**
 * struct fb_migrate - one migration.
 * @uri: where to.
 * @limits: limits to set.
 * @found: limits found in QEMU.
 * @timeout_s: how long it may take, or 0.
 * @detach: leave once it is started.
 * @drop_caches: have the guest drop its caches first.
 * @compact: have the guest compact its memory first.
 * @balloon_first: shrink the guest first, by @resize.
 * @resize: how far; what has become of it.
 * @shrunk: whether the guest was shrunk.
 * @returned: whether the memory was given back.
 * @pausing: whether QEMU was told to wait for us before the switch-over.
 * @continued: whether it was told to go on.
 * @hints: the mode of hinting to set.
 * @hints_found: the mode found in the device; empty where it was left alone.
 * @has_balloon: whether there is @balloon.
 * @balloon: the VM's balloon.
 * @steps: what the preparation has given, an object.
 * @warnings: what the operator should know, an array of strings.
 * @spared_before: what the device had counted before it started.
 * @counts_spared: whether the device counts.
 * @ballooned: bytes in the balloon when it started.
 * @start_us: when it was started.
 * @cancel_us: when it was cancelled, or 0.
 * @info: the last reply of query-migrate, or NULL.
 */
struct fb_migrate {
	const char *uri;
	struct fb_migrate_limits limits;
	struct fb_migrate_limits found;
	uint64_t timeout_s;
	bool detach;
	bool drop_caches;
	bool compact;
	bool balloon_first;
	struct fb_resize resize;
	bool shrunk;
	bool returned;
	bool pausing;
	bool continued;
	struct fb_hints hints;
	struct fb_hints hints_found;
	bool has_balloon;
	struct fb_balloon balloon;
	json_object *steps;
	json_object *warnings;
	struct fb_balloon_spared spared_before;
	bool counts_spared;
	uint64_t ballooned;
	uint64_t start_us;
	uint64_t cancel_us;
	json_object *info;
};

/* migrate.c */
const char *fb_migrate_status(const struct fb_migrate *migrate);
enum fb_migrate_phase fb_migrate_phase(const struct fb_migrate *migrate);
bool fb_migrate_goes_on(const struct fb_migrate *migrate);
int fb_migrate_look(struct fb_qmp *qmp, struct fb_migrate *migrate);
int fb_migrate_set_limits(struct fb_qmp *qmp, const struct fb_migrate_limits *limits);
int fb_migrate_limit(struct fb_qmp *qmp, struct fb_migrate *migrate);
int fb_migrate_start(struct fb_qmp *qmp, struct fb_migrate *migrate);
int fb_migrate_follow(struct fb_qmp *qmp, struct fb_migrate *migrate, struct fb_progress *progress);

/* migrate_steps.c */
int fb_migrate_prepare(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_migrate *migrate);
void fb_migrate_return(struct fb_qmp *qmp, struct fb_migrate *migrate);
void fb_migrate_restore(struct fb_qmp *qmp, struct fb_migrate *migrate);

/* migrate_account.c */
int fb_migrate_count_from(struct fb_qmp *qmp, struct fb_migrate *migrate);
void fb_migrate_draw(struct fb_qmp *qmp, const struct fb_migrate *migrate,
		     struct fb_progress *progress);
json_object *fb_migrate_result(const struct fb_migrate *migrate);
void fb_migrate_account(const struct fb_cli *cli, struct fb_qmp *qmp,
			const struct fb_migrate *migrate, json_object *result);

#endif /* FB_MIGRATE_H */
