// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_status.c - fastballoon status: the VM, its balloon and its migration at a glance.
 */
#include <stdio.h>
#include <string.h>

#include "balloon.h"
#include "output.h"
#include "size.h"
#include "vm.h"

/* Properties of both stock and fastballoon devices that are shown as options. */
static const char *const fb_status_properties[] = {
	"deflate-on-oom", "free-page-hint",      "free-page-reporting",
	"page-poison",    "must-tell-host",      "sg",
	"hint-logged",    "eager-clear",         "page-bitmap",
	"ctrl-vq",        "prealloc-on-deflate", "keep-huge-pages",
	"hole-skip",
};

#define FB_STATUS_PROPERTIES (sizeof(fb_status_properties) / sizeof(fb_status_properties[0]))

static const struct fb_number fb_status_counters[] = {
	{ "inflated-bytes", "inflated", true },
	{ "deflated-bytes", "deflated", true },
	{ "reported-bytes", "reported free", true },
	{ "discarded-bytes", "given back to host", true },
	{ "inhibited-bytes", "kept, inhibited", true },
	{ "discard-failures", "discards failed", false },
	{ "failed-bytes", "failed to give back", true },
	{ "waiting-bytes", "waiting for the rest", true },
	{ "populated-bytes", "populated", true },
	{ "populate-failures", "populations failed", false },
	{ "hinted-bytes", "hinted", true },
	{ "stale-hint-bytes", "hinted too late", true },
	{ "hole-skipped-bytes", "skipped as holes", true },
	{ "run-sent-bytes", "sent in runs", true },
	{ "series-bytes", "of it as series", true },
	{ "small-page-bytes", "on small pages", true },
	{ "requests", "requests", false },
	{ "ranges", "ranges", false },
	{ "refused", "refused", false },
};

#define FB_STATUS_COUNTERS (sizeof(fb_status_counters) / sizeof(fb_status_counters[0]))

/* What a fastballoon device tells beside its options, and under which name it is shown. */
static const struct {
	const char *property;
	const char *key;
} fb_status_ours[] = {
	{ "fastballoon-hints", "hints" },
	{ "fastballoon-hint-min-order", "hint-min-order" },
	{ "fastballoon-hint-state", "hint-state" },
	{ "fastballoon-hint-off-reason", "hint-off-reason" },
	{ "fastballoon-hole-skip", "hole-skip" },
	{ "fastballoon-progress", "progress" },
	{ "fastballoon-requests", "requests" },
	{ "fastballoon-features", "feature-bits" },
	{ "fastballoon-counters", "counters" },
};

#define FB_STATUS_OURS (sizeof(fb_status_ours) / sizeof(fb_status_ours[0]))

static const struct option fb_status_options[] = { FB_COMMON_OPTIONS };

static void fb_status_version(const struct fb_qmp *qmp, json_object *result)
{
	const json_object *version = fb_json_child(fb_json_child(qmp->greeting, "QMP"), "version");
	const json_object *qemu = fb_json_child(version, "qemu");
	char text[64];

	snprintf(text, sizeof(text), "%u.%u.%u", (unsigned int)fb_json_u64(qemu, "major"),
		 (unsigned int)fb_json_u64(qemu, "minor"),
		 (unsigned int)fb_json_u64(qemu, "micro"));
	fb_json_add_text(result, "qemu-version", text);
	fb_json_add_text(result, "qemu-package", fb_json_text(version, "package"));
}

static int fb_status_vm(struct fb_qmp *qmp, json_object *result)
{
	char state[FB_VM_STATE_MAX];
	uint64_t memory;
	bool running, kvm;
	int rc;

	fb_status_version(qmp, result);
	rc = fb_vm_state(qmp, state, &running);
	if (!rc)
		rc = fb_vm_kvm(qmp, &kvm);
	if (!rc)
		rc = fb_vm_memory(qmp, &memory);
	if (rc)
		return rc;
	fb_json_add_text(result, "vm-state", state);
	fb_json_add_text(result, "accelerator", kvm ? "kvm" : "tcg");
	fb_json_add_u64(result, "memory-bytes", memory);
	return 0;
}

/* Adds a property of the device under another name, if the device has it. */
static int fb_status_copy(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			  const char *property, json_object *to, const char *key)
{
	json_object *value;
	int rc = fb_balloon_get(qmp, balloon, property, &value);

	if (rc > 0)
		fb_json_add(to, key, value);
	return rc < 0 ? rc : 0;
}

