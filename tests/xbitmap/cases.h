/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cases.h - the xbitmap's test cases, the same ones in userspace and in a kernel. */
#ifndef FB_XBITMAP_CASES_H
#define FB_XBITMAP_CASES_H

#include "env.h"
#include "model.h"

/**
 * struct fb_case - a test case.
 * @name: what it shows.
 * @run: given an empty set, its lock held; 0 where all checks hold.
 */
struct fb_case {
	const char *name;
	int (*run)(struct fb_xb *xb);
};

extern const struct fb_case fb_cases[];
extern const unsigned int fb_nr_cases;

/* How many operations the random cases do; the userspace program does more than a kernel. */
extern unsigned int fb_random_operations;

int fb_case_run(const struct fb_case *test);
int fb_case_random(struct fb_xb *xb);
int fb_case_random_failures(struct fb_xb *xb);
int fb_case_random_preloads(struct fb_xb *xb);

#endif
