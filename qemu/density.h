/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * density.h - the destination of a migration learns where few pages will arrive.
 */
#ifndef FASTBALLOON_QEMU_DENSITY_H
#define FASTBALLOON_QEMU_DENSITY_H

#include "compat/qemu.h"

typedef struct FbBalloon FbBalloon;

/**
 * struct FbDensity - the map of sparse regions, on either side.
 * @enabled: the density-map property.
 * @applied: destination: some memory has huge pages suppressed, until all is loaded.
 * @small_page_bytes: destination: memory loaded on small pages, since the device was created.
 */
typedef struct FbDensity {
	bool enabled;
	bool applied;
	uint64_t small_page_bytes;
} FbDensity;

/**
 * fb_density_save() - write the map of what the bitmap of the migration holds now.
 *
 * In the migration thread, behind the hints of the first round.
 */
void fb_density_save(FbBalloon *balloon, QEMUFile *f);
/**
 * fb_density_load() - read the map and act on it, before the first page arrives.
 *
 * Return: 0, or a negative errno where the stream is malformed.
 */
int fb_density_load(FbBalloon *balloon, QEMUFile *f);
/** fb_density_loaded() - all RAM has been loaded: huge pages are welcome everywhere again. */
void fb_density_loaded(FbBalloon *balloon);

#endif /* FASTBALLOON_QEMU_DENSITY_H */
