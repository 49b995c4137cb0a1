// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_migrate.c - fastballoon migrate: move a VM, with progress and totals.
 *
 * QEMU runs the migration; this command starts it, looks at query-migrate until its status is
 * final, and cancels it on a signal or when --timeout has passed. A migration that has switched
 * to postcopy is never cancelled, since the VM would be lost: it is left alone. Limits that were
 * set for this migration are put back when it has ended here.
 */
#include <errno.h>
#include <string.h>

#include "balloon.h"
#include "output.h"
#include "size.h"
#include "vm.h"

#define FB_MIGRATE_POLL_MS 50
/* How long QEMU may take to end a migration that was cancelled. */
#define FB_MIGRATE_CANCEL_US UINT64_C(10000000)
/* QEMU's own limit. */
#define FB_MIGRATE_DOWNTIME_MAX_MS 2000000

enum fb_migrate_option {
	FB_OPT_BANDWIDTH = FB_OPT_OWN,
	FB_OPT_DOWNTIME,
	FB_OPT_TIMEOUT,
	FB_OPT_DETACH,
};

/* What a status of QEMU's means for this command. */
enum fb_migrate_phase {
	FB_MIGRATE_NONE,     /* nothing going on, now or before */
	FB_MIGRATE_RUNNING,  /* going on, can be cancelled */
	FB_MIGRATE_POSTCOPY, /* going on, must not be cancelled */
	FB_MIGRATE_BROKEN,   /* postcopy that waits for its connection to be restored */
	FB_MIGRATE_COMPLETED,
	FB_MIGRATE_FAILED,
	FB_MIGRATE_CANCELLED,
};

/**
 * struct fb_migrate_limits - limits of QEMU's.
 * @bandwidth: bytes per second, or 0 to leave what is in force.
 * @downtime_ms: the longest downtime, or 0 to leave what is in force.
 */
struct fb_migrate_limits {
	uint64_t bandwidth;
	uint64_t downtime_ms;
};

/**
 * struct fb_migrate - one migration.
 * @uri: where to.
 * @limits: limits to set.
 * @found: limits found in QEMU.
 * @timeout_s: how long it may take, or 0.
 * @detach: leave once it is started.
 * @hint_base: bytes skipped thanks to hints before it started.
 * @counts_hints: whether the device counts them.
 * @start_us: when it was started.
 * @cancel_us: when it was cancelled, or 0.
 * @info: the last reply of query-migrate, or NULL.
 */
struct fb_migrate {
	const char *uri;
	struct fb_migrate_limits limits;
	struct fb_migrate_limits found;
	uint64_t timeout_s;
	bool detach;
	uint64_t hint_base;
	bool counts_hints;
	uint64_t start_us;
	uint64_t cancel_us;
	json_object *info;
};

static const struct option fb_migrate_options[] = {
	{ "bandwidth", required_argument, NULL, FB_OPT_BANDWIDTH },
	{ "downtime-limit", required_argument, NULL, FB_OPT_DOWNTIME },
	{ "timeout", required_argument, NULL, FB_OPT_TIMEOUT },
	{ "detach", no_argument, NULL, FB_OPT_DETACH },
	FB_COMMON_OPTIONS,
};

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
	default:
		migrate->detach = true;
		return FB_EXIT_OK;
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
	return !cli->status;
}

static const char *fb_migrate_status(const struct fb_migrate *migrate)
{
	const char *status = fb_json_text(migrate->info, "status");

	return status ? status : "none";
}

static enum fb_migrate_phase fb_migrate_phase(const struct fb_migrate *migrate)
{
	static const struct {
		const char *status;
		enum fb_migrate_phase phase;
	} phases[] = {
		{ "none", FB_MIGRATE_NONE },
		{ "completed", FB_MIGRATE_COMPLETED },
		{ "failed", FB_MIGRATE_FAILED },
		{ "cancelled", FB_MIGRATE_CANCELLED },
		{ "postcopy-active", FB_MIGRATE_POSTCOPY },
		{ "postcopy-recover", FB_MIGRATE_POSTCOPY },
		{ "postcopy-paused", FB_MIGRATE_BROKEN },
	};
	const char *status = fb_migrate_status(migrate);

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		if (!strcmp(phases[i].status, status))
			return phases[i].phase;
	}
	return FB_MIGRATE_RUNNING;
}

