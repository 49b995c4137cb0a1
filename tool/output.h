/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.h - results, failures and progress, for people and as JSON.
 */
#ifndef FB_OUTPUT_H
#define FB_OUTPUT_H

#include "cli.h"
#include "json.h"
#include "qmp.h"

/**
 * struct fb_progress - a line on a terminal that is redrawn while something runs.
 * @on: whether it is wanted: standard error is a terminal, and neither --json nor --quiet.
 * @drawn: whether there is a line to be cleared.
 */
struct fb_progress {
	bool on;
	bool drawn;
};

/**
 * struct fb_number - a number in a JSON object, as people see it.
 * @name: the member's name.
 * @label: what it is.
 * @bytes: whether it is an amount of memory; else a count.
 */
struct fb_number {
	const char *name;
	const char *label;
	bool bytes;
};

/* A number of this value says that there is none. */
#define FB_NUMBER_NONE UINT64_MAX

void fb_field(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fb_numbers(const struct fb_number *numbers, size_t count, const json_object *values);
void fb_say(const struct fb_cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void fb_warn(const struct fb_cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int fb_result(const struct fb_cli *cli, json_object *result);
int fb_fail(const struct fb_cli *cli, json_object *result, const char *remedy, const char *format,
	    ...) __attribute__((format(printf, 4, 5)));
int fb_fail_qmp(const struct fb_cli *cli, const struct fb_qmp *qmp);
void fb_progress_init(const struct fb_cli *cli, struct fb_progress *progress);
void fb_progress_draw(struct fb_progress *progress, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void fb_progress_clear(struct fb_progress *progress);

#endif /* FB_OUTPUT_H */
