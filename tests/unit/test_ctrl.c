// SPDX-License-Identifier: GPL-2.0-or-later
/* test_ctrl.c - requests over the requestq: making, sending, giving up; reset and migration. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mock_ctrl.h"

#define FB_FEATURES (FB_BIT(VIRTIO_FASTBALLOON_F_CTRL_VQ) | FB_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT))
#define FB_DROP VIRTIO_FASTBALLOON_REQ_DROP_CACHES
#define FB_COMPACT VIRTIO_FASTBALLOON_REQ_COMPACT
#define FB_INFLATE VIRTIO_FASTBALLOON_REQ_INFLATE
#define FB_OK VIRTIO_FASTBALLOON_STATUS_OK

static const struct fb_ctrl_args fb_both = {
	.caches = VIRTIO_FASTBALLOON_CACHE_PAGES | VIRTIO_FASTBALLOON_CACHE_SLAB,
};
static const struct fb_ctrl_args fb_none;
static const struct fb_ctrl_args fb_best = { .best_effort = true };

static int fb_setup(void **state)
{
	struct fb_mock *mock = fb_mock_new(FB_FEATURES);

	mock->now_ms = 1000;
	*state = mock;
	return 0;
}

static int fb_teardown(void **state)
{
	fb_mock_free(*state);
	return 0;
}

static void fb_expect_state(const struct fb_mock *mock, unsigned int type, enum fb_ctrl_state state)
{
	assert_int_equal(fb_ctrl_last(&mock->dev, type)->state, state);
}

static void fb_test_nothing_at_first(void **state)
{
	struct fb_mock *mock = *state;

	fb_mock_expect_none(mock);
	assert_int_equal(fb_ctrl_tick(&mock->dev), UINT64_MAX);
	for (unsigned int type = 1; type < FB_CTRL_TYPES; type++) {
		fb_expect_state(mock, type, FB_CTRL_NONE);
		assert_int_equal(fb_ctrl_last(&mock->dev, type)->type, type);
	}
	assert_null(fb_ctrl_last(&mock->dev, 0));
	assert_null(fb_ctrl_last(&mock->dev, FB_CTRL_TYPES));
	assert_int_equal(mock->guest_errors, 0);
}

/* The bytes on the wire, spelt out. */
static void fb_test_wire(void **state)
{
	struct fb_mock *mock = *state;
	unsigned char bytes[16];
	static const unsigned char expected[] = {
		6, 0, 1, 0, 1, 0, 0, 0, 0x78, 0x56, 0x34, 0x12, 0x88, 0x13, 0, 0,
	};
	const struct fb_ctrl_args args = { .best_effort = true, .timeout_ms = 5000 };

	mock->dev.num_pages = 0x12345678;
	assert_int_equal(fb_mock_ask(mock, FB_INFLATE, &args), 1);
	assert_int_equal(fb_ctrl_next_request(&mock->dev, &(struct iovec){ bytes, sizeof(bytes) },
					      1),
			 sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
}

static void fb_test_one_of_each(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t drop = fb_mock_ask(mock, FB_DROP, &fb_both);
	uint32_t compact = fb_mock_ask(mock, FB_COMPACT, &fb_none);
	struct fb_mock_request request = fb_mock_take_one(mock);

	assert_int_equal(request.type, FB_DROP);
	assert_int_equal(request.id, drop);
	assert_int_equal(request.arg[0], fb_both.caches);
	fb_expect_state(mock, FB_DROP, FB_CTRL_SENT);
	fb_expect_state(mock, FB_COMPACT, FB_CTRL_QUEUED);
	request = fb_mock_take_one(mock);
	assert_int_equal(request.type, FB_COMPACT);
	assert_int_equal(request.id, compact);
	assert_int_equal(request.flags | request.arg[0] | request.arg[1], 0);
	fb_mock_expect_none(mock);
	assert_int_equal(mock->dev.ctrl.sent, 2);
}

static void fb_test_answered(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t id = fb_mock_ask(mock, FB_DROP, &fb_both);
	const struct fb_ctrl_request *last = fb_ctrl_last(&mock->dev, FB_DROP);

	fb_mock_take_one(mock);
	mock->now_ms = 1234;
	fb_mock_reply(mock, id, VIRTIO_FASTBALLOON_STATUS_PARTIAL, 77 * FB_MIB);
	assert_int_equal(last->state, FB_CTRL_DONE);
	assert_int_equal(last->id, id);
	assert_int_equal(last->status, VIRTIO_FASTBALLOON_STATUS_PARTIAL);
	assert_int_equal(last->figure_bytes, 77 * FB_MIB);
	assert_int_equal(last->asked_ms, 1000);
	assert_int_equal(last->ended_ms, 1234);
	assert_int_equal(mock->done_count, 1);
	assert_memory_equal(&mock->done[0], last, sizeof(*last));
	assert_int_equal(fb_mock_ask(mock, FB_DROP, &fb_both), id + 1);
	assert_int_equal(last->status, 0);
	assert_int_equal(last->figure_bytes, 0);
}

static void fb_test_arguments(void **state)
{
	struct fb_mock *mock = *state;
	static const struct {
		unsigned int type;
		struct fb_ctrl_args args;
	} bad[] = {
		{ 0, { 0 } },
		{ VIRTIO_FASTBALLOON_REQ_HINT_START, { 0 } },
		{ VIRTIO_FASTBALLOON_REQ_HINT_STOP, { 0 } },
		{ VIRTIO_FASTBALLOON_REQ_HINT_DONE, { 0 } },
		{ FB_CTRL_TYPES, { 0 } },
		{ UINT32_MAX, { 0 } },
		{ FB_DROP, { 0 } },
		{ FB_DROP, { .caches = 4 } },
		{ FB_DROP, { .caches = 1, .best_effort = true } },
		{ FB_COMPACT, { .caches = 1 } },
		{ FB_COMPACT, { .best_effort = true } },
		{ FB_INFLATE, { .caches = 1 } },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(fb_ctrl_request(&mock->dev, bad[i].type, &bad[i].args), -EINVAL);
	fb_mock_expect_none(mock);
	assert_int_equal(mock->dev.ctrl.last_id, 0);
}

static void fb_test_busy(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t id = fb_mock_ask(mock, FB_DROP, &fb_both);

	assert_int_equal(fb_ctrl_request(&mock->dev, FB_DROP, &fb_both), -EBUSY);
	fb_mock_take_one(mock);
	assert_int_equal(fb_ctrl_request(&mock->dev, FB_DROP, &fb_both), -EBUSY);
	fb_mock_ask(mock, FB_COMPACT, &fb_none);
	fb_mock_reply(mock, id, VIRTIO_FASTBALLOON_STATUS_BUSY, 0);
	fb_mock_ask(mock, FB_DROP, &fb_both);
}

/* The target is the one that is set when the request leaves. */
static void fb_test_inflate_target(void **state)
{
	struct fb_mock *mock = *state;
	struct fb_mock_request request;

	fb_device_set_target(&mock->dev, 100);
	fb_mock_ask(mock, FB_INFLATE, &fb_none);
	fb_device_set_target(&mock->dev, 200);
	request = fb_mock_take_one(mock);
	assert_int_equal(request.arg[0], 200);
	assert_int_equal(request.arg[1], 0);
	assert_int_equal(request.flags, 0);
	assert_int_equal(fb_ctrl_last(&mock->dev, FB_INFLATE)->arg[0], 200);
}

static void fb_test_inflate_overtakes(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t first = fb_mock_ask(mock, FB_INFLATE, &fb_none);
	uint32_t second;

	fb_mock_take_one(mock);
	second = fb_mock_ask(mock, FB_INFLATE, &fb_best);
	assert_int_equal(mock->done_count, 1);
	assert_int_equal(mock->done[0].id, first);
	assert_int_equal(mock->done[0].state, FB_CTRL_VOID);
	/* The driver's CANCELED for the first one is late, and no fault. */
	fb_mock_reply(mock, first, VIRTIO_FASTBALLOON_STATUS_CANCELED, 0);
	assert_int_equal(mock->dev.ctrl.stale_replies, 1);
	assert_int_equal(fb_mock_take_one(mock).flags, VIRTIO_FASTBALLOON_INFLATE_BEST_EFFORT);
	fb_mock_reply(mock, second, FB_OK, FB_GIB);
	fb_expect_state(mock, FB_INFLATE, FB_CTRL_DONE);
	assert_int_equal(mock->guest_errors, 0);
}

static void fb_test_not_supported(void **state)
{
	struct fb_mock *mock = *state;

	for (unsigned int type = FB_DROP; type <= FB_INFLATE; type++) {
		const struct fb_ctrl_args *args = type == FB_DROP ? &fb_both : &fb_none;
		uint32_t id = fb_mock_ask(mock, type, args);

		fb_mock_take_one(mock);
		fb_mock_reply(mock, id, VIRTIO_FASTBALLOON_STATUS_NOT_SUPPORTED, 0);
		assert_int_equal(fb_ctrl_request(&mock->dev, type, args), -ENOTSUP);
	}
	/* Another driver may know better. */
	fb_device_reset(&mock->dev);
	assert_int_equal(fb_ctrl_request(&mock->dev, FB_DROP, &fb_both), -ENOTSUP);
	fb_device_set_features(&mock->dev, FB_FEATURES);
	fb_mock_ask(mock, FB_DROP, &fb_both);
}

static void fb_test_without_feature(void **state)
{
	struct fb_mock *mock = *state;

	fb_device_set_features(&mock->dev, FB_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT));
	fb_hint_begin(&mock->dev.hint);
	assert_int_equal(fb_ctrl_request(&mock->dev, FB_DROP, &fb_both), -ENOTSUP);
	fb_mock_expect_none(mock);
	mock->host_ops.now_ms = NULL;
	assert_int_equal(fb_ctrl_tick(&mock->dev), UINT64_MAX);
	fb_ctrl_loaded(&mock->dev);
	fb_mock_expect_none(mock);
	fb_device_reset(&mock->dev);
}

static void fb_test_buffers(void **state)
{
	struct fb_mock *mock = *state;
	size_t used;

	fb_mock_ask(mock, FB_DROP, &fb_both);
	for (size_t room = 0; room < 16; room++) {
		fb_mock_take(mock, room, 0, &used);
		assert_int_equal(used, 0);
		fb_mock_take(mock, room, 1, &used);
		assert_int_equal(used, 0);
	}
	assert_int_equal(mock->dev.counters.refused, 32);
	assert_int_equal(mock->guest_errors, 32);
	fb_expect_state(mock, FB_DROP, FB_CTRL_QUEUED);
	for (size_t split = 1; split < 20; split++) {
		struct fb_mock_request request = fb_mock_take(mock, 16 + split, split, &used);

		assert_int_equal(used, 16);
		assert_int_equal(request.type, FB_DROP);
		fb_mock_reply(mock, request.id, FB_OK, 0);
		fb_mock_ask(mock, FB_DROP, &fb_both);
	}
}

static void fb_test_timeout(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t id = fb_mock_ask(mock, FB_DROP, &fb_both);
	const struct fb_ctrl_args short_time = { .timeout_ms = 10 };

	fb_mock_take_one(mock);
	assert_int_equal(fb_ctrl_tick(&mock->dev), 1000 + FB_CTRL_TIMEOUT_MS);
	fb_mock_ask(mock, FB_COMPACT, &short_time);
	assert_int_equal(fb_ctrl_tick(&mock->dev), 1010);
	mock->now_ms = 1009;
	assert_int_equal(fb_ctrl_tick(&mock->dev), 1010);
	fb_expect_state(mock, FB_COMPACT, FB_CTRL_QUEUED);
	mock->now_ms = 1010;
	assert_int_equal(fb_ctrl_tick(&mock->dev), 1000 + FB_CTRL_TIMEOUT_MS);
	fb_expect_state(mock, FB_COMPACT, FB_CTRL_TIMED_OUT);
	/* What was given up before it left never leaves. */
	fb_mock_expect_none(mock);
	mock->now_ms = 1000 + FB_CTRL_TIMEOUT_MS;
	assert_int_equal(fb_ctrl_tick(&mock->dev), UINT64_MAX);
	fb_expect_state(mock, FB_DROP, FB_CTRL_TIMED_OUT);
	assert_int_equal(mock->done_count, 2);
	fb_mock_reply(mock, id, FB_OK, 1);
	fb_expect_state(mock, FB_DROP, FB_CTRL_TIMED_OUT);
	assert_int_equal(mock->dev.ctrl.stale_replies, 1);
	fb_mock_ask(mock, FB_DROP, &fb_both);
}

/* The driver has its say for a while after the limit that it was given. */
static void fb_test_inflate_timeout(void **state)
{
	struct fb_mock *mock = *state;
	const struct fb_ctrl_args args = { .best_effort = true, .timeout_ms = 500 };

	fb_mock_ask(mock, FB_INFLATE, &fb_none);
	assert_int_equal(fb_ctrl_tick(&mock->dev), UINT64_MAX);
	fb_mock_ask(mock, FB_INFLATE, &args);
	assert_int_equal(fb_mock_take_one(mock).arg[1], 500);
	assert_int_equal(fb_ctrl_tick(&mock->dev), 1500 + FB_CTRL_GRACE_MS);
}

static void fb_test_ids_wrap(void **state)
{
	struct fb_mock *mock = *state;

	mock->dev.ctrl.last_id = FB_CTRL_ID_MAX - 1;
	assert_int_equal(fb_mock_ask(mock, FB_INFLATE, &fb_none), FB_CTRL_ID_MAX);
	assert_int_equal(fb_mock_ask(mock, FB_INFLATE, &fb_none), 1);
}

static void fb_test_reset(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t drop = fb_mock_ask(mock, FB_DROP, &fb_both);
	uint32_t id;

	fb_mock_take_one(mock);
	fb_mock_ask(mock, FB_COMPACT, &fb_none);
	fb_device_reset(&mock->dev);
	assert_int_equal(mock->done_count, 2);
	fb_expect_state(mock, FB_DROP, FB_CTRL_VOID);
	fb_expect_state(mock, FB_COMPACT, FB_CTRL_VOID);
	fb_device_set_features(&mock->dev, FB_FEATURES);
	fb_mock_expect_none(mock);
	id = fb_mock_ask(mock, FB_DROP, &fb_both);
	assert_true(id > drop);
	fb_mock_take_one(mock);
	fb_mock_reply(mock, drop, FB_OK, 0);
	fb_expect_state(mock, FB_DROP, FB_CTRL_SENT);
}

static void fb_test_loaded(void **state)
{
	struct fb_mock *mock = *state;

	fb_mock_ask(mock, FB_DROP, &fb_both);
	mock->dev.ctrl.last_id = UINT32_MAX;
	fb_ctrl_loaded(&mock->dev);
	fb_expect_state(mock, FB_DROP, FB_CTRL_VOID);
	/* The driver is told how hints are, whatever the source had told it. */
	assert_int_equal(fb_mock_take_one(mock).type, VIRTIO_FASTBALLOON_REQ_HINT_STOP);
	fb_mock_expect_none(mock);
	assert_int_equal(fb_mock_ask(mock, FB_DROP, &fb_both), 2);
}

static void fb_test_names(void **state)
{
	(void)state;
	assert_string_equal(fb_ctrl_type_name(FB_DROP), "drop-caches");
	assert_string_equal(fb_ctrl_type_name(0), "unknown");
	assert_string_equal(fb_ctrl_type_name(FB_CTRL_TYPES), "unknown");
	assert_string_equal(fb_ctrl_state_name(FB_CTRL_VOID), "void");
	assert_string_equal(fb_ctrl_state_name(FB_CTRL_VOID + 1), "unknown");
	assert_string_equal(fb_ctrl_status_name(VIRTIO_FASTBALLOON_STATUS_FAILED), "failed");
	assert_string_equal(fb_ctrl_status_name(UINT16_MAX), "unknown");
	assert_string_equal(fb_ctrl_reason_name(VIRTIO_FASTBALLOON_REASON_STOPPED), "stopped");
	assert_string_equal(fb_ctrl_reason_name(UINT16_MAX), "unknown");
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_nothing_at_first),
		FB_TEST(fb_test_wire),
		FB_TEST(fb_test_one_of_each),
		FB_TEST(fb_test_answered),
		FB_TEST(fb_test_arguments),
		FB_TEST(fb_test_busy),
		FB_TEST(fb_test_inflate_target),
		FB_TEST(fb_test_inflate_overtakes),
		FB_TEST(fb_test_not_supported),
		FB_TEST(fb_test_without_feature),
		FB_TEST(fb_test_buffers),
		FB_TEST(fb_test_timeout),
		FB_TEST(fb_test_inflate_timeout),
		FB_TEST(fb_test_ids_wrap),
		FB_TEST(fb_test_reset),
		FB_TEST(fb_test_loaded),
		FB_TEST(fb_test_names),
	};

	return cmocka_run_group_tests_name("ctrl", tests, NULL, NULL);
}
