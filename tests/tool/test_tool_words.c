// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_tool_words.c - what the tool makes of the words of QEMU, the device and the guest.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "migrate.h"

#define FB_COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void fb_test_phases(void **state)
{
	static const struct {
		const char *json;
		enum fb_migrate_phase phase;
		bool goes_on;
	} cases[] = {
		{ "{}", FB_MIGRATE_NONE, false },
		{ "[]", FB_MIGRATE_NONE, false },
		{ "{\"status\": 5}", FB_MIGRATE_NONE, false },
		{ "{\"status\": \"none\"}", FB_MIGRATE_NONE, false },
		{ "{\"status\": \"setup\"}", FB_MIGRATE_RUNNING, true },
		{ "{\"status\": \"active\"}", FB_MIGRATE_RUNNING, true },
		{ "{\"status\": \"device\"}", FB_MIGRATE_RUNNING, true },
		{ "{\"status\": \"cancelling\"}", FB_MIGRATE_RUNNING, true },
		{ "{\"status\": \"a-new-one\"}", FB_MIGRATE_RUNNING, true },
		{ "{\"status\": \"pre-switchover\"}", FB_MIGRATE_WAITING, true },
		{ "{\"status\": \"postcopy-active\"}", FB_MIGRATE_POSTCOPY, true },
		{ "{\"status\": \"postcopy-paused\"}", FB_MIGRATE_BROKEN, false },
		{ "{\"status\": \"completed\"}", FB_MIGRATE_COMPLETED, false },
		{ "{\"status\": \"failed\"}", FB_MIGRATE_FAILED, false },
		{ "{\"status\": \"cancelled\"}", FB_MIGRATE_CANCELLED, false },
	};

	for (size_t i = 0; i < FB_COUNT(cases); i++) {
		struct fb_migrate migrate = { .info = json_tokener_parse(cases[i].json) };

		assert_int_equal(fb_migrate_phase(&migrate), cases[i].phase);
		assert_int_equal(fb_migrate_goes_on(&migrate), cases[i].goes_on);
		json_object_put(migrate.info);
	}
}

static void fb_test_request_ends(void **state)
{
	static const struct {
		const char *state;
		const char *status;
		bool open;
		bool done;
		const char *cause;
	} cases[] = {
		{ "queued", "", true, false, "did not answer" },
		{ "sent", "", true, false, "did not answer" },
		{ "done", "ok", false, true, NULL },
		{ "done", "partial", false, true, NULL },
		{ "done", "busy", false, false, "busy" },
		{ "done", "denied", false, false, "policy" },
		{ "done", "unknown", false, false, "ended as unknown" },
		{ "timed-out", "ok", false, false, "did not answer" },
		{ "void", "ok", false, false, "reset" },
		{ "none", "", false, false, "ended as none" },
		{ "", "", false, false, "ended as " },
	};
	struct fb_obstacle obstacle;

	for (size_t i = 0; i < FB_COUNT(cases); i++) {
		struct fb_request request = { .type = "compact" };

		strcpy(request.state, cases[i].state);
		strcpy(request.status, cases[i].status);
		assert_int_equal(fb_request_open(&request), cases[i].open);
		assert_int_equal(fb_request_done(&request), cases[i].done);
		if (!cases[i].cause)
			continue;
		fb_request_explain(&request, &obstacle);
		assert_non_null(strstr(obstacle.cause, cases[i].cause));
		assert_true(*obstacle.remedy);
	}
}

static void fb_test_request_texts(void **state)
{
	struct fb_request request = { .type = "drop-caches",
				      .state = "done",
				      .status = "ok",
				      .figure = UINT64_MAX,
				      .elapsed_us = UINT64_MAX };
	char text[FB_REQUEST_TEXT_MAX];

	assert_string_equal(fb_request_text(&request, text),
			    "caches dropped: 16 EiB more are free in the guest, after "
			    "18446744073709.55 s");
	request.type = "compact";
	strcpy(request.status, "partial");
	/* The longest text there is has room. */
	assert_true(strlen(fb_request_text(&request, text)) < FB_REQUEST_TEXT_MAX - 1);
	assert_string_equal(text, "memory compacted as far as possible: 16 EiB more are free in "
				  "pieces of 2 MiB and more, after 18446744073709.55 s");
}

static void fb_test_request_results(void **state)
{
	struct fb_request request = { .type = "compact", .state = "done", .status = "busy" };
	json_object *result = fb_request_result(&request);

	assert_string_equal(fb_json_text(result, "status"), "busy");
	assert_null(fb_json_child(result, "figure-bytes"));
	json_object_put(result);
	strcpy(request.state, "void");
	result = fb_request_result(&request);
	assert_string_equal(fb_json_text(result, "status"), "void");
	json_object_put(result);
}

static void fb_test_resize_result(void **state)
{
	struct fb_resize resize = { .memory = 100,
				    .from = 100,
				    .target = 40,
				    .actual = 60,
				    .end = FB_RESIZE_SETTLED,
				    .told = { .known = true, .reachable = 30 } };
	json_object *result = fb_resize_result(&resize);
	uint64_t reachable = 0;

	assert_true(fb_json_get_u64(result, "reachable-bytes", &reachable));
	assert_int_equal(reachable, 70);
	assert_true(fb_json_true(result, "settled"));
	assert_false(fb_json_true(result, "reached"));
	json_object_put(result);
	/* A guest that claims more than there is. */
	resize.told.reachable = 101;
	result = fb_resize_result(&resize);
	assert_null(fb_json_child(result, "reachable-bytes"));
	json_object_put(result);
}

static void fb_test_hint_modes(void **state)
{
	assert_true(fb_hints_mode_ok("on"));
	assert_true(fb_hints_mode_ok("off"));
	assert_true(fb_hints_mode_ok("held"));
	assert_false(fb_hints_mode_ok(""));
	assert_false(fb_hints_mode_ok("On"));
	assert_false(fb_hints_mode_ok("held "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fb_test_phases),        cmocka_unit_test(fb_test_request_ends),
		cmocka_unit_test(fb_test_request_texts), cmocka_unit_test(fb_test_request_results),
		cmocka_unit_test(fb_test_resize_result), cmocka_unit_test(fb_test_hint_modes),
	};

	return cmocka_run_group_tests_name("tool words", tests, NULL, NULL);
}
