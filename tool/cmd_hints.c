// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_hints.c - fastballoon hints: whether migrations use free page hints, and why not.
 */
#include <stdio.h>
#include <string.h>

#include "hints.h"
#include "output.h"
#include "size.h"
#include "vm.h"

enum fb_hints_option { FB_OPT_MIN_ORDER = FB_OPT_OWN };

static const struct option fb_hints_options[] = {
	{ "min-order", required_argument, NULL, FB_OPT_MIN_ORDER },
	FB_COMMON_OPTIONS,
};

static const struct fb_number fb_hints_numbers[] = {
	{ "hinted-bytes", "hinted", true },
	{ "stale-hint-bytes", "hinted too late", true },
};

static bool fb_hints_parse(struct fb_cli *cli, struct fb_hints *hints, int argc, char **argv)
{
	int c;

	cli->status = FB_EXIT_OK;
	while (!cli->status && (c = fb_getopt(cli, argc, argv, ":h", fb_hints_options)) != -1) {
		if (c == '?')
			return false;
		if (fb_count_parse(optarg, 0, FB_HINTS_ORDER_MAX, &hints->min_order))
			cli->status = fb_usage(cli, "--min-order %s is no number from 0 to %d",
					       optarg, FB_HINTS_ORDER_MAX);
	}
	if (!cli->status && optind < argc) {
		if (!fb_hints_mode_ok(argv[optind]))
			cli->status = fb_usage(cli, "%s is none of on, off and held", argv[optind]);
		else
			strcpy(hints->mode, argv[optind++]);
	}
	if (!cli->status)
		cli->status = fb_no_operands(cli, argc, argv);
	return !cli->status;
}

/* Changes what was asked for; returns the exit status. */
static int fb_hints_change(const struct fb_cli *cli, struct fb_qmp *qmp,
			   const struct fb_balloon *balloon, const struct fb_hints *wanted)
{
	struct fb_hints found;
	int rc;

	if (!*wanted->mode && wanted->min_order == FB_HINTS_NO_ORDER)
		return FB_EXIT_OK;
	rc = fb_hints_get(qmp, balloon, &found);
	if (!rc && balloon->ours)
		return fb_fail(cli, NULL, "load a newer fastballoon.so into QEMU",
			       "this fastballoon device cannot change hinting while it runs");
	if (!rc)
		return fb_fail(cli, NULL,
			       "start QEMU with its property free-page-hint=on or off, or give the "
			       "VM a fastballoon device",
			       "QEMU's own balloon device cannot change hinting while it runs");
	if (rc > 0)
		rc = fb_hints_set(qmp, balloon, wanted);
	return rc ? fb_fail_qmp(cli, qmp) : FB_EXIT_OK;
}

/* Adds a property of the device, or null where it has none; returns 0 or a negative errno. */
static int fb_hints_copy(struct fb_qmp *qmp, const struct fb_balloon *balloon, const char *property,
			 json_object *result, const char *key)
{
	json_object *value = NULL;
	int rc = fb_balloon_get(qmp, balloon, property, &value);

	fb_json_add(result, key, value);
	return rc < 0 ? rc : 0;
}

static int fb_hints_counters(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			     json_object *result)
{
	json_object *counters = NULL;
	const char *name;
	uint64_t value;
	int rc = fb_balloon_get(qmp, balloon, "fastballoon-counters", &counters);

	for (size_t i = 0; i < sizeof(fb_hints_numbers) / sizeof(fb_hints_numbers[0]); i++) {
		name = fb_hints_numbers[i].name;
		fb_json_add(result, name,
			    fb_json_get_u64(counters, name, &value) ?
				    json_object_new_uint64(value) :
				    NULL);
	}
	json_object_put(counters);
	return rc < 0 ? rc : 0;
}