static bool fb_migrate_goes_on(const struct fb_migrate *migrate)
{
	enum fb_migrate_phase phase = fb_migrate_phase(migrate);

	return phase == FB_MIGRATE_RUNNING || phase == FB_MIGRATE_POSTCOPY;
}

static int fb_migrate_look(struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	json_object_put(migrate->info);
	return fb_qmp_call(qmp, "query-migrate", NULL, &migrate->info);
}

static int fb_migrate_set_limits(struct fb_qmp *qmp, const struct fb_migrate_limits *limits)
{
	json_object *arguments;

	if (!limits->bandwidth && !limits->downtime_ms)
		return 0;
	arguments = json_object_new_object();
	if (limits->bandwidth)
		fb_json_add_u64(arguments, "max-bandwidth", limits->bandwidth);
	if (limits->downtime_ms)
		fb_json_add_u64(arguments, "downtime-limit", limits->downtime_ms);
	return fb_qmp_call(qmp, "migrate-set-parameters", arguments, NULL);
}

/* Remembers the limits in force where others are to be set, and sets those. */
static int fb_migrate_limit(struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	json_object *found;
	int rc = fb_qmp_call(qmp, "query-migrate-parameters", NULL, &found);

	if (rc)
		return rc;
	if (migrate->limits.bandwidth)
		migrate->found.bandwidth = fb_json_u64(found, "max-bandwidth");
	if (migrate->limits.downtime_ms)
		migrate->found.downtime_ms = fb_json_u64(found, "downtime-limit");
	json_object_put(found);
	return fb_migrate_set_limits(qmp, &migrate->limits);
}

static int fb_migrate_start(struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	json_object *arguments = json_object_new_object();
	int rc;

	fb_json_add_text(arguments, "uri", migrate->uri);
	migrate->start_us = fb_now_us();
	rc = fb_qmp_call(qmp, "migrate", arguments, NULL);
	if (!rc)
		rc = fb_migrate_look(qmp, migrate);
	return rc;
}

static void fb_migrate_draw(const struct fb_migrate *migrate, struct fb_progress *progress)
{
	const json_object *ram = fb_json_child(migrate->info, "ram");
	char sent[FB_TEXT_MAX], left[FB_TEXT_MAX], rate[FB_TEXT_MAX], elapsed[FB_TEXT_MAX];
	double bytes_per_s = fb_json_double(ram, "mbps") * 1e6 / 8;

	fb_progress_draw(progress, "%s, round %llu: %s sent, %s left, %s/s, %s",
			 fb_migrate_status(migrate),
			 (unsigned long long)fb_json_u64(ram, "dirty-sync-count"),
			 fb_size_format(fb_json_u64(ram, "transferred"), sent),
			 fb_size_format(fb_json_u64(ram, "remaining"), left),
			 fb_size_format((uint64_t)bytes_per_s, rate),
			 fb_time_format(fb_now_us() - migrate->start_us, elapsed));
}

static bool fb_migrate_expired(const struct fb_migrate *migrate)
{
	return migrate->timeout_s &&
	       fb_now_us() - migrate->start_us >= migrate->timeout_s * 1000000;
}

/* Cancels where that is wanted and safe; returns whether to go on looking. */
static int fb_migrate_attend(struct fb_qmp *qmp, struct fb_migrate *migrate, bool *go_on)
{
	uint64_t now_us = fb_now_us();

	*go_on = true;
	if (migrate->cancel_us) {
		*go_on = now_us - migrate->cancel_us < FB_MIGRATE_CANCEL_US;
		return 0;
	}
	if (!qmp->interrupts && !fb_migrate_expired(migrate))
		return 0;
	if (fb_migrate_phase(migrate) == FB_MIGRATE_POSTCOPY) {
		*go_on = false;
		return 0;
	}
	migrate->cancel_us = now_us;
	return fb_qmp_call(qmp, "migrate_cancel", NULL, NULL);
}

static int fb_migrate_follow(struct fb_qmp *qmp, struct fb_migrate *migrate,
			     struct fb_progress *progress)
{
	bool go_on;
	int rc;

