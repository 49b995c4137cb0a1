// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * migrate_account.c - what a migration sends and what it is spared, while it runs and at its end.
 *
 * Memory can be spared in several ways at once: what is in the balloon is a hole as well. So the
 * amounts stand beside each other and are not added up.
 */
#include "migrate.h"

#include <stdio.h>
#include <string.h>

#include "vm.h"

#define FB_ACCOUNT_COUNTERS "fastballoon-counters"
#define FB_ACCOUNT_HOLES "fastballoon-hole-skip"

/**
 * struct fb_spared - what is not sent, in bytes.
 * @counts: whether @hinted and @series are known.
 * @hinted: skipped thanks to hints.
 * @series: found to be records that follow from one another, so that a few bytes stand for a page.
 * @holes: what the device tells of the hole skip, an object; NULL where it has none.
 * @counts_zero: whether @zero is known.
 * @zero: found to be zero, so that a few bytes stand for each page.
 */
struct fb_spared {
	bool counts;
	uint64_t hinted;
	uint64_t series;
	json_object *holes;
	bool counts_zero;
	uint64_t zero;
};

static int fb_account_count(struct fb_qmp *qmp, const struct fb_migrate *migrate,
			    struct fb_balloon_spared *spared)
{
	return migrate->has_balloon ? fb_balloon_spared(qmp, &migrate->balloon, spared) : 0;
}

/**
 * fb_migrate_count_from() - remember what the device has counted before the migration.
 * @qmp: the connection.
 * @migrate: the migration.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_migrate_count_from(struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	uint64_t memory, actual;
	int rc = fb_account_count(qmp, migrate, &migrate->spared_before);

	migrate->counts_spared = rc > 0;
	if (rc < 0 || !migrate->has_balloon)
		return rc;
	rc = fb_vm_memory(qmp, &memory);
	if (!rc)
		rc = fb_balloon_actual(qmp, &actual);
	if (!rc && memory > actual)
		migrate->ballooned = memory - actual;
	return rc;
}

/* What has been spared up to now; to be released with json_object_put() of @holes. */
static void fb_account_look(struct fb_qmp *qmp, const struct fb_migrate *migrate,
			    struct fb_spared *spared)
{
	const json_object *ram = fb_json_child(migrate->info, "ram");
	struct fb_balloon_spared now;
	uint64_t pages, page_size;

	memset(spared, 0, sizeof(*spared));
	spared->counts = migrate->counts_spared && fb_account_count(qmp, migrate, &now) > 0;
	if (spared->counts) {
		spared->hinted = now.hinted - migrate->spared_before.hinted;
		spared->series = now.series - migrate->spared_before.series;
	}
	if (migrate->has_balloon && migrate->balloon.ours)
		fb_balloon_get(qmp, &migrate->balloon, FB_ACCOUNT_HOLES, &spared->holes);
	spared->counts_zero = fb_json_get_u64(ram, "duplicate", &pages) &&
			      fb_json_get_u64(ram, "page-size", &page_size);
	/* The counters are read after QEMU's: while it goes on they can be ahead. */
	if (spared->counts_zero && pages * page_size > spared->series)
		spared->zero = pages * page_size - spared->series;
}

/* Adds "WHAT SIZE" to a list in @text, where there is any. */
static void fb_account_append(char *text, size_t size, const char *what, uint64_t bytes)
{
	size_t len = strlen(text);
	char amount[FB_TEXT_MAX];

	if (bytes)
		snprintf(text + len, size - len, "%s%s %s",
			 len ? ", " : "; not sent: ", fb_size_format(bytes, amount), what);
}

/**
 * fb_migrate_draw() - draw the line of progress.
 * @qmp: the connection.
 * @migrate: the migration, after a look.
 * @progress: the line.
 */
void fb_migrate_draw(struct fb_qmp *qmp, const struct fb_migrate *migrate,
		     struct fb_progress *progress)
{
	const json_object *ram = fb_json_child(migrate->info, "ram");
	char sent[FB_TEXT_MAX], left[FB_TEXT_MAX], rate[FB_TEXT_MAX], elapsed[FB_TEXT_MAX];
	double bytes_per_s = fb_json_double(ram, "mbps") * 1e6 / 8;
	struct fb_spared spared;
	char skipped[160] = "";

