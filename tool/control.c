// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * control.c - what goes over the balloon's control queues: requests to the guest's driver, and
 * what it tells of its progress.
 *
 * The device takes a request as the property fastballoon-request and shows what became of the
 * last one of each type in fastballoon-requests; fastballoon-progress is what the driver told
 * last. BALLOON_CHANGE comes with answers and progress, among others; it only ends a pause.
 */
#include "control.h"

#include <stdio.h>
#include <string.h>

#include "output.h"
#include "size.h"

#define FB_CONTROL_REQUEST "fastballoon-request"
#define FB_CONTROL_REQUESTS "fastballoon-requests"
#define FB_CONTROL_PROGRESS "fastballoon-progress"

/* Pauses between looks for an answer. */
#define FB_CONTROL_POLL_MIN_MS 2
#define FB_CONTROL_POLL_MAX_MS 100
/* How much later than asked the device may give a request up. */
#define FB_CONTROL_GRACE_S 10

static void fb_control_copy(char *text, size_t size, const json_object *from, const char *key)
{
	const char *found = fb_json_text(from, key);

	snprintf(text, size, "%s", found ? found : "");
}

static bool fb_control_names(const json_object *features, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(features); i++) {
		if (!strcmp(json_object_get_string(json_object_array_get_idx(features, i)), name))
			return true;
	}
	return false;
}

/* Whether the device takes requests: 1, 0 or a negative errno. */
static int fb_control_device(struct fb_qmp *qmp, const struct fb_balloon *balloon)
{
	json_object *requests;
	int rc = balloon->ours ? fb_balloon_get(qmp, balloon, FB_CONTROL_REQUESTS, &requests) : 0;

	if (rc > 0)
		json_object_put(requests);
	return rc;
}

/* Whether driver and device have agreed on the control queues: 1, 0 or a negative errno. */
static int fb_control_agreed(struct fb_qmp *qmp, const struct fb_balloon *balloon)
{
	json_object *features;
	enum fb_driver driver;
	bool named;
	int rc = fb_balloon_driver(qmp, balloon, &driver, &features);

	if (rc)
		return rc;
	named = fb_control_names(features, "ctrl-vq");
	json_object_put(features);
	return named;
}

static int fb_control_lacks(struct fb_obstacle *obstacle, const char *cause, const char *remedy)
{
	snprintf(obstacle->cause, sizeof(obstacle->cause), "%s", cause);
	obstacle->remedy = remedy;
	return 0;
}

/**
 * fb_control_check() - whether the guest's driver can be asked for something.
 * @qmp: the connection.
 * @balloon: the device.
 * @obstacle: receives why not, and what to do about it.
 *
 * Return: 1 if it can; 0 with @obstacle; or a negative errno, see qmp.h.
 */
int fb_control_check(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		     struct fb_obstacle *obstacle)
{
	int rc = fb_control_device(qmp, balloon);

	if (!rc && balloon->ours)
		return fb_control_lacks(obstacle, "this fastballoon device passes no requests on",
					"load a newer fastballoon.so into QEMU");
	if (!rc)
		return fb_control_lacks(obstacle,
					"QEMU's own balloon device passes no requests to the guest",
					"give the VM a fastballoon device: fastballoon qemu-args "
					"prints its options");
	if (rc > 0)
		rc = fb_control_agreed(qmp, balloon);
	if (rc || fb_obstacle_find(qmp, balloon, obstacle))
		return rc;
	return fb_control_lacks(obstacle,
				"the guest's driver takes no requests: it has no control queue",
				"load virtio_fastballoon in the guest, and leave the device's "
				"property ctrl-vq on");
}

/**
 * fb_control_told() - what the guest's driver tells of its way to a target.
 * @qmp: the connection.
 * @balloon: the device.
 * @target: the balloon's size that is asked for, in bytes; what was told on the way to another
 *          one does not count.
 * @told: receives it.
 *
 * Return: 1; 0 where the device does not show it; or a negative errno, see qmp.h.
 */
