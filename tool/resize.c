// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * resize.c - one change of the guest's memory, from the target to where the guest gets.
 *
 * The target is given to QEMU at once; the guest's driver then moves towards it. The size is
 * looked at often at first, since a guest with our driver is there in milliseconds, and more and
 * more seldom up to FB_RESIZE_POLL_MAX_US.
 *
 * A driver with a control queue tells why it is not further, and takes the request to go as far as
 * it can, which it answers. With any other driver a best effort ends when the guest has come no
 * closer for a while. Either way the size that was reached becomes QEMU's target, so that the
 * guest stays there, also after a reboot.
 */
#include "resize.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vm.h"

/* Pauses between looks at the size. */
#define FB_RESIZE_POLL_MIN_US 1000
#define FB_RESIZE_POLL_MAX_US 64000

/**
 * fb_resize_operand() - read a size from the command line.
 * @cli: the call.
 * @resize: receives it.
 * @text: the operand.
 *
 * Return: FB_EXIT_OK or the exit status.
 */
int fb_resize_operand(const struct fb_cli *cli, struct fb_resize *resize, const char *text)
{
	if (fb_size_parse(text, &resize->size))
		return fb_usage(cli, "%s is no size such as 512M, 1.5GiB, +256M, -1G or max", text);
	if (resize->size.sign == FB_SIZE_ABSOLUTE && resize->size.bytes < FB_RESIZE_LEAST)
		return fb_usage(cli, "%s is less than 1 MiB; give a unit, such as 512M", text);
	return FB_EXIT_OK;
}

/**
 * fb_resize_resolve() - work the target out from the sizes in force.
 * @cli: the call.
 * @qmp: the connection.
 * @resize: the change, whose @size is set.
 *
 * Return: FB_EXIT_OK or the exit status.
 */
int fb_resize_resolve(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_resize *resize)
{
	char asked[FB_TEXT_MAX], memory[FB_TEXT_MAX], now[FB_TEXT_MAX];
	int rc;

	if (fb_vm_memory(qmp, &resize->memory) || fb_balloon_actual(qmp, &resize->from))
		return fb_fail_qmp(cli, qmp);
	fb_size_format(resize->memory, memory);
	fb_size_format(resize->from, now);
	rc = fb_size_resolve(&resize->size, resize->from, resize->memory, &resize->target);
	if (rc || resize->target < FB_RESIZE_LEAST)
		return fb_fail(cli, NULL, "take away less",
			       "the guest has %s now, too little to take %s away", now,
			       fb_size_format(resize->size.bytes, asked));
	if (resize->target > resize->memory)
		return fb_fail(cli, NULL, "ask for that or less; max stands for all of it",
			       "%s is more than the VM's memory of %s",
			       fb_size_format(resize->target, asked), memory);
	resize->target = (resize->target + FB_BALLOON_PAGE - 1) & ~(FB_BALLOON_PAGE - 1);
	resize->actual = resize->from;
	return FB_EXIT_OK;
}

static uint64_t fb_resize_distance(const struct fb_resize *resize)
{
	return resize->actual > resize->target ? resize->actual - resize->target :
						 resize->target - resize->actual;
}

static int fb_resize_set_target(struct fb_qmp *qmp, uint64_t target)
{
	json_object *arguments = json_object_new_object();

	fb_json_add_u64(arguments, "value", target);
	return fb_qmp_call(qmp, "balloon", arguments, NULL);
}

/* Looks at what the driver tells, where the device shows it. */
static int fb_resize_listen(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			    struct fb_resize *resize)
{
	int rc;

	if (!resize->shows_told)
		return 0;
	rc = fb_control_told(qmp, balloon, resize->memory - resize->target, &resize->told);
	resize->shows_told = rc > 0;
	return rc < 0 ? rc : 0;
}

static int fb_resize_look(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			  struct fb_resize *resize)
{
	int rc = resize->asked ? fb_request_look(qmp, balloon, &resize->request) : 0;

	if (!rc)
		rc = fb_resize_listen(qmp, balloon, resize);
	if (!rc)
		rc = fb_balloon_actual(qmp, &resize->actual);
	resize->elapsed_us = fb_now_us() - resize->start_us;
	return rc;
}

/* Asks the driver to go to the target, where it takes requests. */
static int fb_resize_ask(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			 struct fb_resize *resize)
{
	json_object *arguments;
	struct fb_obstacle obstacle;
	int rc = fb_control_check(qmp, balloon, &obstacle);

	if (rc <= 0)
		return rc;
	arguments = json_object_new_object();
	fb_json_add_bool(arguments, "best-effort", resize->best_effort);
	resize->request.type = "inflate";
	rc = fb_request_send(qmp, balloon, &resize->request, arguments);
	resize->asked = !rc;
	return rc == -EREMOTEIO ? 0 : rc;
}

