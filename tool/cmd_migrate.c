// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_migrate.c - fastballoon migrate: move a VM, with progress and an account.
 *
 * What was set in QEMU for this migration is put back when it has ended here.
 */
#include <errno.h>
#include <string.h>

#include "migrate.h"
#include "vm.h"

/* QEMU's own limit. */
#define FB_MIGRATE_DOWNTIME_MAX_MS 2000000

enum fb_migrate_option {
	FB_OPT_BANDWIDTH = FB_OPT_OWN,
	FB_OPT_DOWNTIME,
	FB_OPT_TIMEOUT,
	FB_OPT_DETACH,
	FB_OPT_DROP_CACHES,
	FB_OPT_COMPACT,
	FB_OPT_BALLOON_FIRST,
	FB_OPT_HINTS,
};

static const struct option fb_migrate_options[] = {
	{ "bandwidth", required_argument, NULL, FB_OPT_BANDWIDTH },
	{ "downtime-limit", required_argument, NULL, FB_OPT_DOWNTIME },
	{ "timeout", required_argument, NULL, FB_OPT_TIMEOUT },
	{ "detach", no_argument, NULL, FB_OPT_DETACH },
	{ "drop-caches", no_argument, NULL, FB_OPT_DROP_CACHES },
	{ "compact", no_argument, NULL, FB_OPT_COMPACT },
	{ "balloon-first", required_argument, NULL, FB_OPT_BALLOON_FIRST },
	{ "hints", required_argument, NULL, FB_OPT_HINTS },
	FB_COMMON_OPTIONS,
};

static int fb_migrate_option_hints(const struct fb_cli *cli, struct fb_migrate *migrate)
{
	if (!fb_hints_mode_ok(optarg))
		return fb_usage(cli, "--hints %s is none of on, off and held", optarg);
	strcpy(migrate->hints.mode, optarg);
	return FB_EXIT_OK;
}

/* An option that says how the migration is prepared. */
static int fb_migrate_option_step(const struct fb_cli *cli, struct fb_migrate *migrate, int c)
{
	switch (c) {
	case FB_OPT_DROP_CACHES:
		migrate->drop_caches = true;
		return FB_EXIT_OK;
	case FB_OPT_COMPACT:
		migrate->compact = true;
		return FB_EXIT_OK;
	case FB_OPT_BALLOON_FIRST:
		migrate->balloon_first = true;
		return fb_resize_operand(cli, &migrate->resize, optarg);
	default:
		return fb_migrate_option_hints(cli, migrate);
	}
}

static int fb_migrate_option(const struct fb_cli *cli, struct fb_migrate *migrate, int c)
{
	switch (c) {
	case FB_OPT_BANDWIDTH:
		if (!fb_size_parse_bytes(optarg, &migrate->limits.bandwidth) &&
		    migrate->limits.bandwidth)
			return FB_EXIT_OK;
		return fb_usage(cli, "--bandwidth %s is no size per second such as 100M", optarg);
	case FB_OPT_DOWNTIME:
		if (!fb_count_parse(optarg, 1, FB_MIGRATE_DOWNTIME_MAX_MS,
				    &migrate->limits.downtime_ms))
			return FB_EXIT_OK;
		return fb_usage(cli, "--downtime-limit %s is no number of ms from 1 to %d", optarg,
				FB_MIGRATE_DOWNTIME_MAX_MS);
	case FB_OPT_TIMEOUT:
		return fb_option_seconds(cli, "--timeout", 1, &migrate->timeout_s);
	case FB_OPT_DETACH:
		migrate->detach = true;
		return FB_EXIT_OK;
	default:
		return fb_migrate_option_step(cli, migrate, c);
	}
}

static bool fb_migrate_parse(struct fb_cli *cli, struct fb_migrate *migrate, int argc, char **argv)
{
	int c;

	cli->status = FB_EXIT_OK;
	while (!cli->status && (c = fb_getopt(cli, argc, argv, ":h", fb_migrate_options)) != -1) {
		if (c == '?')
			return false;
		cli->status = fb_migrate_option(cli, migrate, c);
	}
	if (cli->status)
		return false;
	if (optind == argc)
		cli->status = fb_usage(cli, "no URI given, such as tcp:HOST:PORT");
	else
		migrate->uri = argv[optind++];
	if (!cli->status)
		cli->status = fb_no_operands(cli, argc, argv);
	if (!cli->status && migrate->detach && migrate->balloon_first)
		cli->status = fb_usage(cli, "--detach cannot give back what --balloon-first takes");
	return !cli->status;
}

