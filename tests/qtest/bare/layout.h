/* SPDX-License-Identifier: GPL-2.0-or-later */
/* layout.h - guest memory of the bare guests; test_bare.py reads it from outside. */
#ifndef FB_BARE_LAYOUT_H
#define FB_BARE_LAYOUT_H

#define FB_PAGE_BYTES 4096

/* One word that says how far the guest has come. */
#define FB_PROGRESS_GPA 0x8000
#define FB_PROGRESS_READY 1
#define FB_PROGRESS_HINTED 2
#define FB_PROGRESS_FAILED 3
#define FB_PROGRESS_DIRTIED 4

/* hint_race.c: its page is high in 128 MiB, so that a slow migration reaches it late. */
#define FB_RING_GPA 0x200000
#define FB_COMMAND_GPA 0x300000
#define FB_PAGE_GPA 0x7000000
#define FB_PAGE_BEFORE 0xaaaaaaaa
#define FB_PAGE_AFTER 0xbbbbbbbb

/* counter.c: its page is sent early in a round, the area late. */
#define FB_COUNT_GPA 0x400000
#define FB_AREA_GPA 0x2000000
#define FB_AREA_BYTES 0x4000000
/* A page register of the DMA controller, which nobody uses: not 0 is the signal. */
#define FB_SIGNAL_PORT 0x81

/* sweep.c: of the area, and how long after each of its pages: a sweep takes a second or so. */
#define FB_SWEEP_BYTES 0x2000000
#define FB_SWEEP_PAUSE_TICKS 300000

#endif /* FB_BARE_LAYOUT_H */