static int fb_status_driver(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			    json_object *result)
{
	static const char *const names[] = {
		[FB_DRIVER_UNKNOWN] = "unknown",
		[FB_DRIVER_ABSENT] = "absent",
		[FB_DRIVER_PRESENT] = "present",
	};
	json_object *features;
	enum fb_driver driver;
	int rc = fb_balloon_driver(qmp, balloon, &driver, &features);

	if (rc)
		return rc;
	fb_json_add_text(result, "driver", names[driver]);
	fb_json_add(result, "features", features);
	return 0;
}

static int fb_status_device(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			    json_object *result)
{
	json_object *options = json_object_new_object();
	int rc;

	fb_json_add_text(result, "path", balloon->path);
	fb_json_add_text(result, "type", balloon->type);
	fb_json_add_bool(result, "fastballoon", balloon->ours);
	fb_json_add(result, "options", options);
	rc = fb_status_driver(qmp, balloon, result);
	for (size_t i = 0; !rc && i < FB_STATUS_PROPERTIES; i++)
		rc = fb_status_copy(qmp, balloon, fb_status_properties[i], options,
				    fb_status_properties[i]);
	for (size_t i = 0; !rc && balloon->ours && i < FB_STATUS_OURS; i++)
		rc = fb_status_copy(qmp, balloon, fb_status_ours[i].property, result,
				    fb_status_ours[i].key);
	return rc;
}

/* Adds the member "balloon", which is null where there is none. */
static int fb_status_balloon(struct fb_qmp *qmp, json_object *result)
{
	json_object *device = NULL;
	struct fb_balloon balloon;
	uint64_t actual;
	int rc = fb_balloon_find(qmp, &balloon);

	if (rc > 0) {
		device = json_object_new_object();
		rc = fb_balloon_actual(qmp, &actual);
		if (!rc)
			fb_json_add_u64(device, "actual-bytes", actual);
		if (!rc)
			rc = fb_status_device(qmp, &balloon, device);
	}
	fb_json_add(result, "balloon", device);
	fb_balloon_put(&balloon);
	return rc;
}

static int fb_status_migration(struct fb_qmp *qmp, json_object *result)
{
	json_object *reply, *migration;
	const char *status;
	int rc = fb_qmp_call(qmp, "query-migrate", NULL, &reply);

	if (rc)
		return rc;
	migration = json_object_new_object();
	status = fb_json_text(reply, "status");
	fb_json_add_text(migration, "status", status ? status : "none");
	if (fb_json_text(reply, "error-desc"))
		fb_json_add_text(migration, "error", fb_json_text(reply, "error-desc"));
	fb_json_add(result, "migration", migration);
	json_object_put(reply);
	return 0;
}

static void fb_status_print_list(const char *label, const json_object *names)
{
	char line[512];
	size_t len = 0;

	line[0] = '\0';
	for (size_t i = 0; i < json_object_array_length(names) && len < sizeof(line); i++)
		len += (size_t)snprintf(
			line + len, sizeof(line) - len, "%s%s", i ? " " : "",
			json_object_get_string(json_object_array_get_idx(names, i)));
	fb_field(label, "%s", *line ? line : "none");
}

static void fb_status_print_options(json_object *options)
{
	char line[512];
	size_t len = 0;

	line[0] = '\0';
	json_object_object_foreach(options, key, value)
	{
		if (len < sizeof(line))
			len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s=%s",
						len ? " " : "", key,
						json_object_get_boolean(value) ? "on" : "off");
	}
	fb_field("options", "%s", line);
}

static void fb_status_print_hinting(json_object *balloon)
{
	const char *mode = fb_json_text(balloon, "hints");
	const char *state = fb_json_text(balloon, "hint-state");
	const char *reason = fb_json_text(balloon, "hint-off-reason");

	if (state)
		fb_field("hinting", "%s%s%s%s%s", mode ? mode : "", mode ? ", " : "", state,
			 reason && *reason ? "; off in the last migration: " : "",
			 reason ? reason : "");
}

static void fb_status_print_hole_skip(json_object *balloon)
{
	const json_object *skip = fb_json_child(balloon, "hole-skip");
	const char *state = fb_json_text(skip, "state"), *reason = fb_json_text(skip, "off-reason");

	if (state)
		fb_field("hole skip", "%s%s%s", state, reason && *reason ? ": " : "",
			 reason ? reason : "");
}

