/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prefault.h - backing the destination's memory a little ahead of an incoming migration.
 */
#ifndef FASTBALLOON_QEMU_PREFAULT_H
#define FASTBALLOON_QEMU_PREFAULT_H

#include "compat/qemu.h"

/**
 * struct FbPrefault - what looks after an incoming migration.
 * @thread: backs memory while @running.
 * @running: until all has been loaded, or the device goes away.
 * @stop: the thread is to end.
 * @blocks: FbPrefaultBlock of each RAM block that is being loaded.
 * @backed_bytes: memory backed ahead, since the device was created.
 * @returned_bytes: the part of it that was not received, and was given back.
 */
typedef struct FbPrefault {
	QemuThread thread;
	bool running;
	bool stop;
	GPtrArray *blocks;
	uint64_t backed_bytes;
	uint64_t returned_bytes;
} FbPrefault;

/**
 * fb_prefault_realize() - look after the incoming migration that this QEMU waits for, if any.
 * @wanted: the property.
 */
void fb_prefault_realize(FbPrefault *prefault, bool wanted);
/**
 * fb_prefault_loaded() - all RAM has been loaded: give back what was not received.
 *
 * To be called by the thread that loads, before QEMU frees the bitmaps of received pages.
 */
void fb_prefault_loaded(FbPrefault *prefault);
/** fb_prefault_unrealize() - the device goes away, perhaps before any migration has come. */
void fb_prefault_unrealize(FbPrefault *prefault);

#endif /* FASTBALLOON_QEMU_PREFAULT_H */
