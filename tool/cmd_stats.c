// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_stats.c - fastballoon stats: what the guest's driver tells about its memory.
 *
 * QEMU asks the driver only while its polling interval is set. Where nobody has set it, it is
 * set for as long as an update takes, and put back to off in any case.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "balloon.h"
#include "obstacle.h"
#include "output.h"
#include "size.h"
#include "vm.h"

#define FB_STATS_TIMEOUT_S 10
#define FB_STATS_INTERVAL_S 1
#define FB_STATS_POLL_MS 50
#define FB_STATS_PROPERTY "guest-stats"
#define FB_STATS_POLLING "guest-stats-polling-interval"

enum fb_stats_option { FB_OPT_TIMEOUT = FB_OPT_OWN, FB_OPT_INTERVAL };

/**
 * struct fb_stats - one reading of a guest's statistics.
 * @timeout_s: how long to wait for an update.
 * @interval_s: polling interval to set where polling is off.
 * @polling_s: polling interval found, 0 for off.
 * @values: the property's value.
 */
struct fb_stats {
	uint64_t timeout_s;
	uint64_t interval_s;
	uint64_t polling_s;
	json_object *values;
};

static const struct fb_number fb_stats_known[] = {
	{ "stat-total-memory", "total memory", true },
	{ "stat-free-memory", "free memory", true },
	{ "stat-available-memory", "available memory", true },
	{ "stat-disk-caches", "disk caches", true },
	{ "stat-swap-in", "swapped in", true },
	{ "stat-swap-out", "swapped out", true },
	{ "stat-major-faults", "major faults", false },
	{ "stat-minor-faults", "minor faults", false },
	{ "stat-htlb-pgalloc", "huge pages allocated", false },
	{ "stat-htlb-pgfail", "huge pages refused", false },
	{ "stat-oom-kills", "OOM kills", false },
	{ "stat-alloc-stalls", "allocation stalls", false },
	{ "stat-async-scans", "pages scanned async", false },
	{ "stat-direct-scans", "pages scanned direct", false },
	{ "stat-async-reclaims", "reclaimed async", false },
	{ "stat-direct-reclaims", "reclaimed direct", false },
};

#define FB_STATS_KNOWN (sizeof(fb_stats_known) / sizeof(fb_stats_known[0]))

static const struct option fb_stats_options[] = {
	{ "timeout", required_argument, NULL, FB_OPT_TIMEOUT },
	{ "interval", required_argument, NULL, FB_OPT_INTERVAL },
	FB_COMMON_OPTIONS,
};

static bool fb_stats_parse(struct fb_cli *cli, struct fb_stats *stats, int argc, char **argv)
{
	int c;

	cli->status = FB_EXIT_OK;
	while (!cli->status && (c = fb_getopt(cli, argc, argv, ":h", fb_stats_options)) != -1) {
		if (c == '?')
			return false;
		if (c == FB_OPT_TIMEOUT)
			cli->status = fb_option_seconds(cli, "--timeout", 1, &stats->timeout_s);
		else
			cli->status = fb_option_seconds(cli, "--interval", 1, &stats->interval_s);
	}
	if (!cli->status)
		cli->status = fb_no_operands(cli, argc, argv);
	return !cli->status;
}

/* Reads the statistics; *updated_s receives when the guest sent them, 0 for never. */
static int fb_stats_read(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			 struct fb_stats *stats, uint64_t *updated_s)
{
	int rc;

	json_object_put(stats->values);
	stats->values = NULL;
	rc = fb_balloon_get(qmp, balloon, FB_STATS_PROPERTY, &stats->values);
	*updated_s = fb_json_u64(stats->values, "last-update");
	return rc < 0 ? rc : 0;
}

static int fb_stats_find_polling(struct fb_qmp *qmp, const struct fb_balloon *balloon,
				 struct fb_stats *stats)
{
	json_object *value;
	int rc = fb_balloon_get(qmp, balloon, FB_STATS_POLLING, &value);

	if (rc < 0)
		return rc;
	stats->polling_s = json_object_get_uint64(value);
	json_object_put(value);
	return 0;
}

/* Whether QEMU polls, and the last update is no older than its interval allows. */
static bool fb_stats_fresh(const struct fb_stats *stats, uint64_t updated_s)
{
	uint64_t now_s = (uint64_t)time(NULL);

	return stats->polling_s && updated_s && updated_s + stats->polling_s + 1 >= now_s;
}

/* Waits for an update; returns 1, 0 where none came in time, or a negative errno. */
static int fb_stats_wait(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			 struct fb_stats *stats)
{
	uint64_t deadline_us = fb_now_us() + stats->timeout_s * 1000000, before_s, now_s;
	int rc = fb_stats_read(qmp, balloon, stats, &before_s);

	if (rc || fb_stats_fresh(stats, before_s))
		return rc ? rc : 1;
	if (!stats->polling_s)
		rc = fb_balloon_set(qmp, balloon, FB_STATS_POLLING,
				    json_object_new_uint64(stats->interval_s));
	while (!rc && !qmp->interrupts && fb_now_us() < deadline_us) {
		rc = fb_qmp_pause(qmp, FB_STATS_POLL_MS, NULL);
		if (!rc)
			rc = fb_stats_read(qmp, balloon, stats, &now_s);
		if (!rc && now_s != before_s)
			return 1;
	}
	return rc;
}

