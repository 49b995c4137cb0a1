// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_request.c - fastballoon drop-caches and fastballoon compact: what the guest is asked to do
 * with its memory, besides giving it.
 */
#include <string.h>

#include "control.h"
#include "output.h"
#include "vm.h"

#define FB_REQUEST_TIMEOUT_S 60
/* The device takes milliseconds as 32 bits. */
#define FB_REQUEST_TIMEOUT_MAX_S (UINT32_MAX / 1000)

enum fb_request_option { FB_OPT_TIMEOUT = FB_OPT_OWN, FB_OPT_PAGES, FB_OPT_SLAB };

static const struct option fb_drop_options[] = {
	{ "pages", no_argument, NULL, FB_OPT_PAGES },
	{ "slab", no_argument, NULL, FB_OPT_SLAB },
	{ "timeout", required_argument, NULL, FB_OPT_TIMEOUT },
	FB_COMMON_OPTIONS,
};

static const struct option fb_compact_options[] = {
	{ "timeout", required_argument, NULL, FB_OPT_TIMEOUT },
	FB_COMMON_OPTIONS,
};

/**
 * struct fb_ask - one request of the operator's.
 * @request: what goes to the guest's driver.
 * @pages: drop the page cache.
 * @slab: drop reclaimable slab objects; with neither, both are dropped.
 * @timeout_s: how long the guest may take.
 */
struct fb_ask {
	struct fb_request request;
	bool pages;
	bool slab;
	uint64_t timeout_s;
};

static int fb_ask_option(const struct fb_cli *cli, struct fb_ask *ask, int c)
{
	int status;

	if (c == FB_OPT_PAGES) {
		ask->pages = true;
	} else if (c == FB_OPT_SLAB) {
		ask->slab = true;
	} else {
		status = fb_option_seconds(cli, "--timeout", 1, &ask->timeout_s);
		if (status)
			return status;
		if (ask->timeout_s > FB_REQUEST_TIMEOUT_MAX_S)
			return fb_usage(cli, "--timeout %s is more than %u seconds", optarg,
					FB_REQUEST_TIMEOUT_MAX_S);
	}
	return FB_EXIT_OK;
}

static bool fb_ask_parse(struct fb_cli *cli, struct fb_ask *ask, int argc, char **argv,
			 const struct option *options)
{
	int c;

	cli->status = FB_EXIT_OK;
	while (!cli->status && (c = fb_getopt(cli, argc, argv, ":h", options)) != -1) {
		if (c == '?')
			return false;
		cli->status = fb_ask_option(cli, ask, c);
	}
	if (!cli->status)
		cli->status = fb_no_operands(cli, argc, argv);
	return !cli->status;
}

static bool fb_ask_drops(const struct fb_ask *ask)
{
	return !strcmp(ask->request.type, "drop-caches");
}

static const char *fb_ask_caches(const struct fb_ask *ask)
{
	if (ask->pages == ask->slab)
		return "all";
	return ask->pages ? "pages" : "slab";
}

static json_object *fb_ask_result(const struct fb_ask *ask)
{
	json_object *result = fb_request_result(&ask->request);

	if (fb_ask_drops(ask))
		fb_json_add_text(result, "caches", fb_ask_caches(ask));
	return result;
}

/* Sends the request and waits for its end. */
static int fb_ask_guest(struct fb_qmp *qmp, const struct fb_balloon *balloon, struct fb_ask *ask)
{
	json_object *arguments = json_object_new_object();
	int rc;

	fb_json_add_u64(arguments, "timeout-ms", ask->timeout_s * 1000);
	if (fb_ask_drops(ask))
		fb_json_add_text(arguments, "caches", fb_ask_caches(ask));
	rc = fb_request_send(qmp, balloon, &ask->request, arguments);
	if (!rc)
		rc = fb_request_wait(qmp, balloon, &ask->request, ask->timeout_s);
	return rc;
}

static int fb_ask_report(const struct fb_cli *cli, struct fb_qmp *qmp, const struct fb_ask *ask)
{
	const struct fb_request *request = &ask->request;
	struct fb_obstacle obstacle;
	char text[FB_REQUEST_TEXT_MAX];

	if (fb_request_open(request) && qmp->interrupts)
		return fb_fail(cli, fb_ask_result(ask), "the guest goes on with it",
			       "interrupted before the guest answered");
	if (!fb_request_done(request)) {
		fb_request_explain(request, &obstacle);
		return fb_fail(cli, fb_ask_result(ask), obstacle.remedy, "%s failed: %s",
			       request->type, obstacle.cause);
	}
	fb_say(cli, "%s", fb_request_text(request, text));
	return fb_result(cli, fb_ask_result(ask));
}

static int fb_ask_balloon(const struct fb_cli *cli, struct fb_qmp *qmp,
			  const struct fb_balloon *balloon, struct fb_ask *ask)
{
	struct fb_obstacle obstacle;
	int rc = fb_control_check(qmp, balloon, &obstacle);

	if (!rc)
		return fb_fail(cli, NULL, obstacle.remedy, "%s", obstacle.cause);
	if (rc > 0)
		rc = fb_request_look(qmp, balloon, &ask->request);
	if (!rc && fb_request_open(&ask->request))
		return fb_fail(cli, NULL, "wait for its end, which fastballoon status shows",
			       "the guest is at work on such a request already");
	if (!rc)
		rc = fb_ask_guest(qmp, balloon, ask);
	return rc ? fb_fail_qmp(cli, qmp) : fb_ask_report(cli, qmp, ask);
}

static int fb_ask_do(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_ask *ask)
{
	struct fb_balloon balloon;
	int status = fb_balloon_require(cli, qmp, &balloon);

	if (!status && fb_qmp_catch_signals(qmp))
		status = fb_fail_qmp(cli, qmp);
	if (!status)
		status = fb_ask_balloon(cli, qmp, &balloon, ask);
	fb_balloon_put(&balloon);
	return status;
}

static int fb_ask_run(struct fb_cli *cli, int argc, char **argv, const struct option *options)
{
	struct fb_ask ask = { .request = { .type = cli->command->name },
			      .timeout_s = FB_REQUEST_TIMEOUT_S };
	struct fb_qmp qmp;
	int status;

	if (!fb_ask_parse(cli, &ask, argc, argv, options))
		return cli->status;
	status = fb_vm_open(cli, &qmp);
	if (status)
		return status;
	status = fb_ask_do(cli, &qmp, &ask);
	fb_qmp_close(&qmp);
	return status;
}

static int fb_drop_run(struct fb_cli *cli, int argc, char **argv)
{
	return fb_ask_run(cli, argc, argv, fb_drop_options);
}

static int fb_compact_run(struct fb_cli *cli, int argc, char **argv)
{
	return fb_ask_run(cli, argc, argv, fb_compact_options);
}

const struct fb_command fb_command_drop_caches = {
	.name = "drop-caches",
	.operands = "",
	.summary = "Have the guest drop its clean caches, and wait for it",
	.options = "  --pages               drop the page cache alone\n"
		   "  --slab                drop reclaimable slab objects alone\n"
		   "  --timeout SEC         give up after this long; default: 60\n",
	.run = fb_drop_run,
};

const struct fb_command fb_command_compact = {
	.name = "compact",
	.operands = "",
	.summary = "Have the guest compact its free memory, and wait for it",
	.options = "  --timeout SEC         give up after this long; default: 60\n",
	.run = fb_compact_run,
};
