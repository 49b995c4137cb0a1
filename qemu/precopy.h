/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * precopy.h - what happens between the first bitmap sync and the first page.
 */
#ifndef FASTBALLOON_QEMU_PRECOPY_H
#define FASTBALLOON_QEMU_PRECOPY_H

typedef struct FbBalloon FbBalloon;

/** fb_precopy_realize() - have a section of our own in every migration stream. */
void fb_precopy_realize(FbBalloon *balloon);
void fb_precopy_unrealize(FbBalloon *balloon);

#endif /* FASTBALLOON_QEMU_PRECOPY_H */