	while (fb_migrate_goes_on(migrate)) {
		fb_migrate_draw(migrate, progress);
		rc = fb_qmp_pause(qmp, FB_MIGRATE_POLL_MS, NULL);
		if (!rc)
			rc = fb_migrate_look(qmp, migrate);
		if (rc)
			return rc;
		if (!fb_migrate_goes_on(migrate))
			return 0;
		rc = fb_migrate_attend(qmp, migrate, &go_on);
		if (rc || !go_on)
			return rc;
	}
	return 0;
}

static json_object *fb_migrate_result(const struct fb_migrate *migrate)
{
	const json_object *ram = fb_json_child(migrate->info, "ram");
	json_object *result = json_object_new_object();
	uint64_t number;

	fb_json_add_text(result, "uri", migrate->uri);
	fb_json_add_text(result, "status", fb_migrate_status(migrate));
	if (fb_json_get_u64(migrate->info, "total-time", &number))
		fb_json_add_u64(result, "total-ms", number);
	if (fb_json_get_u64(migrate->info, "downtime", &number))
		fb_json_add_u64(result, "downtime-ms", number);
	if (ram) {
		fb_json_add_u64(result, "sent-bytes", fb_json_u64(ram, "transferred"));
		fb_json_add_u64(result, "remaining-bytes", fb_json_u64(ram, "remaining"));
		fb_json_add_u64(result, "rounds", fb_json_u64(ram, "dirty-sync-count"));
	}
	return result;
}

/* What the hints have saved during this migration; false where the device does not count. */
static bool fb_migrate_hinted(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			      const struct fb_migrate *migrate, uint64_t *bytes)
{
	if (!migrate->counts_hints || fb_balloon_hinted(qmp, balloon, bytes) <= 0)
		return false;
	*bytes -= migrate->hint_base;
	return true;
}

/* Why the device had no hints in this migration, to be released; NULL where it had. */
static json_object *fb_migrate_hint_reason(struct fb_qmp *qmp, const struct fb_balloon *balloon,
					   const struct fb_migrate *migrate)
{
	json_object *reason;

	if (!migrate->counts_hints ||
	    fb_balloon_get(qmp, balloon, "fastballoon-hint-off-reason", &reason) <= 0)
		return NULL;
	if (json_object_is_type(reason, json_type_string) && json_object_get_string_len(reason))
		return reason;
	json_object_put(reason);
	return NULL;
}

static void fb_migrate_say_totals(const struct fb_cli *cli, const struct fb_migrate *migrate)
{
	const json_object *ram = fb_json_child(migrate->info, "ram");
	char total[FB_TEXT_MAX], down[FB_TEXT_MAX], sent[FB_TEXT_MAX];

	fb_say(cli, "migrated in %s: %s sent in %llu rounds, downtime %s",
	       fb_time_format(fb_json_u64(migrate->info, "total-time") * 1000, total),
	       fb_size_format(fb_json_u64(ram, "transferred"), sent),
	       (unsigned long long)fb_json_u64(ram, "dirty-sync-count"),
	       fb_time_format(fb_json_u64(migrate->info, "downtime") * 1000, down));
}