int fb_control_told(struct fb_qmp *qmp, const struct fb_balloon *balloon, uint64_t target,
		    struct fb_told *told)
{
	json_object *progress;
	int rc;

	memset(told, 0, sizeof(*told));
	rc = balloon->ours ? fb_balloon_get(qmp, balloon, FB_CONTROL_PROGRESS, &progress) : 0;
	if (rc <= 0)
		return rc;
	if (fb_json_true(progress, "known") && fb_json_u64(progress, "target-bytes") == target) {
		told->known = true;
		fb_control_copy(told->reason, sizeof(told->reason), progress, "reason");
		told->reachable = fb_json_u64(progress, "reachable-bytes");
		told->settled = fb_json_true(progress, "settled");
	}
	json_object_put(progress);
	return 1;
}

/**
 * fb_request_look() - see what became of a request.
 * @qmp: the connection.
 * @balloon: the device.
 * @request: the request; its state becomes "gone" where the device shows another one instead.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_request_look(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		    struct fb_request *request)
{
	json_object *requests, *mine;
	uint64_t id;
	int rc = fb_balloon_get(qmp, balloon, FB_CONTROL_REQUESTS, &requests);

	request->elapsed_us = fb_now_us() - request->start_us;
	if (rc <= 0)
		return rc;
	mine = fb_json_child(requests, request->type);
	id = fb_json_u64(mine, "id");
	if (request->id && request->id != id) {
		strcpy(request->state, "gone");
	} else {
		request->id = id;
		fb_control_copy(request->state, sizeof(request->state), mine, "state");
		fb_control_copy(request->status, sizeof(request->status), mine, "status");
		request->figure = fb_json_u64(mine, "figure-bytes");
	}
	json_object_put(requests);
	return 0;
}

/**
 * fb_request_send() - ask the guest's driver for something.
 * @qmp: the connection.
 * @balloon: the device.
 * @request: the request, whose type is set.
 * @arguments: members of the request besides its type, whose reference is taken; may be NULL.
 *
 * Return: 0 or a negative errno, see qmp.h; -EREMOTEIO where the device refuses it.
 */
int fb_request_send(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		    struct fb_request *request, json_object *arguments)
{
	int rc;

	if (!arguments)
		arguments = json_object_new_object();
	fb_json_add_text(arguments, "type", request->type);
	request->id = 0;
	request->start_us = fb_now_us();
	rc = fb_balloon_set(qmp, balloon, FB_CONTROL_REQUEST, arguments);
	return rc ? rc : fb_request_look(qmp, balloon, request);
}

/**
 * fb_request_open() - whether a request waits for its answer.
 * @request: the request, after the last look.
 *
 * Return: true if it does.
 */
bool fb_request_open(const struct fb_request *request)
{
	return !strcmp(request->state, "queued") || !strcmp(request->state, "sent");
}

static bool fb_request_answered(const struct fb_request *request, const char *status)
{
	return !strcmp(request->state, "done") && !strcmp(request->status, status);
}

/**
 * fb_request_done() - whether the driver did what it was asked, as far as that was possible.
 * @request: the request, after the last look.
 *
 * Return: true if it did.
 */
bool fb_request_done(const struct fb_request *request)
{
	return fb_request_answered(request, "ok") || fb_request_answered(request, "partial");
}

