/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * obstacle.h - why a guest does not do what its balloon is asked.
 */
#ifndef FB_OBSTACLE_H
#define FB_OBSTACLE_H

#include "balloon.h"

/**
 * struct fb_obstacle - what keeps a guest from answering.
 * @cause: what is in the way.
 * @remedy: what the operator can do about it.
 */
struct fb_obstacle {
	char cause[192];
	const char *remedy;
};

bool fb_obstacle_find(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		      struct fb_obstacle *obstacle);

#endif /* FB_OBSTACLE_H */