/* The VM's state after a migration that did not complete, for the message. */
static const char *fb_migrate_vm_left(struct fb_qmp *qmp)
{
	char state[FB_VM_STATE_MAX];
	bool running;

	if (fb_vm_state(qmp, state, &running))
		return "QEMU no longer answers";
	return running ? "the VM goes on running here" : "the VM is still here, not running";
}

static int fb_migrate_cancelled(const struct fb_cli *cli, struct fb_qmp *qmp,
				const struct fb_migrate *migrate)
{
	const char *left = fb_migrate_vm_left(qmp);

	if (!migrate->cancel_us)
		return fb_fail(cli, fb_migrate_result(migrate), "start it again",
			       "the migration was cancelled by someone else; %s", left);
	if (qmp->interrupts)
		return fb_fail(cli, fb_migrate_result(migrate), "start it again",
			       "interrupted, and the migration cancelled; %s", left);
	return fb_fail(cli, fb_migrate_result(migrate),
		       "allow more with --timeout, --bandwidth or --downtime-limit",
		       "the migration was not done within %llu s, and cancelled; %s",
		       (unsigned long long)migrate->timeout_s, left);
}

static int fb_migrate_failed(const struct fb_cli *cli, struct fb_qmp *qmp,
			     const struct fb_migrate *migrate)
{
	const char *desc = fb_json_text(migrate->info, "error-desc");

	return fb_fail(cli, fb_migrate_result(migrate),
		       "see that the destination runs with the same options and -incoming, and "
		       "its log",
		       "the migration failed: %s; %s", desc ? desc : "QEMU gives no reason",
		       fb_migrate_vm_left(qmp));
}

static int fb_migrate_done(const struct fb_cli *cli, struct fb_qmp *qmp,
			   const struct fb_migrate *migrate)
{
	json_object *result = fb_migrate_result(migrate);
	char size[FB_TEXT_MAX];

	fb_migrate_account(cli, qmp, migrate, result);
	if (migrate->returned)
		fb_say(cli, "the guest gets its %s back on the destination",
		       fb_size_format(migrate->resize.from, size));
	return fb_result(cli, result);
}

static int fb_migrate_end(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	enum fb_migrate_phase phase = fb_migrate_phase(migrate);

	if (phase == FB_MIGRATE_CANCELLED || phase == FB_MIGRATE_FAILED)
		fb_migrate_return(qmp, migrate);
	switch (phase) {
	case FB_MIGRATE_COMPLETED:
		return fb_migrate_done(cli, qmp, migrate);
	case FB_MIGRATE_CANCELLED:
		return fb_migrate_cancelled(cli, qmp, migrate);
	case FB_MIGRATE_FAILED:
		return fb_migrate_failed(cli, qmp, migrate);
	case FB_MIGRATE_POSTCOPY:
		return fb_fail(cli, fb_migrate_result(migrate), "follow it with fastballoon status",
			       "left alone: a migration in its postcopy phase must not be "
			       "cancelled");
	case FB_MIGRATE_BROKEN:
		return fb_fail(cli, fb_migrate_result(migrate),
			       "restore the network and use QMP migrate-recover there and migrate "
			       "with resume here",
			       "the postcopy migration has lost its connection");
	default:
		return fb_fail(cli, fb_migrate_result(migrate), "see fastballoon status",
			       "the migration does not end (%s)", fb_migrate_status(migrate));
	}
}

static int fb_migrate_detached(const struct fb_cli *cli, const struct fb_migrate *migrate)
{
	fb_say(cli, "migration started: %s; follow it with fastballoon status",
	       fb_migrate_status(migrate));
	return fb_result(cli, fb_migrate_result(migrate));
}

/* QEMU would not even start it. */
static int fb_migrate_refused(const struct fb_cli *cli, struct fb_qmp *qmp,
			      struct fb_migrate *migrate)
{
	const char *remedy = "give a URI such as tcp:HOST:PORT, unix:PATH or exec:COMMAND";
	char cause[sizeof(qmp->cause)], state[FB_VM_STATE_MAX];
	bool running;