/**
 * fb_resize_begin() - give the target to QEMU, and a request to the driver where it needs one.
 * @qmp: the connection.
 * @balloon: the device.
 * @resize: the change, after fb_resize_resolve().
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_resize_begin(struct fb_qmp *qmp, const struct fb_balloon *balloon, struct fb_resize *resize)
{
	int rc;

	if (!resize->timeout_s)
		resize->timeout_s = resize->best_effort ? FB_RESIZE_EFFORT_S : FB_RESIZE_TIMEOUT_S;
	resize->start_us = fb_now_us();
	resize->shows_told = true;
	rc = fb_resize_set_target(qmp, resize->target);
	if (!rc)
		rc = fb_resize_listen(qmp, balloon, resize);
	/* A driver that settled short of the same target before goes on only when it is asked. */
	if (!rc && (resize->best_effort || resize->told.settled))
		rc = fb_resize_ask(qmp, balloon, resize);
	return rc ? rc : fb_resize_look(qmp, balloon, resize);
}

static void fb_resize_draw(const struct fb_resize *resize, struct fb_progress *progress)
{
	char from[FB_TEXT_MAX], target[FB_TEXT_MAX], actual[FB_TEXT_MAX], elapsed[FB_TEXT_MAX];
	char least[FB_TEXT_MAX], why[FB_TEXT_MAX * 3] = "";
	const struct fb_told *told = &resize->told;

	if (told->known && strcmp(told->reason, "none") && told->reachable <= resize->memory)
		snprintf(why, sizeof(why), "; %s, %s could be reached", told->reason,
			 fb_size_format(resize->memory - told->reachable, least));
	fb_progress_draw(progress, "%s -> %s: %s after %s%s", fb_size_format(resize->from, from),
			 fb_size_format(resize->target, target),
			 fb_size_format(resize->actual, actual),
			 fb_time_format(resize->elapsed_us, elapsed), why);
}

/*
 * Whether the driver's answer, or the lack of one, ends the change; *@end receives how. A driver
 * that could not do what it was asked is waited for like one that cannot be asked.
 */
static bool fb_resize_answered(struct fb_resize *resize, enum fb_resize_end *end)
{
	const struct fb_request *request = &resize->request;
	bool done = !strcmp(request->state, "done");

	if (!resize->asked || fb_request_open(request))
		return false;
	resize->asked = false;
	*end = FB_RESIZE_SETTLED;
	if (fb_request_done(request) || (done && !strcmp(request->status, "timeout")))
		return resize->best_effort;
	*end = FB_RESIZE_OVERTAKEN;
	return !strcmp(request->state, "gone") || (done && !strcmp(request->status, "canceled"));
}

/* Whether the change has ended; *@end receives how. @idle_us: time without a step closer. */
static bool fb_resize_ended(const struct fb_qmp *qmp, struct fb_resize *resize, uint64_t idle_us,
			    enum fb_resize_end *end)
{
	if (!fb_resize_distance(resize)) {
		*end = FB_RESIZE_REACHED;
		return true;
	}
	if (fb_resize_answered(resize, end))
		return true;
	*end = FB_RESIZE_INTERRUPTED;
	if (qmp->interrupts)
		return true;
	*end = resize->best_effort ? FB_RESIZE_SETTLED : FB_RESIZE_STALLED;
	return idle_us >= resize->timeout_s * 1000000;
}

/* The size reached becomes the target, unless the guest cannot even try. */
static int fb_resize_settle(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			    struct fb_resize *resize)
{
	struct fb_obstacle obstacle;

	if (resize->end != FB_RESIZE_SETTLED)
		return 0;
	if (!fb_obstacle_find(qmp, balloon, &obstacle))
		return fb_resize_set_target(qmp, resize->actual);
	resize->end = FB_RESIZE_STALLED;
	return 0;
}

