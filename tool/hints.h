/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hints.h - free page hints: how they are set, and what keeps them from being used.
 */
#ifndef FB_HINTS_H
#define FB_HINTS_H

#include "balloon.h"

/* Largest block that a hint may have at least, as a power of two of pages. */
#define FB_HINTS_ORDER_MAX 10
#define FB_HINTS_NO_ORDER UINT64_MAX

/**
 * struct fb_hints - settings of a fastballoon device, to be changed or put back.
 * @mode: "on", "off", "held", or empty to leave it.
 * @min_order: smallest block worth a hint, or FB_HINTS_NO_ORDER to leave it.
 */
struct fb_hints {
	char mode[8];
	uint64_t min_order;
};

bool fb_hints_mode_ok(const char *mode);
int fb_hints_get(struct fb_qmp *qmp, const struct fb_balloon *balloon, struct fb_hints *hints);
int fb_hints_set(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		 const struct fb_hints *hints);
int fb_hints_warn(struct fb_qmp *qmp, const struct fb_balloon *balloon, json_object *warnings);
json_object *fb_hints_reason(struct fb_qmp *qmp, const struct fb_balloon *balloon);

#endif /* FB_HINTS_H */
