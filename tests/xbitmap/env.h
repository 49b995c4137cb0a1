/* SPDX-License-Identifier: GPL-2.0-or-later */
/* env.h - what the xbitmap's test cases need of the place they run in: userspace or a kernel. */
#ifndef FB_XBITMAP_ENV_H
#define FB_XBITMAP_ENV_H

#include "xbitmap.h"

/* Allocations succeed as often as this, then all fail; -1: none fails. */
void fb_env_fail_after(long nr_allocations);

/* Bitmaps and, in userspace, entries that are not freed. */
long fb_env_live(void);

/* Says which check does not hold. */
void fb_env_say(const char *file, int line, const char *check);

/* XArray nodes in the tree; @expected where the place cannot count them. */
unsigned long fb_env_nodes(struct fb_xb *xb, unsigned long expected);

/* Memory for the reference models, which does not count as live. */
void *fb_env_alloc(size_t size);
void fb_env_free(void *memory);

#endif