/**
 * fb_resize_wait() - wait until the guest has reached the target, or gets no further.
 * @qmp: the connection.
 * @balloon: the device.
 * @resize: the change, begun; receives how it has ended.
 * @progress: the line to draw.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_resize_wait(struct fb_qmp *qmp, const struct fb_balloon *balloon, struct fb_resize *resize,
		   struct fb_progress *progress)
{
	uint64_t best = UINT64_MAX, best_us = 0, pause_us = FB_RESIZE_POLL_MIN_US;
	int rc = 0;

	while (!rc) {
		if (fb_resize_distance(resize) < best) {
			best = fb_resize_distance(resize);
			best_us = resize->elapsed_us;
		}
		if (fb_resize_ended(qmp, resize, resize->elapsed_us - best_us, &resize->end))
			return fb_resize_settle(qmp, balloon, resize);
		fb_resize_draw(resize, progress);
		/* The event only ends a pause: what it tells may be older than a query. */
		rc = fb_qmp_pause(qmp, (unsigned int)(pause_us / 1000), "BALLOON_CHANGE");
		if (!rc)
			rc = fb_resize_look(qmp, balloon, resize);
		pause_us += pause_us / 4 < 1000 ? 1000 : pause_us / 4;
		if (pause_us > FB_RESIZE_POLL_MAX_US)
			pause_us = FB_RESIZE_POLL_MAX_US;
	}
	return rc;
}

/* Why a guest is not further, by the driver's word for it. */
static const struct {
	const char *word;
	const char *cause;
	const char *remedy;
} fb_resize_reasons[] = {
	{ "watermark", "the guest keeps the rest as its reserve",
	  "free memory in the guest or have it drop its caches, or take what it can give with "
	  "--best-effort" },
	{ "fragmentation", "what is free in the guest is in pieces too small for its driver",
	  "run fastballoon compact, or take what the guest can give with --best-effort" },
	{ "allocation", "the guest's allocator gives nothing more",
	  "free memory in the guest, or take what it can give with --best-effort" },
	{ "oom", "the guest ran out of memory and took some back", "ask for a larger size" },
	{ "stopped", "the guest's policy, or suspend, has stopped its driver",
	  "see the guest's kernel log" },
};

static void fb_resize_explain_told(const struct fb_resize *resize, struct fb_obstacle *obstacle)
{
	const struct fb_told *told = &resize->told;
	char least[FB_TEXT_MAX];

	for (size_t i = 0; i < sizeof(fb_resize_reasons) / sizeof(fb_resize_reasons[0]); i++) {
		if (strcmp(told->reason, fb_resize_reasons[i].word))
			continue;
		snprintf(obstacle->cause, sizeof(obstacle->cause), "%s (%s), and could reach %s",
			 fb_resize_reasons[i].cause, told->reason,
			 fb_size_format(told->reachable < resize->memory ?
						resize->memory - told->reachable :
						0,
					least));
		obstacle->remedy = fb_resize_reasons[i].remedy;
	}
}

/**
 * fb_resize_explain() - why the guest is not at the target.
 * @qmp: the connection.
 * @balloon: the device.
 * @resize: the change, which has ended short of the target.
 * @obstacle: receives the cause and the remedy.
 */
void fb_resize_explain(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		       const struct fb_resize *resize, struct fb_obstacle *obstacle)
{
	bool shrinks = resize->actual > resize->target;

	snprintf(obstacle->cause, sizeof(obstacle->cause), "the guest came no closer%s",
		 resize->told.known ? "" : ", and its driver does not tell why");
	obstacle->remedy = shrinks ?
				   "the guest has no more memory to give: free some in it, ask for "
				   "a larger size, or take what it can give with --best-effort" :
				   "the guest takes no more memory back: see its kernel log";
	if (!fb_obstacle_find(qmp, balloon, obstacle) && resize->told.known && shrinks)
		fb_resize_explain_told(resize, obstacle);
}

/**
 * fb_resize_result() - a change for JSON.
 * @resize: the change.
 *
 * Return: a new object.
 */
json_object *fb_resize_result(const struct fb_resize *resize)
{
	json_object *result = json_object_new_object();
	const struct fb_told *told = &resize->told;
	bool tells = told->known && told->reachable <= resize->memory;

	fb_json_add_u64(result, "from-bytes", resize->from);
	fb_json_add_u64(result, "target-bytes", resize->target);
	fb_json_add_u64(result, "actual-bytes", resize->actual);
	fb_json_add_bool(result, "reached", resize->actual == resize->target);
	fb_json_add_bool(result, "settled", resize->end == FB_RESIZE_SETTLED);
	fb_json_add_text(result, "reason", told->known ? told->reason : NULL);
	fb_json_add(result, "reachable-bytes",
		    tells ? json_object_new_uint64(resize->memory - told->reachable) : NULL);
	fb_json_add_ms(result, "elapsed-ms", resize->elapsed_us);
	return result;
}
