/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resize.h - one change of the guest's memory, from the target to where the guest gets.
 */
#ifndef FB_RESIZE_H
#define FB_RESIZE_H

#include "control.h"
#include "output.h"
#include "size.h"

/* How long a guest may come no closer to its target, in seconds: until it has stalled, and until
 * a best effort is taken for done where the driver cannot say so. */
#define FB_RESIZE_TIMEOUT_S 60
#define FB_RESIZE_EFFORT_S 10
/* A smaller size is a forgotten unit, and no guest survives it. */
#define FB_RESIZE_LEAST (UINT64_C(1) << 20)

/* How a change has ended. */
enum fb_resize_end {
	FB_RESIZE_REACHED,
	FB_RESIZE_SETTLED,     /* best effort: as far as it went, which is the target now */
	FB_RESIZE_STALLED,     /* no closer for too long; the target stays */
	FB_RESIZE_OVERTAKEN,   /* another client has set another target */
	FB_RESIZE_INTERRUPTED, /* by a signal; the target stays */
};

/**
 * struct fb_resize - one change of the guest's memory.
 * @size: what the operator asked for.
 * @timeout_s: how long the guest may come no closer, in seconds; 0 for the default.
 * @best_effort: be content with what the guest can do.
 * @memory: the VM's memory, in bytes, as all sizes here.
 * @from: the guest's memory before.
 * @target: what it shall be.
 * @actual: what it is.
 * @shows_told: whether the device shows what the driver tells.
 * @told: what the driver tells.
 * @asked: whether the driver was asked to go to the target by @request.
 * @request: the request.
 * @start_us: when the target was set.
 * @elapsed_us: time from then to when @actual was read.
 * @end: how it has ended.
 */
struct fb_resize {
	struct fb_size size;
	uint64_t timeout_s;
	bool best_effort;
	uint64_t memory;
	uint64_t from;
	uint64_t target;
	uint64_t actual;
	bool shows_told;
	struct fb_told told;
	bool asked;
	struct fb_request request;
	uint64_t start_us;
	uint64_t elapsed_us;
	enum fb_resize_end end;
};

int fb_resize_operand(const struct fb_cli *cli, struct fb_resize *resize, const char *text);
int fb_resize_resolve(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_resize *resize);
int fb_resize_begin(struct fb_qmp *qmp, const struct fb_balloon *balloon, struct fb_resize *resize);
int fb_resize_wait(struct fb_qmp *qmp, const struct fb_balloon *balloon, struct fb_resize *resize,
		   struct fb_progress *progress);
void fb_resize_explain(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		       const struct fb_resize *resize, struct fb_obstacle *obstacle);
json_object *fb_resize_result(const struct fb_resize *resize);

#endif /* FB_RESIZE_H */