/* Why the guest is not at its target, where its driver tells. */
static void fb_status_print_progress(json_object *balloon, uint64_t memory)
{
	const json_object *progress = fb_json_child(balloon, "progress");
	uint64_t reachable = fb_json_u64(progress, "reachable-bytes");
	const char *reason = fb_json_text(progress, "reason");
	char text[FB_TEXT_MAX];

	if (fb_json_true(progress, "known") && reason && strcmp(reason, "none"))
		fb_field("short of its target", "%s, %s could be reached%s", reason,
			 fb_size_format(memory > reachable ? memory - reachable : 0, text),
			 fb_json_true(progress, "settled") ? ", settled" : "");
}

static void fb_status_print_requests(json_object *balloon)
{
	json_object *requests = fb_json_child(balloon, "requests");
	const char *state, *status;
	char age[FB_TEXT_MAX], label[64];

	if (!json_object_is_type(requests, json_type_object))
		return;
	json_object_object_foreach(requests, type, request)
	{
		state = fb_json_text(request, "state");
		status = fb_json_text(request, "status");
		if (!state || !strcmp(state, "none"))
			continue;
		snprintf(label, sizeof(label), "last %s", type);
		fb_field(label, "%s, %s ago", strcmp(state, "done") || !status ? state : status,
			 fb_time_format(fb_json_u64(request, "age-ms") * 1000, age));
	}
}

static void fb_status_print_balloon(json_object *balloon, uint64_t memory)
{
	uint64_t actual = fb_json_u64(balloon, "actual-bytes");
	char text[FB_TEXT_MAX], taken[FB_TEXT_MAX];

	if (!balloon) {
		fb_field("balloon", "none: the VM has no balloon device; fastballoon qemu-args "
				    "prints the options that add one");
		return;
	}
	fb_field("guest memory", "%s (%s in the balloon)", fb_size_format(actual, text),
		 fb_size_format(memory > actual ? memory - actual : 0, taken));
	fb_field("balloon", "%s (%s), %s", fb_json_text(balloon, "type"),
		 fb_json_true(balloon, "fastballoon") ? "fastballoon" : "stock",
		 fb_json_text(balloon, "path"));
	fb_field("guest's driver", "%s", fb_json_text(balloon, "driver"));
	fb_status_print_list("features in use", fb_json_child(balloon, "features"));
	fb_status_print_options(fb_json_child(balloon, "options"));
	fb_status_print_progress(balloon, memory);
	fb_status_print_requests(balloon);
	fb_status_print_hinting(balloon);
	fb_status_print_hole_skip(balloon);
	fb_numbers(fb_status_counters, FB_STATUS_COUNTERS, fb_json_child(balloon, "counters"));
}

static void fb_status_print(const json_object *result)
{
	const json_object *migration = fb_json_child(result, "migration");
	const char *error = fb_json_text(migration, "error");
	uint64_t memory = fb_json_u64(result, "memory-bytes");
	char text[FB_TEXT_MAX];

	fb_field("QEMU", "%s %s", fb_json_text(result, "qemu-version"),
		 fb_json_text(result, "qemu-package") ?: "");
	fb_field("VM", "%s, %s", fb_json_text(result, "vm-state"),
		 fb_json_text(result, "accelerator"));
	fb_field("VM memory", "%s", fb_size_format(memory, text));
	fb_status_print_balloon(fb_json_child(result, "balloon"), memory);
	fb_field("migration", "%s%s%s", fb_json_text(migration, "status"), error ? ": " : "",
		 error ? error : "");
}

static int fb_status_show(const struct fb_cli *cli, struct fb_qmp *qmp)
{
	json_object *result = json_object_new_object();
	int rc = fb_status_vm(qmp, result);

	if (!rc)
		rc = fb_status_balloon(qmp, result);
	if (!rc)
		rc = fb_status_migration(qmp, result);
	if (rc) {
		json_object_put(result);
		return fb_fail_qmp(cli, qmp);
	}
	if (!cli->json && !cli->quiet)
		fb_status_print(result);
	return fb_result(cli, result);
}

static int fb_status_run(struct fb_cli *cli, int argc, char **argv)
{
	struct fb_qmp qmp;
	int status;

	if (fb_getopt(cli, argc, argv, ":h", fb_status_options) != -1)
		return cli->status;
	status = fb_no_operands(cli, argc, argv);
	if (!status)
		status = fb_vm_open(cli, &qmp);
	if (status)
		return status;
	status = fb_status_show(cli, &qmp);
	fb_qmp_close(&qmp);
	return status;
}

const struct fb_command fb_command_status = {
	.name = "status",
	.operands = "",
	.summary = "Show the VM's memory, balloon, migration and accelerator",
	.options = "",
	.run = fb_status_run,
};