/* The update, with QEMU's polling left as it was found. */
static int fb_stats_update(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			   struct fb_stats *stats)
{
	int rc = fb_stats_find_polling(qmp, balloon, stats), restored = 0;

	if (rc)
		return rc;
	rc = fb_stats_wait(qmp, balloon, stats);
	if (!stats->polling_s)
		restored =
			fb_balloon_set(qmp, balloon, FB_STATS_POLLING, json_object_new_uint64(0));
	return rc >= 0 && restored ? restored : rc;
}

/* A statistic that the guest has not sent is all ones. */
static bool fb_stats_value(const json_object *values, const char *name, uint64_t *value)
{
	return fb_json_get_u64(values, name, value) && *value != FB_NUMBER_NONE;
}

static json_object *fb_stats_result(const struct fb_stats *stats)
{
	json_object *result = json_object_new_object(), *shown = json_object_new_object();
	json_object *values = fb_json_child(stats->values, "stats");
	uint64_t number;

	fb_json_add_u64(result, "last-update", fb_json_u64(stats->values, "last-update"));
	if (json_object_is_type(values, json_type_object)) {
		json_object_object_foreach(values, name, value)
		{
			fb_json_add(shown, name,
				    fb_stats_value(values, name, &number) ? json_object_get(value) :
									    NULL);
		}
	}
	fb_json_add(result, "stats", shown);
	return result;
}

static bool fb_stats_is_known(const char *name)
{
	for (size_t i = 0; i < FB_STATS_KNOWN; i++) {
		if (!strcmp(fb_stats_known[i].name, name))
			return true;
	}
	return false;
}

static void fb_stats_print(const struct fb_stats *stats)
{
	json_object *values = fb_json_child(stats->values, "stats");
	char text[FB_TEXT_MAX];
	uint64_t number;

	fb_numbers(fb_stats_known, FB_STATS_KNOWN, values);
	if (!json_object_is_type(values, json_type_object))
		return;
	json_object_object_foreach(values, name, value)
	{
		(void)value;
		if (!fb_stats_is_known(name) && fb_stats_value(values, name, &number))
			fb_field(name, "%s", fb_count_format(number, text));
	}
}

static int fb_stats_none(const struct fb_cli *cli, struct fb_qmp *qmp,
			 const struct fb_balloon *balloon, const struct fb_stats *stats)
{
	struct fb_obstacle obstacle = { .cause = "the guest's driver sends none",
					.remedy = "wait longer with --timeout, or see the guest's "
						  "kernel log" };

	if (qmp->interrupts)
		return fb_fail(cli, NULL, NULL, "interrupted before the guest sent statistics");
	fb_obstacle_find(qmp, balloon, &obstacle);
	return fb_fail(cli, NULL, obstacle.remedy, "no statistics within %llu s: %s",
		       (unsigned long long)stats->timeout_s, obstacle.cause);
}

static int fb_stats_show(const struct fb_cli *cli, struct fb_qmp *qmp,
			 const struct fb_balloon *balloon, struct fb_stats *stats)
{
	int rc = fb_stats_update(qmp, balloon, stats);

	if (rc < 0)
		return fb_fail_qmp(cli, qmp);
	if (!rc)
		return fb_stats_none(cli, qmp, balloon, stats);
	if (!cli->json && !cli->quiet)
		fb_stats_print(stats);
	return fb_result(cli, fb_stats_result(stats));
}

static int fb_stats_run(struct fb_cli *cli, int argc, char **argv)
{
	struct fb_stats stats = { .timeout_s = FB_STATS_TIMEOUT_S,
				  .interval_s = FB_STATS_INTERVAL_S };
	struct fb_balloon balloon;
	struct fb_qmp qmp;
	int status;

	if (!fb_stats_parse(cli, &stats, argc, argv))
		return cli->status;
	status = fb_vm_open(cli, &qmp);
	if (status)
		return status;
	status = fb_balloon_require(cli, &qmp, &balloon);
	if (!status && fb_qmp_catch_signals(&qmp))
		status = fb_fail_qmp(cli, &qmp);
	if (!status)
		status = fb_stats_show(cli, &qmp, &balloon, &stats);
	json_object_put(stats.values);
	fb_balloon_put(&balloon);
	fb_qmp_close(&qmp);
	return status;
}

const struct fb_command fb_command_stats = {
	.name = "stats",
	.operands = "",
	.summary = "Show the guest's memory statistics",
	.options =
		"  --timeout SEC         wait this long for the guest to send them; default: 10\n"
		"  --interval SEC        polling interval while waiting, where polling is off;\n"
		"                        default: 1\n",
	.run = fb_stats_run,
};
