// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_model.c - what must be safe is searched whole; what is wrong on purpose must be found.
 *
 * Each search is done with two pages in a chunk of the dirty log, and with one page in a chunk
 * with others and with a reboot and a cancelled migration besides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model.h"

#define FB_M_LATE                    \
	{                            \
		FB_M_FLUSH, FB_M_END \
	}
#define FB_M_EAGER                               \
	{                                        \
		FB_M_FLUSH, FB_M_CLEAR, FB_M_END \
	}

/* How often each kind of action could happen, over all tests. */
static size_t fb_m_taken[FB_M_ACTION_COUNT];

static struct fb_m_result fb_m_search_pages(const struct fb_m_config *config, unsigned int pages)
{
	struct fb_m_config sized = *config;

	sized.pages = (uint8_t)pages;
	/* Holes matter in the first round alone. */
	sized.syncs = config->holes && pages > 1 ? 2 : 3;
	sized.one_chunk = true;
	if (pages == 1) {
		sized.neighbour = true;
		sized.reboots = 1;
		sized.cancels = 1;
	}
	return fb_m_search(&sized, fb_m_taken);
}

static void fb_m_expect_safe(const struct fb_m_config *config)
{
	for (unsigned int pages = 1; pages <= FB_M_PAGES; pages++) {
		struct fb_m_result result = fb_m_search_pages(config, pages);

		printf("%s, pages: %u: %zu states, %zu ends\n", config->name, pages, result.states,
		       result.ends);
		assert_false(result.lost);
		assert_true(result.ends > 100);
	}
}

/* One page is enough to lose it; the trace is a shortest one. */
static void fb_m_expect_loss(const struct fb_m_config *config)
{
	struct fb_m_result result = fb_m_search_pages(config, 1);

	assert_true(result.lost);
	assert_true(result.trace_len > 0);
}

static void test_modes_and_logs(void **context)
{
	static const struct {
		enum fb_m_log log;
		const char *name;
	} logs[] = {
		{ FB_M_LOG_SYNC, "log emptied by the sync" },
		{ FB_M_LOG_STALE, "TCG of QEMU 7.2, flushed" },
		{ FB_M_LOG_MANUAL, "log cleared by hand" },
	};
	static const char *const modes[] = { "read-only", "held until acknowledged",
					     "held until DONE" };

	for (unsigned int i = 0; i < 3 * 3 * 2; i++) {
		bool eager = i & 1;
		enum fb_m_mode mode = i / 2 % 3;
		struct fb_m_config config = { .log = logs[i / 6].log,
					      .mode = mode,
					      .steps = FB_M_LATE };
		char name[80];

		if (config.log == FB_M_LOG_MANUAL && mode == FB_M_READ && !eager)
			continue; /* the first of the losses below */
		if (eager)
			config.steps[1] = FB_M_CLEAR;
		/* A device that clears late is QEMU's, which does not drain either. */
		config.no_drain = !eager;
		snprintf(name, sizeof(name), "%s, %s, cleared %s", modes[mode], logs[i / 6].name,
			 eager ? "eagerly" : "late");
		config.name = name;
		fb_m_expect_safe(&config);
	}
}

static void test_drain_of_one_side(void **context)
{
	fb_m_expect_safe(&(struct fb_m_config){ .name = "only the driver drains",
						.log = FB_M_LOG_MANUAL,
						.steps = FB_M_EAGER,
						.no_drain = true });
	fb_m_expect_safe(&(struct fb_m_config){ .name = "only the device drains",
						.log = FB_M_LOG_MANUAL,
						.steps = FB_M_EAGER,
						.bad = FB_M_BAD_DRAIN });
}

static void test_late_clear_loses(void **context)
{
	fb_m_expect_loss(&(struct fb_m_config){ .name = "read-only, log cleared by hand and late",
						.log = FB_M_LOG_MANUAL,
						.steps = FB_M_LATE });
}

static void test_missing_flush_loses(void **context)
{
	fb_m_expect_loss(&(struct fb_m_config){ .name = "TCG of QEMU 7.2, not flushed",
						.log = FB_M_LOG_STALE });
}

static void test_shrinker_loses(void **context)
{
	fb_m_expect_loss(&(struct fb_m_config){ .name = "shrinker gives back before the answer",
						.log = FB_M_LOG_MANUAL,
						.mode = FB_M_KEEP,
						.no_drain = true,
						.bad = FB_M_BAD_SHRINKER });
}

static void test_stale_id_loses(void **context)
{
	fb_m_expect_loss(&(struct fb_m_config){ .name = "hints of another id count",
						.log = FB_M_LOG_MANUAL,
						.steps = FB_M_EAGER,
						.bad = FB_M_BAD_STALE });
	fb_m_expect_loss(&(struct fb_m_config){ .name = "a queued id is rewritten, nobody drains",
						.log = FB_M_LOG_SYNC,
						.no_drain = true,
						.bad = FB_M_BAD_DRAIN });
}

