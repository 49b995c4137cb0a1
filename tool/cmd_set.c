// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_set.c - fastballoon set: change the guest's memory through its balloon.
 */
#include <string.h>

#include "resize.h"
#include "vm.h"

enum fb_set_option { FB_OPT_TIMEOUT = FB_OPT_OWN, FB_OPT_NO_WAIT, FB_OPT_BEST_EFFORT };

/**
 * struct fb_set - one call.
 * @resize: the change.
 * @wait: whether to wait for the guest.
 */
struct fb_set {
	struct fb_resize resize;
	bool wait;
};

/* Digits are options, so that a size such as -1G is no unknown option. */
#define FB_SET_SHORT_OPTIONS ":h0::1::2::3::4::5::6::7::8::9::"

static const struct option fb_set_options[] = {
	{ "timeout", required_argument, NULL, FB_OPT_TIMEOUT },
	{ "no-wait", no_argument, NULL, FB_OPT_NO_WAIT },
	{ "best-effort", no_argument, NULL, FB_OPT_BEST_EFFORT },
	FB_COMMON_OPTIONS,
};

static int fb_set_option(const struct fb_cli *cli, struct fb_set *set, int c)
{
	if (c == FB_OPT_TIMEOUT)
		return fb_option_seconds(cli, "--timeout", 1, &set->resize.timeout_s);
	if (c == FB_OPT_NO_WAIT)
		set->wait = false;
	else
		set->resize.best_effort = true;
	return FB_EXIT_OK;
}

/* Reads the command line; returns whether to go on, else cli->status is the exit status. */
static bool fb_set_parse(struct fb_cli *cli, struct fb_set *set, int argc, char **argv)
{
	const char *operand = NULL;
	int c;

	cli->status = FB_EXIT_OK;
	while ((c = fb_getopt(cli, argc, argv, FB_SET_SHORT_OPTIONS, fb_set_options)) != -1) {
		if (c == '?')
			return false;
		if (c >= '0' && c <= '9' && !operand)
			operand = argv[optind - 1];
		else if (c >= '0' && c <= '9')
			cli->status = fb_usage(cli, "more than one size given");
		else
			cli->status = fb_set_option(cli, set, c);
		if (cli->status)
			return false;
	}
	if (!operand && optind < argc)
		operand = argv[optind++];
	if (!operand)
		cli->status = fb_usage(cli, "no size given");
	else
		cli->status = fb_no_operands(cli, argc, argv);
	if (!cli->status)
		cli->status = fb_resize_operand(cli, &set->resize, operand);
	return !cli->status;
}

/* The guest is not at the target, and that is a failure. */
static int fb_set_short(const struct fb_cli *cli, struct fb_qmp *qmp,
			const struct fb_balloon *balloon, const struct fb_resize *resize)
{
	char actual[FB_TEXT_MAX], target[FB_TEXT_MAX], elapsed[FB_TEXT_MAX];
	struct fb_obstacle obstacle;

	fb_size_format(resize->actual, actual);
	fb_size_format(resize->target, target);
	fb_time_format(resize->elapsed_us, elapsed);
	if (resize->end == FB_RESIZE_INTERRUPTED)
		return fb_fail(cli, fb_resize_result(resize),
			       "the target stays: give another size to stop the guest",
			       "interrupted at %s of %s after %s", actual, target, elapsed);
	if (resize->end == FB_RESIZE_OVERTAKEN)
		return fb_fail(cli, fb_resize_result(resize), "see that one of you sets the size",
			       "overtaken at %s of %s by another client's target or request",
			       actual, target);
	fb_resize_explain(qmp, balloon, resize, &obstacle);
	return fb_fail(cli, fb_resize_result(resize), obstacle.remedy,
		       "stalled at %s, target %s, after %s: %s", actual, target, elapsed,
		       obstacle.cause);
}

static void fb_set_say(const struct fb_cli *cli, struct fb_qmp *qmp,
		       const struct fb_balloon *balloon, const struct fb_resize *resize)
{
	char from[FB_TEXT_MAX], target[FB_TEXT_MAX], actual[FB_TEXT_MAX], elapsed[FB_TEXT_MAX];
	struct fb_obstacle obstacle;

	fb_size_format(resize->from, from);
	fb_size_format(resize->target, target);
	fb_size_format(resize->actual, actual);
	fb_time_format(resize->elapsed_us, elapsed);
	if (resize->actual == resize->target) {
		fb_say(cli, "guest memory %s -> %s in %s", from, actual, elapsed);
		return;
	}
	fb_resize_explain(qmp, balloon, resize, &obstacle);
	fb_say(cli, "guest memory %s -> %s in %s; %s was asked for: %s", from, actual, elapsed,
	       target, obstacle.cause);
}

static int fb_set_report(const struct fb_cli *cli, struct fb_qmp *qmp,
			 const struct fb_balloon *balloon, const struct fb_set *set)
{
	const struct fb_resize *resize = &set->resize;
	char target[FB_TEXT_MAX], actual[FB_TEXT_MAX];

	if (!set->wait && resize->actual != resize->target)
		fb_say(cli, "target %s set; guest memory is %s now",
		       fb_size_format(resize->target, target),
		       fb_size_format(resize->actual, actual));
	else if (resize->end == FB_RESIZE_REACHED || resize->end == FB_RESIZE_SETTLED)
		fb_set_say(cli, qmp, balloon, resize);
	else
		return fb_set_short(cli, qmp, balloon, resize);
	return fb_result(cli, fb_resize_result(resize));
}

static int fb_set_change(const struct fb_cli *cli, struct fb_qmp *qmp,
			 const struct fb_balloon *balloon, struct fb_set *set)
{
	struct fb_progress progress;
	int rc;

	fb_progress_init(cli, &progress);
	rc = fb_resize_begin(qmp, balloon, &set->resize);
	if (!rc && set->wait)
		rc = fb_resize_wait(qmp, balloon, &set->resize, &progress);
	fb_progress_clear(&progress);
	return rc ? fb_fail_qmp(cli, qmp) : fb_set_report(cli, qmp, balloon, set);
}

static int fb_set_run(struct fb_cli *cli, int argc, char **argv)
{
	struct fb_set set = { .wait = true };
	struct fb_balloon balloon;
	struct fb_qmp qmp;
	int status;

	if (!fb_set_parse(cli, &set, argc, argv))
		return cli->status;
	status = fb_vm_open(cli, &qmp);
	if (status)
		return status;
	status = fb_balloon_require(cli, &qmp, &balloon);
	if (!status)
		status = fb_resize_resolve(cli, &qmp, &set.resize);
	if (!status && fb_qmp_catch_signals(&qmp))
		status = fb_fail_qmp(cli, &qmp);
	if (!status)
		status = fb_set_change(cli, &qmp, &balloon, &set);
	fb_balloon_put(&balloon);
	fb_qmp_close(&qmp);
	return status;
}

const struct fb_command fb_command_set = {
	.name = "set",
	.operands = "SIZE",
	.summary = "Change the guest's memory through its balloon, and wait for it",
	.options = "SIZE is the memory that the guest shall have: bytes or with a unit (512M, "
		   "1.5GiB),\n"
		   "more or less than now (+256M, -1G), or max.\n\n"
		   "  --best-effort         be content with the size that the guest can reach\n"
		   "  --timeout SEC         give up when the guest comes no closer for this long;\n"
		   "                        default: 60; with --best-effort 10\n"
		   "  --no-wait             set the target and leave\n",
	.run = fb_set_run,
};