/**
 * fb_request_wait() - wait until a request is answered or given up, or a signal comes.
 * @qmp: the connection.
 * @balloon: the device.
 * @request: the request that was sent.
 * @timeout_s: when the device gives it up, in seconds.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_request_wait(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		    struct fb_request *request, uint64_t timeout_s)
{
	uint64_t limit_us = (timeout_s + FB_CONTROL_GRACE_S) * 1000000;
	unsigned int pause_ms = FB_CONTROL_POLL_MIN_MS;
	int rc = 0;

	while (!rc && fb_request_open(request) && !qmp->interrupts &&
	       request->elapsed_us < limit_us) {
		rc = fb_qmp_pause(qmp, pause_ms, "BALLOON_CHANGE");
		if (!rc)
			rc = fb_request_look(qmp, balloon, request);
		pause_ms += pause_ms / 2;
		if (pause_ms > FB_CONTROL_POLL_MAX_MS)
			pause_ms = FB_CONTROL_POLL_MAX_MS;
	}
	return rc;
}

/* What an answer other than success means, and what an operator can do. */
static const struct {
	const char *word;
	const char *cause;
	const char *remedy;
} fb_request_ends[] = {
	{ "busy", "the guest is busy with such a request, or has just answered one",
	  "ask again in a second" },
	{ "not-supported", "the guest's driver or kernel does not support it",
	  "load virtio_fastballoon in the guest, or see its kernel log" },
	{ "invalid", "the guest's driver took it for malformed",
	  "see that module and fastballoon.so are of the same version" },
	{ "canceled", "a later request or another target overtook it", "ask again" },
	{ "timeout", "the guest was not done in time", "allow more with --timeout" },
	{ "no-memory", "the guest had no memory to do it", "free some memory in the guest first" },
	{ "denied", "the guest's policy forbids it",
	  "allow it with the parameter ctrl_requests of virtio_fastballoon in the guest" },
	{ "failed", "the guest could not do it", "see the guest's kernel log" },
	{ "timed-out", "the guest's driver did not answer in time",
	  "allow more with --timeout, or see the guest's kernel log" },
	{ "void", "the guest's driver was reset meanwhile", "ask again" },
	{ "gone", "another client's request overtook it", "ask again" },
};

/**
 * fb_request_explain() - why a request was not done.
 * @request: the request, neither open nor done with success.
 * @obstacle: receives the cause and the remedy.
 */
void fb_request_explain(const struct fb_request *request, struct fb_obstacle *obstacle)
{
	const char *word = strcmp(request->state, "done") ? request->state : request->status;

	if (fb_request_open(request))
		word = "timed-out";
	snprintf(obstacle->cause, sizeof(obstacle->cause), "the request ended as %s", word);
	obstacle->remedy = "see the guest's kernel log";
	for (size_t i = 0; i < sizeof(fb_request_ends) / sizeof(fb_request_ends[0]); i++) {
		if (strcmp(fb_request_ends[i].word, word))
			continue;
		snprintf(obstacle->cause, sizeof(obstacle->cause), "%s", fb_request_ends[i].cause);
		obstacle->remedy = fb_request_ends[i].remedy;
	}
}

/**
 * fb_request_text() - write a sentence on a request that was done, for people.
 * @request: a request of type drop-caches or compact.
 * @text: receives it.
 *
 * Return: @text.
 */
const char *fb_request_text(const struct fb_request *request, char text[FB_REQUEST_TEXT_MAX])
{
	bool partial = fb_request_answered(request, "partial");
	char bytes[FB_TEXT_MAX], elapsed[FB_TEXT_MAX];

	snprintf(text, FB_REQUEST_TEXT_MAX,
		 strcmp(request->type, "compact") ?
			 "caches dropped%s: %s more are free in the guest, after %s" :
			 "memory compacted%s: %s more are free in pieces of 2 MiB and more, after "
			 "%s",
		 partial ? " as far as possible" : "", fb_size_format(request->figure, bytes),
		 fb_time_format(request->elapsed_us, elapsed));
	return text;
}

/**
 * fb_request_result() - a request for JSON.
 * @request: the request, after the last look.
 *
 * Return: a new object: status is the driver's answer, or the request's state where there is
 * none; figure-bytes is null without success.
 */
json_object *fb_request_result(const struct fb_request *request)
{
	bool answered = !strcmp(request->state, "done");
	json_object *result = json_object_new_object();

	fb_json_add_text(result, "request", request->type);
	fb_json_add_text(result, "status", answered ? request->status : request->state);
	fb_json_add(result, "figure-bytes",
		    fb_request_done(request) ? json_object_new_uint64(request->figure) : NULL);
	fb_json_add_ms(result, "elapsed-ms", request->elapsed_us);
	return result;
}