static int fb_migrate_done(const struct fb_cli *cli, struct fb_qmp *qmp,
			   const struct fb_balloon *balloon, const struct fb_migrate *migrate)
{
	json_object *result = fb_migrate_result(migrate);
	json_object *reason = fb_migrate_hint_reason(qmp, balloon, migrate);
	char text[FB_TEXT_MAX];
	uint64_t hinted;
	bool counted = fb_migrate_hinted(qmp, balloon, migrate, &hinted);

	fb_migrate_say_totals(cli, migrate);
	if (reason)
		fb_say(cli, "no hints: %s", json_object_get_string(reason));
	else if (counted)
		fb_say(cli, "skipped thanks to hints: %s", fb_size_format(hinted, text));
	fb_json_add(result, "hinted-bytes", counted ? json_object_new_uint64(hinted) : NULL);
	fb_json_add(result, "hint-off-reason", reason);
	return fb_result(cli, result);
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

static int fb_migrate_end(const struct fb_cli *cli, struct fb_qmp *qmp,
			  const struct fb_balloon *balloon, const struct fb_migrate *migrate)
{
	switch (fb_migrate_phase(migrate)) {
	case FB_MIGRATE_COMPLETED:
		return fb_migrate_done(cli, qmp, balloon, migrate);
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

/* What the device counts before the migration; a VM without a balloon migrates as well. */
static int fb_migrate_prepare(struct fb_qmp *qmp, struct fb_balloon *balloon,
			      struct fb_migrate *migrate)
{
	int rc = fb_balloon_find(qmp, balloon);

	if (rc > 0)
		rc = fb_balloon_hinted(qmp, balloon, &migrate->hint_base);
	migrate->counts_hints = rc > 0;
	return rc < 0 ? rc : fb_migrate_look(qmp, migrate);
}

/* QEMU would not even start it. */
static int fb_migrate_refused(const struct fb_cli *cli, struct fb_qmp *qmp)
{
	const char *remedy = "give a URI such as tcp:HOST:PORT, unix:PATH or exec:COMMAND";
	char cause[sizeof(qmp->cause)], state[FB_VM_STATE_MAX];
	bool running;

	memcpy(cause, qmp->cause, sizeof(cause));
	if (!fb_vm_state(qmp, state, &running) && !strcmp(state, "postmigrate"))
		remedy = "this VM has been migrated already and is now at its destination";
	return fb_fail(cli, NULL, remedy, "%s", cause);
}

/* Starts the migration and waits for its end, with the limits set meanwhile. */
static int fb_migrate_and_wait(const struct fb_cli *cli, struct fb_qmp *qmp,
			       const struct fb_balloon *balloon, struct fb_migrate *migrate)
{
	struct fb_progress progress;
	int rc = fb_migrate_start(qmp, migrate);

	if (rc == -EREMOTEIO)
		return fb_migrate_refused(cli, qmp);
	if (!rc && migrate->detach && fb_migrate_goes_on(migrate)) {
		memset(&migrate->found, 0, sizeof(migrate->found));
		return fb_migrate_detached(cli, migrate);
	}
	fb_progress_init(cli, &progress);
	if (!rc)
		rc = fb_migrate_follow(qmp, migrate, &progress);
	fb_progress_clear(&progress);
	if (rc)
		return fb_fail_qmp(cli, qmp);
	return fb_migrate_end(cli, qmp, balloon, migrate);
}

static int fb_migrate_do(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_balloon *balloon,
			 struct fb_migrate *migrate)
{
	int rc = fb_migrate_prepare(qmp, balloon, migrate), status;

	if (rc)
		return fb_fail_qmp(cli, qmp);
	if (fb_migrate_goes_on(migrate))
		return fb_fail(cli, fb_migrate_result(migrate),
			       "wait for it, or cancel it with the QMP command migrate_cancel",
			       "a migration is going on already (%s)", fb_migrate_status(migrate));
	if (fb_migrate_limit(qmp, migrate))
		return fb_fail_qmp(cli, qmp);
	status = fb_migrate_and_wait(cli, qmp, balloon, migrate);
	/* QEMU may be gone by now, and a VM that has left needs no limits. */
	fb_migrate_set_limits(qmp, &migrate->found);
	return status;
}

static int fb_migrate_run(struct fb_cli *cli, int argc, char **argv)
{
	struct fb_migrate migrate = { 0 };
	struct fb_balloon balloon;
	struct fb_qmp qmp;
	int status;

	if (!fb_migrate_parse(cli, &migrate, argc, argv))
		return cli->status;
	status = fb_vm_open(cli, &qmp);
	if (status)
		return status;
	memset(&balloon, 0, sizeof(balloon));
	if (fb_qmp_catch_signals(&qmp))
		status = fb_fail_qmp(cli, &qmp);
	if (!status)
		status = fb_migrate_do(cli, &qmp, &balloon, &migrate);
	json_object_put(migrate.info);
	fb_balloon_put(&balloon);
	fb_qmp_close(&qmp);
	return status;
}

const struct fb_command fb_command_migrate = {
	.name = "migrate",
	.operands = "URI",
	.summary = "Migrate the VM, show progress and totals; Ctrl-C cancels",
	.options = "URI is what QEMU's migrate command takes: tcp:HOST:PORT, unix:PATH, "
		   "exec:COMMAND.\n\n"
		   "  --bandwidth SIZE      set the limit per second, such as 100M or 10G\n"
		   "  --downtime-limit MS   set the longest downtime, in milliseconds\n"
		   "  --timeout SEC         cancel when it is not done by then; default: none\n"
		   "  --detach              start it and leave\n",
	.run = fb_migrate_run,
};
