// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_set.c - fastballoon set: change the guest's memory through its balloon.
 *
 * The target is given to QEMU at once; the guest's driver then moves towards it. The command
 * looks at the size often at first, since a guest with our driver is there in milliseconds,
 * and more and more seldom up to FB_SET_POLL_MAX_US. It gives up when the guest has come no
 * closer for the time that --timeout gives.
 */
#include <stdio.h>
#include <string.h>

#include "balloon.h"
#include "obstacle.h"
#include "output.h"
#include "size.h"
#include "vm.h"

#define FB_SET_TIMEOUT_S 60
/* Pauses between looks at the size. */
#define FB_SET_POLL_MIN_US 1000
#define FB_SET_POLL_MAX_US 64000
/* A smaller size is a forgotten unit, and no guest survives it. */
#define FB_SET_LEAST (UINT64_C(1) << 20)

enum fb_set_option { FB_OPT_TIMEOUT = FB_OPT_OWN, FB_OPT_NO_WAIT };

/**
 * struct fb_set - one change of the guest's memory.
 * @size: what the operator asked for.
 * @timeout_s: how long the guest may make no progress.
 * @wait: whether to wait for the guest.
 * @memory: the VM's memory, in bytes, as all sizes here.
 * @from: the guest's memory before.
 * @target: what it shall be.
 * @actual: what it is.
 * @start_us: when the target was set.
 * @elapsed_us: time from then to when @actual was read.
 */
struct fb_set {
	struct fb_size size;
	uint64_t timeout_s;
	bool wait;
	uint64_t memory;
	uint64_t from;
	uint64_t target;
	uint64_t actual;
	uint64_t start_us;
	uint64_t elapsed_us;
};

/* Digits are options, so that a size such as -1G is no unknown option. */
#define FB_SET_SHORT_OPTIONS ":h0::1::2::3::4::5::6::7::8::9::"

static const struct option fb_set_options[] = {
	{ "timeout", required_argument, NULL, FB_OPT_TIMEOUT },
	{ "no-wait", no_argument, NULL, FB_OPT_NO_WAIT },
	FB_COMMON_OPTIONS,
};

static int fb_set_operand(const struct fb_cli *cli, struct fb_set *set, const char *text)
{
	if (fb_size_parse(text, &set->size))
		return fb_usage(cli, "%s is no size such as 512M, 1.5GiB, +256M, -1G or max", text);
	if (set->size.sign == FB_SIZE_ABSOLUTE && set->size.bytes < FB_SET_LEAST)
		return fb_usage(cli, "%s is less than 1 MiB; give a unit, such as 512M", text);
	return FB_EXIT_OK;
}

static int fb_set_option(const struct fb_cli *cli, struct fb_set *set, int c)
{
	if (c == FB_OPT_TIMEOUT)
		return fb_option_seconds(cli, "--timeout", 1, &set->timeout_s);
	set->wait = false;
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
		cli->status = fb_set_operand(cli, set, operand);
	return !cli->status;
}

static json_object *fb_set_result(const struct fb_set *set)
{
	json_object *result = json_object_new_object();

	fb_json_add_u64(result, "from-bytes", set->from);
	fb_json_add_u64(result, "target-bytes", set->target);
	fb_json_add_u64(result, "actual-bytes", set->actual);
	fb_json_add_bool(result, "reached", set->actual == set->target);
	fb_json_add_ms(result, "elapsed-ms", set->elapsed_us);
	return result;
}

/* Works out the target from the sizes in force; returns the exit status. */
static int fb_set_resolve(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_set *set)
{
	char asked[FB_TEXT_MAX], memory[FB_TEXT_MAX], now[FB_TEXT_MAX];
	int rc;

	if (fb_vm_memory(qmp, &set->memory) || fb_balloon_actual(qmp, &set->from))
		return fb_fail_qmp(cli, qmp);
	fb_size_format(set->memory, memory);
	fb_size_format(set->from, now);
	rc = fb_size_resolve(&set->size, set->from, set->memory, &set->target);
	if (rc || set->target < FB_SET_LEAST)
		return fb_fail(cli, NULL, "take away less",
			       "the guest has %s now, too little to take %s away", now,
			       fb_size_format(set->size.bytes, asked));
	if (set->target > set->memory)
		return fb_fail(cli, NULL, "ask for that or less; max stands for all of it",
			       "%s is more than the VM's memory of %s",
			       fb_size_format(set->target, asked), memory);
	set->target = (set->target + FB_BALLOON_PAGE - 1) & ~(FB_BALLOON_PAGE - 1);
	set->actual = set->from;
	return FB_EXIT_OK;
}

static uint64_t fb_set_distance(const struct fb_set *set)
{
	return set->actual > set->target ? set->actual - set->target : set->target - set->actual;
}