/* Gathers all there is to know; returns 0 or a negative errno. */
static int fb_hints_gather(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			   json_object *result)
{
	json_object *warnings = json_object_new_array();
	struct fb_hints hints;
	int rc = fb_hints_get(qmp, balloon, &hints);

	fb_json_add(result, "warnings", warnings);
	if (rc < 0)
		return rc;
	fb_json_add_text(result, "hints", rc ? hints.mode : NULL);
	fb_json_add(result, "min-order",
		    hints.min_order == FB_HINTS_NO_ORDER ? NULL :
							   json_object_new_uint64(hints.min_order));
	rc = fb_hints_copy(qmp, balloon, "free-page-hint", result, "free-page-hint");
	if (!rc)
		rc = fb_hints_copy(qmp, balloon, "fastballoon-hint-state", result, "state");
	if (!rc)
		rc = fb_hints_counters(qmp, balloon, result);
	fb_json_add(result, "off-reason", fb_hints_reason(qmp, balloon));
	return rc ? rc : fb_hints_warn(qmp, balloon, warnings);
}

static void fb_hints_print_order(const json_object *result)
{
	char text[FB_TEXT_MAX];
	uint64_t order;

	if (fb_json_get_u64(result, "min-order", &order) && order <= FB_HINTS_ORDER_MAX)
		fb_field("smallest hint", "order %u (%s)", (unsigned int)order,
			 fb_size_format(FB_BALLOON_PAGE << order, text));
}

static void fb_hints_print(const json_object *result)
{
	const json_object *warnings = fb_json_child(result, "warnings");
	const char *mode = fb_json_text(result, "hints"), *state = fb_json_text(result, "state");
	const char *reason = fb_json_text(result, "off-reason");

	fb_field("free page hints", "%s",
		 mode                                   ? mode :
		 fb_json_true(result, "free-page-hint") ? "on" :
							  "off");
	fb_hints_print_order(result);
	if (state)
		fb_field("state", "%s", state);
	fb_numbers(fb_hints_numbers, sizeof(fb_hints_numbers) / sizeof(fb_hints_numbers[0]),
		   result);
	if (reason)
		fb_field("last migration", "hints off: %s", reason);
	for (size_t i = 0; i < json_object_array_length(warnings); i++)
		fb_field("next migration", "%s",
			 json_object_get_string(json_object_array_get_idx(warnings, i)));
}

static int fb_hints_show(const struct fb_cli *cli, struct fb_qmp *qmp,
			 const struct fb_balloon *balloon)
{
	json_object *result = json_object_new_object();

	if (fb_hints_gather(qmp, balloon, result)) {
		json_object_put(result);
		return fb_fail_qmp(cli, qmp);
	}
	if (!cli->json && !cli->quiet)
		fb_hints_print(result);
	return fb_result(cli, result);
}

static int fb_hints_run(struct fb_cli *cli, int argc, char **argv)
{
	struct fb_hints wanted = { .min_order = FB_HINTS_NO_ORDER };
	struct fb_balloon balloon;
	struct fb_qmp qmp;
	int status;

	if (!fb_hints_parse(cli, &wanted, argc, argv))
		return cli->status;
	status = fb_vm_open(cli, &qmp);
	if (status)
		return status;
	status = fb_balloon_require(cli, &qmp, &balloon);
	if (!status)
		status = fb_hints_change(cli, &qmp, &balloon, &wanted);
	if (!status)
		status = fb_hints_show(cli, &qmp, &balloon);
	fb_balloon_put(&balloon);
	fb_qmp_close(&qmp);
	return status;
}

const struct fb_command fb_command_hints = {
	.name = "hints",
	.operands = "[on|off|held]",
	.summary = "Show or set whether migrations use free page hints",
	.options =
		"on: skip what the guest says is free. held: have the guest keep that free until\n"
		"the migration is over. off: send everything.\n\n"
		"  --min-order N         smallest block worth a hint, 2^N pages; 0 to 10\n",
	.run = fb_hints_run,
};
