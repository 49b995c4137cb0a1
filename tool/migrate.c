// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * migrate.c - one migration's way through QEMU.
 *
 * QEMU runs the migration; this starts it, looks at query-migrate until its status is final, and
 * cancels it on a signal or when its time has passed. A migration that has switched to postcopy
 * is never cancelled, since the VM would be lost: it is left alone.
 *
 * Where the guest was shrunk for the migration, QEMU waits for us before the switch-over with the
 * guest stopped: there the memory is given back, so that the guest takes it on the destination.
 */
#include "migrate.h"

#include <string.h>

#define FB_MIGRATE_POLL_MS 50
/* The same where the guest stands still until we look. */
#define FB_MIGRATE_POLL_PAUSING_MS 5
/* How long QEMU may take to end a migration that was cancelled. */
#define FB_MIGRATE_CANCEL_US UINT64_C(10000000)
/* QEMU's name for the state in which it waits before the switch-over. */
#define FB_MIGRATE_BEFORE_SWITCH "pre-switchover"

/**
 * fb_migrate_status() - QEMU's name for where the migration is.
 * @migrate: the migration, after a look.
 *
 * Return: the name; "none" where there is no migration.
 */
const char *fb_migrate_status(const struct fb_migrate *migrate)
{
	const char *status = fb_json_text(migrate->info, "status");

	return status ? status : "none";
}

/**
 * fb_migrate_phase() - what the migration's status means.
 * @migrate: the migration, after a look.
 *
 * Return: the phase.
 */
enum fb_migrate_phase fb_migrate_phase(const struct fb_migrate *migrate)
{
	static const struct {
		const char *status;
		enum fb_migrate_phase phase;
	} phases[] = {
		{ "none", FB_MIGRATE_NONE },
		{ "completed", FB_MIGRATE_COMPLETED },
		{ "failed", FB_MIGRATE_FAILED },
		{ "cancelled", FB_MIGRATE_CANCELLED },
		{ FB_MIGRATE_BEFORE_SWITCH, FB_MIGRATE_WAITING },
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

/**
 * fb_migrate_goes_on() - whether the migration may still end in any way.
 * @migrate: the migration, after a look.
 *
 * Return: true if it may.
 */
bool fb_migrate_goes_on(const struct fb_migrate *migrate)
{
	enum fb_migrate_phase phase = fb_migrate_phase(migrate);

	return phase == FB_MIGRATE_RUNNING || phase == FB_MIGRATE_WAITING ||
	       phase == FB_MIGRATE_POSTCOPY;
}

/**
 * fb_migrate_look() - ask QEMU for the migration's state.
 * @qmp: the connection.
 * @migrate: receives it.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_migrate_look(struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	json_object_put(migrate->info);
	return fb_qmp_call(qmp, "query-migrate", NULL, &migrate->info);
}

/**
 * fb_migrate_set_limits() - set limits.
 * @qmp: the connection.
 * @limits: which.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_migrate_set_limits(struct fb_qmp *qmp, const struct fb_migrate_limits *limits)
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

/**
 * fb_migrate_limit() - set the migration's limits, and remember what they replace.
 * @qmp: the connection.
 * @migrate: the migration.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_migrate_limit(struct fb_qmp *qmp, struct fb_migrate *migrate)
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

/**
 * fb_migrate_start() - start the migration.
 * @qmp: the connection.
 * @migrate: the migration.
 *
 * Return: 0 or a negative errno, see qmp.h; -EREMOTEIO where QEMU refuses it.
 */
int fb_migrate_start(struct fb_qmp *qmp, struct fb_migrate *migrate)
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

/* Gives the memory back and lets QEMU go on, once it waits for that. */
static int fb_migrate_switch(struct fb_qmp *qmp, struct fb_migrate *migrate)
{
	json_object *arguments;

	if (!migrate->pausing || migrate->continued ||
	    fb_migrate_phase(migrate) != FB_MIGRATE_WAITING)
		return 0;
	fb_migrate_return(qmp, migrate);
	migrate->continued = true;
	arguments = json_object_new_object();
	fb_json_add_text(arguments, "state", FB_MIGRATE_BEFORE_SWITCH);
	return fb_qmp_call(qmp, "migrate-continue", arguments, NULL);
}

/**
 * fb_migrate_follow() - wait for the migration's end, or until it must be left alone.
 * @qmp: the connection.
 * @migrate: the migration.
 * @progress: the line to draw.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_migrate_follow(struct fb_qmp *qmp, struct fb_migrate *migrate, struct fb_progress *progress)
{
	unsigned int poll_ms = migrate->pausing ? FB_MIGRATE_POLL_PAUSING_MS : FB_MIGRATE_POLL_MS;
	bool go_on;
	int rc;

	while (fb_migrate_goes_on(migrate)) {
		fb_migrate_draw(qmp, migrate, progress);
		rc = fb_qmp_pause(qmp, poll_ms, "STOP");
		if (!rc)
			rc = fb_migrate_look(qmp, migrate);
		if (rc)
			return rc;
		if (!fb_migrate_goes_on(migrate))
			return 0;
		rc = fb_migrate_attend(qmp, migrate, &go_on);
		if (!rc && go_on && !migrate->cancel_us)
			rc = fb_migrate_switch(qmp, migrate);
		if (rc || !go_on)
			return rc;
	}
	return 0;
}