	memcpy(cause, qmp->cause, sizeof(cause));
	fb_migrate_return(qmp, migrate);
	if (!fb_vm_state(qmp, state, &running) && !strcmp(state, "postmigrate"))
		remedy = "this VM has been migrated already and is now at its destination";
	return fb_fail(cli, fb_migrate_result(migrate), remedy, "%s", cause);
}

/* Starts the migration and waits for its end; returns the exit status. */
static int fb_migrate_and_wait(const struct fb_cli *cli, struct fb_qmp *qmp,
			       struct fb_migrate *migrate)
{
	struct fb_progress progress;
	int rc = fb_migrate_start(qmp, migrate);

	if (rc == -EREMOTEIO)
		return fb_migrate_refused(cli, qmp, migrate);
	if (!rc && migrate->detach && fb_migrate_goes_on(migrate)) {
		memset(&migrate->found, 0, sizeof(migrate->found));
		memset(&migrate->hints_found, 0, sizeof(migrate->hints_found));
		return fb_migrate_detached(cli, migrate);
	}
	fb_progress_init(cli, &progress);
	if (!rc)
		rc = fb_migrate_follow(qmp, migrate, &progress);
	fb_progress_clear(&progress);
	return rc ? fb_fail_qmp(cli, qmp) : fb_migrate_end(cli, qmp, migrate);
}

static int fb_migrate_do(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	int rc = fb_balloon_find(qmp, &migrate->balloon), status;

	migrate->has_balloon = rc > 0;
	if (rc < 0 || fb_migrate_look(qmp, migrate))
		return fb_fail_qmp(cli, qmp);
	if (fb_migrate_goes_on(migrate))
		return fb_fail(cli, fb_migrate_result(migrate),
			       "wait for it, or cancel it with the QMP command migrate_cancel",
			       "a migration is going on already (%s)", fb_migrate_status(migrate));
	status = fb_migrate_prepare(cli, qmp, migrate);
	if (!status && (fb_migrate_count_from(qmp, migrate) || fb_migrate_limit(qmp, migrate)))
		status = fb_fail_qmp(cli, qmp);
	if (!status)
		status = fb_migrate_and_wait(cli, qmp, migrate);
	fb_migrate_restore(qmp, migrate);
	return status;
}

static int fb_migrate_run(struct fb_cli *cli, int argc, char **argv)
{
	struct fb_migrate migrate = { .resize = { .best_effort = true },
				      .hints = { .min_order = FB_HINTS_NO_ORDER } };
	struct fb_qmp qmp;
	int status;

	if (!fb_migrate_parse(cli, &migrate, argc, argv))
		return cli->status;
	if (cli->domain)
		return fb_fail(cli, NULL,
			       "use virsh migrate; fastballoon drop-caches, compact, set and hints "
			       "can prepare the guest",
			       "libvirt migrates its domains itself");
	status = fb_vm_open(cli, &qmp);
	if (status)
		return status;
	migrate.steps = json_object_new_object();
	migrate.warnings = json_object_new_array();
	if (fb_qmp_catch_signals(&qmp))
		status = fb_fail_qmp(cli, &qmp);
	if (!status)
		status = fb_migrate_do(cli, &qmp, &migrate);
	json_object_put(migrate.steps);
	json_object_put(migrate.warnings);
	json_object_put(migrate.info);
	fb_balloon_put(&migrate.balloon);
	fb_qmp_close(&qmp);
	return status;
}

const struct fb_command fb_command_migrate = {
	.name = "migrate",
	.operands = "URI",
	.summary = "Migrate the VM, show progress and totals; Ctrl-C cancels",
	.options =
		"URI is what QEMU's migrate command takes: tcp:HOST:PORT, unix:PATH, "
		"exec:COMMAND.\n\n"
		"  --bandwidth SIZE      set the limit per second, such as 100M or 10G\n"
		"  --downtime-limit MS   set the longest downtime, in milliseconds\n"
		"  --timeout SEC         cancel when it is not done by then; default: none\n"
		"  --detach              start it and leave\n"
		"  --drop-caches         have the guest drop its caches first\n"
		"  --compact             have the guest compact its memory first\n"
		"  --balloon-first SIZE  shrink the guest first, give it back at the destination\n"
		"  --hints on|off|held   use free page hints so in this migration\n",
	.run = fb_migrate_run,
};