static void test_hint_over_a_sync_loses(void **context)
{
	fb_m_expect_loss(&(struct fb_m_config){ .name = "hints on their way outlive a sync",
						.log = FB_M_LOG_MANUAL,
						.steps = FB_M_EAGER,
						.bad = FB_M_BAD_VOID });
}

static void test_init_on_free_loses(void **context)
{
	for (enum fb_m_mode mode = FB_M_READ; mode <= FB_M_KEEP; mode++)
		fb_m_expect_loss(&(struct fb_m_config){ .name = "free pages must read zero",
							.log = FB_M_LOG_MANUAL,
							.mode = mode,
							.steps = FB_M_EAGER,
							.zero_on_free = true });
}

static void test_hole_skip(void **context)
{
	fb_m_expect_safe(&(struct fb_m_config){
		.name = "holes, log emptied by the sync, looked for once",
		.log = FB_M_LOG_SYNC,
		.holes = true,
		.steps = { FB_M_LOOK, FB_M_SKIP_LOG, FB_M_SKIP_BITS, FB_M_END },
	});
	for (enum fb_m_log log = FB_M_LOG_STALE; log <= FB_M_LOG_MANUAL; log++) {
		fb_m_expect_safe(&(struct fb_m_config){
			.name = "holes, log cleared eagerly",
			.log = log,
			.holes = true,
			.steps = { FB_M_FLUSH, FB_M_CLEAR, FB_M_LOOK, FB_M_SKIP_LOG, FB_M_SKIP_BITS,
				   FB_M_RESCAN, FB_M_END },
		});
		fb_m_expect_safe(&(struct fb_m_config){
			.name = "holes, log cleared eagerly, looked for once",
			.log = log,
			.holes = true,
			.steps = { FB_M_FLUSH, FB_M_CLEAR, FB_M_LOOK, FB_M_SKIP_BITS, FB_M_END },
		});
		fb_m_expect_safe(&(struct fb_m_config){
			.name = "holes, log cleared late",
			.log = log,
			.mode = FB_M_HOLD,
			.holes = true,
			.steps = { FB_M_FLUSH, FB_M_LOOK, FB_M_SKIP_LOG, FB_M_SKIP_BITS,
				   FB_M_RESCAN, FB_M_END },
		});
	}
}

static void test_hole_skip_loses(void **context)
{
	fb_m_expect_loss(&(struct fb_m_config){
		.name = "holes, log cleared late, looked for once",
		.log = FB_M_LOG_MANUAL,
		.mode = FB_M_HOLD,
		.holes = true,
		.steps = { FB_M_LOOK, FB_M_SKIP_LOG, FB_M_SKIP_BITS, FB_M_END },
	});
	fb_m_expect_loss(&(struct fb_m_config){
		.name = "holes, log not cleared, though looked for again",
		.log = FB_M_LOG_MANUAL,
		.mode = FB_M_HOLD,
		.holes = true,
		.steps = { FB_M_LOOK, FB_M_SKIP_BITS, FB_M_RESCAN, FB_M_END },
	});
	fb_m_expect_loss(&(struct fb_m_config){
		.name = "holes, log cleared eagerly, but behind the look",
		.log = FB_M_LOG_MANUAL,
		.holes = true,
		.steps = { FB_M_LOOK, FB_M_SKIP_BITS, FB_M_CLEAR, FB_M_END },
	});
	fb_m_expect_loss(&(struct fb_m_config){
		.name = "holes, TLBs flushed behind the look",
		.log = FB_M_LOG_STALE,
		.holes = true,
		.steps = { FB_M_LOOK, FB_M_SKIP_LOG, FB_M_SKIP_BITS, FB_M_FLUSH, FB_M_END },
	});
}

/* A kind of action that never can happen would make all of this mean less than it says. */
static void test_every_action_happens(void **context)
{
	for (unsigned int i = 0; i < FB_M_ACTION_COUNT; i++)
		assert_true(fb_m_taken[i] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes_and_logs),
		cmocka_unit_test(test_drain_of_one_side),
		cmocka_unit_test(test_late_clear_loses),
		cmocka_unit_test(test_missing_flush_loses),
		cmocka_unit_test(test_shrinker_loses),
		cmocka_unit_test(test_stale_id_loses),
		cmocka_unit_test(test_hint_over_a_sync_loses),
		cmocka_unit_test(test_init_on_free_loses),
		cmocka_unit_test(test_hole_skip),
		cmocka_unit_test(test_hole_skip_loses),
		cmocka_unit_test(test_every_action_happens),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
