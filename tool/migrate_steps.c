// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * migrate_steps.c - what prepares a migration, and what puts things back after it.
 *
 * A step that cannot be done is a warning: the migration costs more without it, and is right all
 * the same.
 *
 * A guest that was shrunk gets its memory back where it runs next. Its target is part of what
 * migrates, so it has to be right before the device's state is sent, and not much earlier, since
 * the guest would fill the memory that must not be sent. So QEMU is told to wait before the
 * switch-over, when the guest stands still (capability pause-before-switchover); migrate.c then
 * calls fb_migrate_return(). The guest does the rest on the destination.
 */
#include "migrate.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vm.h"

#define FB_STEP_TIMEOUT_S 60
#define FB_STEP_PAUSE "pause-before-switchover"

__attribute__((format(printf, 3, 4))) static void fb_steps_warn(const struct fb_cli *cli,
								struct fb_migrate *migrate,
								const char *format, ...)
{
	char text[768];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_object_array_add(migrate->warnings, json_object_new_string(text));
	fb_warn(cli, "%s", text);
}

/* A refusal of QEMU's is a warning; other errors are passed on. */
static int fb_steps_refused(const struct fb_cli *cli, struct fb_qmp *qmp,
			    struct fb_migrate *migrate, const char *what, int rc)
{
	if (rc != -EREMOTEIO)
		return rc;
	fb_steps_warn(cli, migrate, "%s: %s", what, qmp->cause);
	return 0;
}

/* Whether driver and device can do a step; where not, it is a warning. */
static int fb_steps_check(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_migrate *migrate,
			  const char *type)
{
	struct fb_obstacle obstacle;
	int rc;

	if (!migrate->has_balloon) {
		fb_steps_warn(cli, migrate, "no %s: the VM has no balloon device", type);
		return 0;
	}
	rc = fb_control_check(qmp, &migrate->balloon, &obstacle);
	if (!rc)
		fb_steps_warn(cli, migrate, "no %s: %s", type, obstacle.cause);
	return rc;
}

static int fb_steps_ask(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			struct fb_request *request)
{
	json_object *arguments = json_object_new_object();
	int rc;

	fb_json_add_u64(arguments, "timeout-ms", FB_STEP_TIMEOUT_S * 1000);
	rc = fb_request_send(qmp, balloon, request, arguments);
	return rc ? rc : fb_request_wait(qmp, balloon, request, FB_STEP_TIMEOUT_S);
}

/* Has the guest do something with its memory; returns 0 or a negative errno. */
static int fb_steps_request(const struct fb_cli *cli, struct fb_qmp *qmp,
			    struct fb_migrate *migrate, const char *type)
{
	struct fb_request request = { .type = type };
	char text[FB_REQUEST_TEXT_MAX];
	struct fb_obstacle obstacle;
	int rc = fb_steps_check(cli, qmp, migrate, type);

	if (rc <= 0)
		return rc;
	rc = fb_steps_ask(qmp, &migrate->balloon, &request);
	if (rc)
		return fb_steps_refused(cli, qmp, migrate, type, rc);
	fb_json_add(migrate->steps, type, fb_request_result(&request));
	if (fb_request_done(&request)) {
		fb_say(cli, "%s", fb_request_text(&request, text));
	} else if (!qmp->interrupts) {
		fb_request_explain(&request, &obstacle);
		fb_steps_warn(cli, migrate, "%s failed: %s", type, obstacle.cause);
	}
	return 0;
}

static void fb_steps_say_shrunk(const struct fb_cli *cli, struct fb_qmp *qmp,
				struct fb_migrate *migrate)
{
	const struct fb_resize *resize = &migrate->resize;
	char from[FB_TEXT_MAX], actual[FB_TEXT_MAX], elapsed[FB_TEXT_MAX];
	struct fb_obstacle obstacle;