	if (!progress->on)
		return;
	fb_account_look(qmp, migrate, &spared);
	fb_account_append(skipped, sizeof(skipped), "hinted", spared.hinted);
	fb_account_append(skipped, sizeof(skipped), "holes",
			  fb_json_u64(spared.holes, "skipped-bytes"));
	fb_account_append(skipped, sizeof(skipped), "in the balloon", migrate->ballooned);
	json_object_put(spared.holes);
	fb_progress_draw(progress, "%s, round %llu: %s sent, %s left, %s/s, %s%s",
			 fb_migrate_status(migrate),
			 (unsigned long long)fb_json_u64(ram, "dirty-sync-count"),
			 fb_size_format(fb_json_u64(ram, "transferred"), sent),
			 fb_size_format(fb_json_u64(ram, "remaining"), left),
			 fb_size_format((uint64_t)bytes_per_s, rate),
			 fb_time_format(fb_now_us() - migrate->start_us, elapsed), skipped);
}

/**
 * fb_migrate_result() - what QEMU tells of the migration, and what prepared it, for JSON.
 * @migrate: the migration, after a look.
 *
 * Return: a new object.
 */
json_object *fb_migrate_result(const struct fb_migrate *migrate)
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
	if (migrate->shrunk)
		fb_json_add_bool(fb_json_child(migrate->steps, "balloon-first"), "returned",
				 migrate->returned);
	fb_json_add(result, "steps", json_object_get(migrate->steps));
	fb_json_add(result, "warnings", json_object_get(migrate->warnings));
	return result;
}

static void fb_account_say_totals(const struct fb_cli *cli, const struct fb_migrate *migrate)
{
	const json_object *ram = fb_json_child(migrate->info, "ram");
	char total[FB_TEXT_MAX], down[FB_TEXT_MAX], sent[FB_TEXT_MAX];

	fb_say(cli, "migrated in %s: %s sent in %llu rounds, downtime %s",
	       fb_time_format(fb_json_u64(migrate->info, "total-time") * 1000, total),
	       fb_size_format(fb_json_u64(ram, "transferred"), sent),
	       (unsigned long long)fb_json_u64(ram, "dirty-sync-count"),
	       fb_time_format(fb_json_u64(migrate->info, "downtime") * 1000, down));
}

static void fb_account_say(const struct fb_cli *cli, const char *what, uint64_t bytes)
{
	char text[FB_TEXT_MAX];

	if (bytes)
		fb_say(cli, "%s: %s", what, fb_size_format(bytes, text));
}

static void fb_account_say_spared(const struct fb_cli *cli, const struct fb_migrate *migrate,
				  const struct fb_spared *spared, const char *hint_reason)
{
	const char *hole_reason = fb_json_text(spared->holes, "off-reason");
	char text[FB_TEXT_MAX];

	if (spared->hinted || (spared->counts && !hint_reason))
		fb_say(cli, "skipped thanks to hints: %s", fb_size_format(spared->hinted, text));
	if (hint_reason)
		fb_say(cli, "%s: %s", spared->hinted ? "no further hints" : "no hints",
		       hint_reason);
	if (hole_reason && *hole_reason)
		fb_say(cli, "no holes skipped: %s", hole_reason);
	fb_account_say(cli, "skipped as holes, not backed by the host",
		       fb_json_u64(spared->holes, "skipped-bytes"));
	fb_account_say(cli, "in the balloon", migrate->ballooned);
	fb_account_say(cli, "by a rule, a few bytes sent for each page", spared->series);
	fb_account_say(cli, "zero, a few bytes sent for each page", spared->zero);
}

static void fb_account_add(json_object *result, const char *key, bool known, uint64_t value)
{
	fb_json_add(result, key, known ? json_object_new_uint64(value) : NULL);
}

/**
 * fb_migrate_account() - the account of a migration that has completed.
 * @cli: the call.
 * @qmp: the connection.
 * @migrate: the migration.
 * @result: what fb_migrate_result() has given; gains the amounts spared.
 */
void fb_migrate_account(const struct fb_cli *cli, struct fb_qmp *qmp,
			const struct fb_migrate *migrate, json_object *result)
{
	json_object *reason = migrate->has_balloon ? fb_hints_reason(qmp, &migrate->balloon) : NULL;
	struct fb_spared spared;

	fb_account_look(qmp, migrate, &spared);
	fb_account_say_totals(cli, migrate);
	fb_account_say_spared(cli, migrate, &spared,
			      reason ? json_object_get_string(reason) : NULL);
	fb_account_add(result, "hinted-bytes", spared.counts, spared.hinted);
	fb_json_add(result, "hint-off-reason", reason);
	fb_json_add(result, "hole-skip", spared.holes);
	fb_account_add(result, "ballooned-bytes", migrate->has_balloon, migrate->ballooned);
	fb_account_add(result, "series-bytes", spared.counts, spared.series);
	fb_account_add(result, "zero-bytes", spared.counts_zero, spared.zero);
}