static void fb_set_draw(const struct fb_set *set, struct fb_progress *progress)
{
	char from[FB_TEXT_MAX], target[FB_TEXT_MAX], actual[FB_TEXT_MAX], elapsed[FB_TEXT_MAX];

	fb_progress_draw(progress, "%s -> %s: %s after %s", fb_size_format(set->from, from),
			 fb_size_format(set->target, target), fb_size_format(set->actual, actual),
			 fb_time_format(set->elapsed_us, elapsed));
}

static int fb_set_look(struct fb_qmp *qmp, struct fb_set *set)
{
	int rc = fb_balloon_actual(qmp, &set->actual);

	set->elapsed_us = fb_now_us() - set->start_us;
	return rc;
}

/* Waits until the target is reached, progress ends or a signal comes; 0 or a negative errno. */
static int fb_set_wait(struct fb_qmp *qmp, struct fb_set *set, struct fb_progress *progress)
{
	uint64_t best = UINT64_MAX, best_us = 0, pause_us = FB_SET_POLL_MIN_US;
	int rc;

	for (;;) {
		rc = fb_set_look(qmp, set);
		if (rc)
			return rc;
		if (fb_set_distance(set) < best) {
			best = fb_set_distance(set);
			best_us = set->elapsed_us;
		}
		if (!best || qmp->interrupts ||
		    set->elapsed_us - best_us >= set->timeout_s * 1000000)
			return 0;
		fb_set_draw(set, progress);
		/* The event only ends a pause: what it tells may be older than a query. */
		rc = fb_qmp_pause(qmp, (unsigned int)(pause_us / 1000), "BALLOON_CHANGE");
		if (rc)
			return rc;
		pause_us += pause_us / 4 < 1000 ? 1000 : pause_us / 4;
		if (pause_us > FB_SET_POLL_MAX_US)
			pause_us = FB_SET_POLL_MAX_US;
	}
}

static const char *fb_set_stall_remedy(const struct fb_set *set)
{
	if (set->actual > set->target)
		return "the guest has no more memory to give: free some in it, or ask for a "
		       "larger size";
	return "the guest takes no more memory back: see its kernel log";
}

static int fb_set_stalled(const struct fb_cli *cli, struct fb_qmp *qmp,
			  const struct fb_balloon *balloon, const struct fb_set *set)
{
	char actual[FB_TEXT_MAX], target[FB_TEXT_MAX], elapsed[FB_TEXT_MAX];
	struct fb_obstacle obstacle = { .cause = "the guest came no closer",
					.remedy = fb_set_stall_remedy(set) };

	fb_size_format(set->actual, actual);
	fb_size_format(set->target, target);
	fb_time_format(set->elapsed_us, elapsed);
	if (qmp->interrupts)
		return fb_fail(cli, fb_set_result(set),
			       "the target stays: give another size to stop the guest",
			       "interrupted at %s of %s after %s", actual, target, elapsed);
	fb_obstacle_find(qmp, balloon, &obstacle);
	return fb_fail(cli, fb_set_result(set), obstacle.remedy,
		       "stalled at %s, target %s, after %s: %s", actual, target, elapsed,
		       obstacle.cause);
}

static int fb_set_report(const struct fb_cli *cli, const struct fb_set *set)
{
	char from[FB_TEXT_MAX], target[FB_TEXT_MAX], actual[FB_TEXT_MAX], elapsed[FB_TEXT_MAX];

	fb_size_format(set->from, from);
	fb_size_format(set->target, target);
	fb_size_format(set->actual, actual);
	fb_time_format(set->elapsed_us, elapsed);
	if (set->actual == set->target)
		fb_say(cli, "guest memory %s -> %s in %s", from, actual, elapsed);
	else
		fb_say(cli, "target %s set; guest memory is %s now", target, actual);
	return fb_result(cli, fb_set_result(set));
}

static int fb_set_change(const struct fb_cli *cli, struct fb_qmp *qmp,
			 const struct fb_balloon *balloon, struct fb_set *set)
{
	json_object *arguments = json_object_new_object();
	struct fb_progress progress;
	int rc;

	fb_json_add_u64(arguments, "value", set->target);
	fb_progress_init(cli, &progress);
	set->start_us = fb_now_us();
	rc = fb_qmp_call(qmp, "balloon", arguments, NULL);
	if (!rc)
		rc = set->wait ? fb_set_wait(qmp, set, &progress) : fb_set_look(qmp, set);
	fb_progress_clear(&progress);
	if (rc)
		return fb_fail_qmp(cli, qmp);
	if (set->wait && set->actual != set->target)
		return fb_set_stalled(cli, qmp, balloon, set);
	return fb_set_report(cli, set);
}

static int fb_set_run(struct fb_cli *cli, int argc, char **argv)
{
	struct fb_set set = { .timeout_s = FB_SET_TIMEOUT_S, .wait = true };
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
		status = fb_set_resolve(cli, &qmp, &set);
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
		   "  --timeout SEC         give up when the guest comes no closer for this long;\n"
		   "                        default: 60\n"
		   "  --no-wait             set the target and leave\n",
	.run = fb_set_run,
};