	if (resize->end == FB_RESIZE_STALLED || resize->end == FB_RESIZE_OVERTAKEN) {
		fb_resize_explain(qmp, &migrate->balloon, resize, &obstacle);
		fb_steps_warn(cli, migrate, "balloon-first stalled at %s: %s",
			      fb_size_format(resize->actual, actual), obstacle.cause);
		return;
	}
	fb_say(cli, "guest memory %s -> %s in %s, for the migration",
	       fb_size_format(resize->from, from), fb_size_format(resize->actual, actual),
	       fb_time_format(resize->elapsed_us, elapsed));
}

/* Shrinks the guest as far as it goes; returns 0 or a negative errno. */
static int fb_steps_shrink(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	struct fb_resize *resize = &migrate->resize;
	struct fb_obstacle obstacle;
	struct fb_progress progress;
	int rc;

	if (resize->target >= resize->from)
		return 0;
	if (fb_obstacle_find(qmp, &migrate->balloon, &obstacle)) {
		fb_steps_warn(cli, migrate, "no balloon-first: %s", obstacle.cause);
		return 0;
	}
	fb_progress_init(cli, &progress);
	rc = fb_resize_begin(qmp, &migrate->balloon, resize);
	if (!rc) {
		migrate->shrunk = true;
		rc = fb_resize_wait(qmp, &migrate->balloon, resize, &progress);
	}
	fb_progress_clear(&progress);
	if (rc)
		return fb_steps_refused(cli, qmp, migrate, "balloon-first", rc);
	fb_json_add(migrate->steps, "balloon-first", fb_resize_result(resize));
	if (!qmp->interrupts)
		fb_steps_say_shrunk(cli, qmp, migrate);
	return 0;
}

static int fb_steps_set_pause(struct fb_qmp *qmp, bool on)
{
	json_object *arguments = json_object_new_object(), *list = json_object_new_array();
	json_object *capability = json_object_new_object();

	fb_json_add_text(capability, "capability", FB_STEP_PAUSE);
	fb_json_add_bool(capability, "state", on);
	json_object_array_add(list, capability);
	fb_json_add(arguments, "capabilities", list);
	return fb_qmp_call(qmp, "migrate-set-capabilities", arguments, NULL);
}

/* Has QEMU wait for us before the switch-over, unless someone else has it wait for them. */
static int fb_steps_pause(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	char size[FB_TEXT_MAX];
	bool on;
	int rc = fb_vm_capability(qmp, FB_STEP_PAUSE, &on);

	if (rc || !migrate->shrunk)
		return rc;
	if (!on)
		rc = fb_steps_set_pause(qmp, true);
	migrate->pausing = !rc && !on;
	if (migrate->pausing)
		return 0;
	fb_steps_warn(cli, migrate,
		      "the memory cannot be given back at the switch-over: %s; use fastballoon set "
		      "%s on the destination",
		      rc ? qmp->cause : "someone else has QEMU wait there",
		      fb_size_format(migrate->resize.from, size));
	return rc == -EREMOTEIO ? 0 : rc;
}

/* Sets the mode of hinting, and remembers the one in force. */
static int fb_steps_hint(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	struct fb_hints found;
	int rc = migrate->has_balloon ? fb_hints_get(qmp, &migrate->balloon, &found) : 0;

	if (rc < 0)
		return rc;
	if (!rc) {
		fb_steps_warn(cli, migrate,
			      "hints stay as they are: the VM has no fastballoon device that can "
			      "change them");
		return 0;
	}
	rc = fb_hints_set(qmp, &migrate->balloon, &migrate->hints);
	if (!rc)
		strcpy(migrate->hints_found.mode, found.mode);
	migrate->hints_found.min_order = FB_HINTS_NO_ORDER;
	return fb_steps_refused(cli, qmp, migrate, "hints", rc);
}

/* Says what keeps the migration from using hints. */
static int fb_steps_warn_of_hints(const struct fb_cli *cli, struct fb_qmp *qmp,
				  struct fb_migrate *migrate)
{
	json_object *found = json_object_new_array();
	int rc = 0;

