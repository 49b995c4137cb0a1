/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hole_skip.h - a migration does not send memory that this host never backed.
 */
#ifndef FASTBALLOON_QEMU_HOLE_SKIP_H
#define FASTBALLOON_QEMU_HOLE_SKIP_H

#include "compat/qemu.h"

#include "hole_scan.h"

typedef struct FbBalloon FbBalloon;

/* What became of hole skip in the migration in progress, or the last one. */
typedef enum FbHoleState {
	FB_HOLE_IDLE,   /* there was no migration */
	FB_HOLE_OFF,    /* not used, see off_reason */
	FB_HOLE_ACTIVE, /* used in the migration in progress */
	FB_HOLE_DONE,   /* used in the last migration, which has ended */
} FbHoleState;

/**
 * struct FbHoleResult - of the migration in progress, or the last one.
 * @off_reason: why no memory was looked at; NULL if some was.
 * @method: how it was looked at.
 * @skipped_bytes: memory without content, taken out of the first round.
 * @redirtied_bytes: of that, what had got content when it was looked at again.
 * @scan_us: time for all of it, in microseconds.
 */
typedef struct FbHoleResult {
	FbHoleState state;
	const char *off_reason;
	enum fb_hole_method method;
	uint64_t skipped_bytes;
	uint64_t redirtied_bytes;
	uint64_t scan_us;
} FbHoleResult;

/**
 * struct FbHoleSkip - what follows a migration and takes holes out of its bitmap.
 * @notifier: called by the migration.
 * @enabled: the hole-skip property.
 * @result: under the BQL.
 * @skipped_bytes: of all migrations since the device was created.
 */
typedef struct FbHoleSkip {
	NotifierWithReturn notifier;
	bool enabled;
	FbHoleResult result;
	uint64_t skipped_bytes;
} FbHoleSkip;

/** fb_hole_properties_add() - make the properties; hole skip is on. */
void fb_hole_properties_add(FbBalloon *balloon);
void fb_hole_skip_realize(FbBalloon *balloon);
/**
 * fb_hole_skip_run() - take holes out of the bitmap of the first round, before any page is sent.
 * @f: takes the names of the RAM blocks of which memory was skipped.
 */
void fb_hole_skip_run(FbBalloon *balloon, QEMUFile *f);
/**
 * fb_hole_skip_load() - read these names on the destination.
 *
 * Return: 0, or a negative errno where memory of a block that has old content was skipped, where
 * a block is not here, or where the stream is malformed.
 */
int fb_hole_skip_load(QEMUFile *f);
void fb_hole_skip_unrealize(FbBalloon *balloon);

#endif /* FASTBALLOON_QEMU_HOLE_SKIP_H */
