// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hints.c - free page hints: how they are set, and what keeps them from being used.
 *
 * A fastballoon device can be told at any time whether the next migration uses hints. QEMU's own
 * device takes that from its command line alone.
 */
#include "hints.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vm.h"

#define FB_HINTS_MODE "fastballoon-hints"
#define FB_HINTS_ORDER "fastballoon-hint-min-order"
#define FB_HINTS_REASON "fastballoon-hint-off-reason"
#define FB_HINTS_OFFERED "free-page-hint"

/* What a migration is told to do, and why it defeats hints. */
static const struct {
	const char *capability;
	const char *why;
} fb_hints_enemies[] = {
	{ "postcopy-ram", "no hints: a page that was skipped could not be fetched later" },
	{ "background-snapshot", "no hints: it has no dirty log" },
	{ "x-colo", "no hints: it compares the memory of both sides" },
	{ "x-ignore-shared", "no hints of shared memory, which is not sent at all" },
};

/**
 * fb_hints_mode_ok() - whether a word names a mode of hinting.
 * @mode: the word.
 *
 * Return: true if it does.
 */
bool fb_hints_mode_ok(const char *mode)
{
	return !strcmp(mode, "on") || !strcmp(mode, "off") || !strcmp(mode, "held");
}

/**
 * fb_hints_get() - the settings in force.
 * @qmp: the connection.
 * @balloon: the device.
 * @hints: receives them.
 *
 * Return: 1; 0 where they cannot be changed while the VM runs; or a negative errno, see qmp.h.
 */
int fb_hints_get(struct fb_qmp *qmp, const struct fb_balloon *balloon, struct fb_hints *hints)
{
	json_object *value;
	int rc;

	hints->mode[0] = '\0';
	hints->min_order = FB_HINTS_NO_ORDER;
	rc = balloon->ours ? fb_balloon_get(qmp, balloon, FB_HINTS_MODE, &value) : 0;
	if (rc <= 0)
		return rc;
	if (json_object_is_type(value, json_type_string))
		snprintf(hints->mode, sizeof(hints->mode), "%s", json_object_get_string(value));
	json_object_put(value);
	rc = fb_balloon_get(qmp, balloon, FB_HINTS_ORDER, &value);
	if (rc > 0) {
		hints->min_order = json_object_get_uint64(value);
		json_object_put(value);
	}
	return rc < 0 ? rc : *hints->mode != '\0';
}

/**
 * fb_hints_set() - change the settings.
 * @qmp: the connection.
 * @balloon: the device, for which fb_hints_get() has returned 1.
 * @hints: the new ones.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_hints_set(struct fb_qmp *qmp, const struct fb_balloon *balloon, const struct fb_hints *hints)
{
	int rc = 0;

	if (*hints->mode)
		rc = fb_balloon_set(qmp, balloon, FB_HINTS_MODE,
				    json_object_new_string(hints->mode));
	if (!rc && hints->min_order != FB_HINTS_NO_ORDER)
		rc = fb_balloon_set(qmp, balloon, FB_HINTS_ORDER,
				    json_object_new_uint64(hints->min_order));
	return rc;
}

/**
 * fb_hints_reason() - why the last migration, or the one going on, has no hints.
 * @qmp: the connection.
 * @balloon: the device.
 *
 * Return: a string to be released, or NULL where it has hints or the device does not say.
 */
json_object *fb_hints_reason(struct fb_qmp *qmp, const struct fb_balloon *balloon)
{
	json_object *reason;

	if (!balloon->ours || fb_balloon_get(qmp, balloon, FB_HINTS_REASON, &reason) <= 0)
		return NULL;
	if (json_object_is_type(reason, json_type_string) && json_object_get_string_len(reason))
		return reason;
	json_object_put(reason);
	return NULL;
}

__attribute__((format(printf, 2, 3))) static void fb_hints_add(json_object *warnings,
							       const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_object_array_add(warnings, json_object_new_string(text));
}

static int fb_hints_warn_capabilities(struct fb_qmp *qmp, const struct fb_balloon *balloon,
				      json_object *warnings)
{
	const char *name;
	bool on;
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(fb_hints_enemies) / sizeof(fb_hints_enemies[0]); i++) {
		name = fb_hints_enemies[i].capability;
		rc = fb_vm_capability(qmp, name, &on);
		if (rc || !on)
			continue;
		if (!balloon->ours && !strcmp(name, "x-ignore-shared"))
			fb_hints_add(warnings,
				     "x-ignore-shared is on: QEMU's own balloon device can crash "
				     "QEMU with hints of shared memory");
		else
			fb_hints_add(warnings, "%s is on: %s", name, fb_hints_enemies[i].why);
	}
	return rc;
}

static int fb_hints_warn_driver(struct fb_qmp *qmp, const struct fb_balloon *balloon,
				json_object *warnings)
{
	char state[FB_VM_STATE_MAX];
	enum fb_driver driver;
	json_object *features;
	bool running, takes_part = false;
	int rc = fb_balloon_driver(qmp, balloon, &driver, &features);

	if (rc)
		return rc;
	for (size_t i = 0; i < json_object_array_length(features); i++)
		takes_part |=
			!strcmp(json_object_get_string(json_object_array_get_idx(features, i)),
				FB_HINTS_OFFERED);
	json_object_put(features);
	rc = fb_vm_state(qmp, state, &running);
	if (!rc && !running)
		fb_hints_add(warnings, "the VM does not run (%s): its driver cannot hint", state);
	else if (!rc && driver == FB_DRIVER_ABSENT)
		fb_hints_add(warnings, "no driver in the guest has taken the balloon");
	else if (!rc && driver == FB_DRIVER_PRESENT && !takes_part)
		fb_hints_add(warnings, "the guest's driver takes no part in hinting");
	return rc;
}

/**
 * fb_hints_warn() - what in the settings in force keeps the next migration from using hints.
 * @qmp: the connection.
 * @balloon: the device.
 * @warnings: an array that gains a string for each; none where the device has hints switched off.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_hints_warn(struct fb_qmp *qmp, const struct fb_balloon *balloon, json_object *warnings)
{
	struct fb_hints hints;
	json_object *value;
	bool offered;
	int rc = fb_balloon_get(qmp, balloon, FB_HINTS_OFFERED, &value);

	if (rc <= 0)
		return rc;
	offered = json_object_get_boolean(value);
	json_object_put(value);
	rc = fb_hints_get(qmp, balloon, &hints);
	if (rc < 0 || !strcmp(hints.mode, "off"))
		return rc < 0 ? rc : 0;
	if (!offered) {
		if (balloon->ours)
			fb_hints_add(warnings, "the device was started with free-page-hint=off");
		return 0;
	}
	rc = fb_hints_warn_capabilities(qmp, balloon, warnings);
	return rc ? rc : fb_hints_warn_driver(qmp, balloon, warnings);
}
