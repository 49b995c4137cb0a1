/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_runs.h - neighbouring pages of guest memory cross in one piece.
 */
#ifndef FASTBALLOON_QEMU_PAGE_RUNS_H
#define FASTBALLOON_QEMU_PAGE_RUNS_H

#include "compat/qemu.h"

typedef struct FbBalloon FbBalloon;

/**
 * struct FbPageRuns - what sends and receives runs of pages.
 * @notifier: called by the migration.
 * @enabled: the page-runs property.
 * @series_enabled: the page-series property.
 * @off_reason: why the migration in progress, or the last one, sends none; NULL if it does.
 * @due: the bitmap was synchronised since the last pass over it, or a pass is under way.
 * @block: RAM blocks that the pass is through with.
 * @page: pages of the next one that it is through with.
 * @sent_bytes: memory sent as runs, of all migrations since the device was created.
 * @series_bytes: that part of it of which only the code was sent (page_series.h).
 * @stream_buffer_bytes: what QEMU reads ahead of a stream; 0: not known.
 */
typedef struct FbPageRuns {
	NotifierWithReturn notifier;
	bool enabled;
	bool series_enabled;
	const char *off_reason;
	bool due;
	unsigned int block;
	size_t page;
	uint64_t sent_bytes;
	uint64_t series_bytes;
	size_t stream_buffer_bytes;
} FbPageRuns;

/** fb_page_runs_properties_add() - make the property that tells why no runs are sent. */
void fb_page_runs_properties_add(FbBalloon *balloon);
void fb_page_runs_realize(FbBalloon *balloon);
/** fb_page_runs_begin() - a migration begins to @f: decide whether it sends runs. */
void fb_page_runs_begin(FbBalloon *balloon, QEMUFile *f);
void fb_page_runs_unrealize(FbBalloon *balloon);

/**
 * fb_page_runs_load() - read a section of runs into guest memory (page_runs_load.c).
 * @opaque: the FbBalloon.
 * @version_id: of the section, at most FB_RUNS_VERSION; all versions are read alike.
 *
 * Return: 0; -EINVAL where the section is malformed or does not fit the memory here; another
 * negative errno where the stream ends.
 */
int fb_page_runs_load(QEMUFile *f, void *opaque, int version_id);
/**
 * fb_stream_buffer_bytes() - find how much QEMU reads ahead of what was asked for, where it is there.
 *
 * Return: bytes, or 0 where that can't be told.
 */
size_t fb_stream_buffer_bytes(void);

#endif /* FASTBALLOON_QEMU_PAGE_RUNS_H */