	if (migrate->has_balloon)
		rc = fb_hints_warn(qmp, &migrate->balloon, found);
	for (size_t i = 0; !rc && i < json_object_array_length(found); i++)
		fb_steps_warn(cli, migrate, "%s",
			      json_object_get_string(json_object_array_get_idx(found, i)));
	json_object_put(found);
	return rc;
}

/* Works out how far to shrink the guest; returns the exit status. */
static int fb_steps_resolve(const struct fb_cli *cli, struct fb_qmp *qmp,
			    struct fb_migrate *migrate)
{
	if (!migrate->balloon_first)
		return FB_EXIT_OK;
	if (migrate->has_balloon)
		return fb_resize_resolve(cli, qmp, &migrate->resize);
	fb_steps_warn(cli, migrate, "no balloon-first: the VM has no balloon device");
	migrate->balloon_first = false;
	return FB_EXIT_OK;
}

static int fb_steps_run(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	int rc = 0;

	if (*migrate->hints.mode)
		rc = fb_steps_hint(cli, qmp, migrate);
	if (!rc)
		rc = fb_steps_warn_of_hints(cli, qmp, migrate);
	if (!rc && migrate->drop_caches && !qmp->interrupts)
		rc = fb_steps_request(cli, qmp, migrate, "drop-caches");
	if (!rc && migrate->compact && !qmp->interrupts)
		rc = fb_steps_request(cli, qmp, migrate, "compact");
	if (!rc && migrate->balloon_first && !qmp->interrupts)
		rc = fb_steps_shrink(cli, qmp, migrate);
	if (!rc && migrate->balloon_first && !qmp->interrupts)
		rc = fb_steps_pause(cli, qmp, migrate);
	return rc;
}

/**
 * fb_migrate_prepare() - do what was asked for before the migration, and report where that fails.
 * @cli: the call.
 * @qmp: the connection.
 * @migrate: the migration; what was changed is to be put back with fb_migrate_restore() in any
 *           case.
 *
 * Return: FB_EXIT_OK or the exit status.
 */
int fb_migrate_prepare(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	int status = fb_steps_resolve(cli, qmp, migrate);

	if (status)
		return status;
	if (fb_steps_run(cli, qmp, migrate))
		return fb_fail_qmp(cli, qmp);
	if (!qmp->interrupts)
		return FB_EXIT_OK;
	fb_migrate_return(qmp, migrate);
	return fb_fail(cli, fb_migrate_result(migrate), "start it again",
		       "interrupted before the migration was started");
}

/**
 * fb_migrate_return() - let the guest have the memory again that was taken for the migration.
 * @qmp: the connection.
 * @migrate: the migration, whose @returned tells whether that worked.
 */
void fb_migrate_return(struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	json_object *arguments;

	if (!migrate->shrunk || migrate->returned)
		return;
	arguments = json_object_new_object();
	fb_json_add_u64(arguments, "value", migrate->resize.from);
	migrate->returned = !fb_qmp_call(qmp, "balloon", arguments, NULL);
}

/**
 * fb_migrate_restore() - put back what was changed in QEMU for the migration.
 * @qmp: the connection.
 * @migrate: the migration, which has ended here.
 *
 * QEMU may be gone by now, so nothing is said where this fails.
 */
void fb_migrate_restore(struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	enum fb_migrate_phase phase = fb_migrate_phase(migrate);
	bool left = phase == FB_MIGRATE_COMPLETED || phase == FB_MIGRATE_POSTCOPY ||
		    phase == FB_MIGRATE_BROKEN;

	if (!migrate->start_us || !left)
		fb_migrate_return(qmp, migrate);
	fb_migrate_set_limits(qmp, &migrate->found);
	if (migrate->pausing)
		fb_steps_set_pause(qmp, false);
	if (*migrate->hints_found.mode)
		fb_hints_set(qmp, &migrate->balloon, &migrate->hints_found);
}
