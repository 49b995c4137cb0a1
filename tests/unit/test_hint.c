// SPDX-License-Identifier: GPL-2.0-or-later
/* test_hint.c - free page hinting: every transition of its states, and what hints do. */
#include <endian.h>

#include "mock_host.h"

#define FB_STOP VIRTIO_BALLOON_CMD_ID_STOP

/* 1 GiB at 0 and 1 GiB of 2 MiB pages beside it; a hint knows no host pages. */
static int fb_setup(void **state)
{
	struct fb_mock *mock = fb_mock_new(FB_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT));

	fb_mock_add_ram(mock, 0, FB_GIB, FB_PAGE_SIZE);
	fb_mock_add_ram(mock, FB_GIB, FB_GIB, 2 * FB_MIB);
	*state = mock;
	return 0;
}

static int fb_teardown(void **state)
{
	fb_mock_free(*state);
	return 0;
}

static void fb_enter(struct fb_mock *mock, enum fb_hint_state state)
{
	struct fb_hint *hint = &mock->dev.hint;

	fb_hint_begin(hint);
	if (state == FB_HINT_START)
		fb_mock_send_id(mock, hint->cmd_id, NULL, 0);
	else if (state == FB_HINT_STOP)
		fb_hint_stop(hint);
	else if (state == FB_HINT_DONE)
		fb_hint_done(hint);
	assert_int_equal(hint->state, state);
	assert_false(hint->driver_stopped);
}

/* What the driver or the hypervisor does, as in the columns of hint.c's table. */
enum fb_event { FB_BEGIN, FB_OWN_ID, FB_OTHER_ID, FB_STOP_ID, FB_HOST_STOP, FB_HOST_DONE };

static void fb_do(struct fb_mock *mock, enum fb_event event)
{
	struct fb_hint *hint = &mock->dev.hint;

	switch (event) {
	case FB_BEGIN:
		fb_hint_begin(hint);
		break;
	case FB_OWN_ID:
		fb_mock_send_id(mock, hint->cmd_id, NULL, 0);
		break;
	case FB_OTHER_ID:
		fb_mock_send_id(mock, hint->cmd_id - 1, NULL, 0);
		break;
	case FB_STOP_ID:
		fb_mock_send_id(mock, FB_STOP, NULL, 0);
		break;
	case FB_HOST_STOP:
		fb_hint_stop(hint);
		break;
	case FB_HOST_DONE:
		fb_hint_done(hint);
		break;
	}
}

static void fb_test_transitions(void **state)
{
	static const enum fb_hint_state table[][6] = {
		[FB_HINT_STOP] = { FB_HINT_REQUESTED, FB_HINT_STOP, FB_HINT_STOP, FB_HINT_STOP,
				   FB_HINT_STOP, FB_HINT_DONE },
		[FB_HINT_REQUESTED] = { FB_HINT_REQUESTED, FB_HINT_START, FB_HINT_REQUESTED,
					FB_HINT_REQUESTED, FB_HINT_STOP, FB_HINT_DONE },
		[FB_HINT_START] = { FB_HINT_REQUESTED, FB_HINT_STOP, FB_HINT_STOP, FB_HINT_STOP,
				    FB_HINT_STOP, FB_HINT_DONE },
		[FB_HINT_DONE] = { FB_HINT_REQUESTED, FB_HINT_DONE, FB_HINT_DONE, FB_HINT_DONE,
				   FB_HINT_DONE, FB_HINT_DONE },
	};
	struct fb_mock *mock = *state;

	for (unsigned int from = FB_HINT_STOP; from <= FB_HINT_DONE; from++) {
		for (unsigned int event = FB_BEGIN; event <= FB_HOST_DONE; event++) {
			bool by_driver = event >= FB_OWN_ID && event <= FB_STOP_ID;

			fb_enter(mock, from);
			fb_do(mock, event);
			assert_int_equal(mock->dev.hint.state, table[from][event]);
			assert_int_equal(mock->dev.hint.driver_stopped,
					 from == FB_HINT_START && by_driver);
		}
	}
	assert_int_equal(mock->dev.hint.refused, 0);
}

static void fb_test_config(void **state)
{
	struct fb_mock *mock = *state;
	struct fb_hint *hint = &mock->dev.hint;

	assert_int_equal(fb_hint_config(hint), FB_STOP);
	fb_enter(mock, FB_HINT_REQUESTED);
	assert_int_equal(fb_hint_config(hint), hint->cmd_id);
	fb_enter(mock, FB_HINT_START);
	assert_int_equal(fb_hint_config(hint), hint->cmd_id);
	fb_enter(mock, FB_HINT_STOP);
	assert_int_equal(fb_hint_config(hint), FB_STOP);
	fb_enter(mock, FB_HINT_DONE);
	assert_int_equal(fb_hint_config(hint), VIRTIO_BALLOON_CMD_ID_DONE);
	hint->state = 77;
	assert_int_equal(fb_hint_config(hint), FB_STOP);
}

static void fb_test_ids(void **state)
{
	struct fb_hint *hint = &((struct fb_mock *)*state)->dev.hint;
	uint32_t first = fb_hint_begin(hint);

	assert_true(first > FB_HINT_CMD_ID_MIN);
	assert_int_equal(fb_hint_begin(hint), first + 1);
	hint->cmd_id = UINT32_MAX - 1;
	assert_int_equal(fb_hint_begin(hint), UINT32_MAX);
	assert_int_equal(fb_hint_begin(hint), FB_HINT_CMD_ID_MIN);
	hint->cmd_id = 5;
	assert_int_equal(fb_hint_begin(hint), FB_HINT_CMD_ID_MIN);
}

static void fb_test_every_descriptor_counts(void **state)
{
	struct fb_mock *mock = *state;

	fb_enter(mock, FB_HINT_START);
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { 4 * FB_MIB, 4 * FB_MIB }, { 0, FB_MIB },
		       { 512 * FB_MIB, FB_PAGE_SIZE });
	assert_int_equal(mock->op_count, 3);
	fb_mock_expect_op(mock, 0, FB_MOCK_SKIP, 4 * FB_MIB, 4 * FB_MIB);
	fb_mock_expect_op(mock, 1, FB_MOCK_SKIP, 0, FB_MIB);
	fb_mock_expect_op(mock, 2, FB_MOCK_SKIP, 512 * FB_MIB, FB_PAGE_SIZE);
	assert_int_equal(mock->dev.hint.hinted_bytes, 5 * FB_MIB + FB_PAGE_SIZE);
	assert_int_equal(mock->dev.hint.stale_bytes, 0);
	assert_int_equal(mock->dev.counters.discarded_bytes, 0);
	assert_int_equal(mock->guest_errors, 0);
}

static void fb_test_stale_hints(void **state)
{
	struct fb_mock *mock = *state;

	fb_enter(mock, FB_HINT_STOP);
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { 0, FB_MIB });
	fb_enter(mock, FB_HINT_REQUESTED);
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { 0, FB_MIB });
	fb_enter(mock, FB_HINT_DONE);
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { 0, FB_MIB }, { FB_MIB, FB_MIB });
	assert_int_equal(mock->op_count, 0);
	assert_int_equal(mock->dev.hint.stale_bytes, 4 * FB_MIB);
	assert_int_equal(mock->dev.hint.hinted_bytes, 0);
	assert_int_equal(mock->guest_errors, 0);
}

/* The driver answers round 1 while the device is in round 2. */
static void fb_test_late_round(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t old = fb_hint_begin(&mock->dev.hint);
	uint32_t new;

	fb_hint_stop(&mock->dev.hint);
	new = fb_hint_begin(&mock->dev.hint);
	fb_mock_send_id(mock, old, NULL, 0);
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { 0, FB_MIB });
	fb_mock_send_id(mock, FB_STOP, NULL, 0);
	assert_int_equal(mock->op_count, 0);
	fb_mock_send_id(mock, new, NULL, 0);
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { 0, FB_MIB });
	assert_int_equal(mock->op_count, 1);
	assert_int_equal(mock->dev.hint.stale_bytes, FB_MIB);
	fb_mock_send_id(mock, FB_STOP, NULL, 0);
	assert_true(mock->dev.hint.driver_stopped);
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { 0, FB_MIB });
	assert_int_equal(mock->op_count, 1);
}

/* In a buffer with both, the id is handled first. */
static void fb_test_id_and_hints_in_one_buffer(void **state)
{
	struct fb_mock *mock = *state;
	static const struct fb_range hints[] = { { 0, FB_PAGE_SIZE }, { FB_MIB, FB_MIB } };
	uint32_t id = fb_hint_begin(&mock->dev.hint);

	fb_mock_send_id(mock, id, hints, 2);
	assert_int_equal(mock->op_count, 2);
	fb_mock_send_id(mock, FB_STOP, hints, 2);
	assert_int_equal(mock->op_count, 2);
	assert_int_equal(mock->dev.hint.stale_bytes, FB_MIB + FB_PAGE_SIZE);
}

static void fb_test_id_length(void **state)
{
	static const struct fb_range hint = { 0, FB_MIB };
	struct fb_mock *mock = *state;
	uint32_t wire[2] = { 0 };

	wire[0] = htole32(fb_hint_begin(&mock->dev.hint));
	for (size_t len = 1; len <= 8; len++) {
		if (len != 4)
			fb_mock_send(mock, FB_MOCK_HINTQ, wire, len, 0, &hint, 1);
	}
	fb_mock_send(mock, FB_MOCK_HINTQ, NULL, 0, 1, &hint, 1);
	assert_int_equal(mock->dev.hint.state, FB_HINT_REQUESTED);
	assert_int_equal(mock->op_count, 0);
	assert_int_equal(mock->dev.hint.refused, 8);
	assert_int_equal(mock->guest_errors, 8);
}

static void fb_test_id_in_parts(void **state)
{
	struct fb_mock *mock = *state;

	for (size_t split = 1; split <= 4; split++) {
		uint32_t wire = htole32(fb_hint_begin(&mock->dev.hint));

		fb_mock_send(mock, FB_MOCK_HINTQ, &wire, sizeof(wire), split, NULL, 0);
		assert_int_equal(mock->dev.hint.state, FB_HINT_START);
	}
}

static void fb_test_clipped(void **state)
{
	struct fb_mock *mock = *state;

	fb_enter(mock, FB_HINT_START);
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { FB_GIB - FB_MIB, 2 * FB_MIB },
		       { 2 * FB_GIB - FB_MIB, FB_GIB }, { 3 * FB_GIB, FB_MIB }, { 0, UINT64_MAX });
	assert_int_equal(mock->op_count, 5);
	fb_mock_expect_op(mock, 0, FB_MOCK_SKIP, FB_GIB - FB_MIB, FB_MIB);
	fb_mock_expect_op(mock, 1, FB_MOCK_SKIP, FB_GIB, FB_MIB);
	fb_mock_expect_op(mock, 2, FB_MOCK_SKIP, 2 * FB_GIB - FB_MIB, FB_MIB);
	assert_int_equal(mock->dev.hint.refused, 3);
	assert_int_equal(mock->guest_errors, 1);
	assert_true(mock->find_ram_calls < 20);
}

static void fb_test_unaligned(void **state)
{
	struct fb_mock *mock = *state;

	fb_enter(mock, FB_HINT_START);
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { 100, 3 * FB_PAGE_SIZE }, { 100, 200 },
		       { UINT64_MAX - 100, 50 });
	assert_int_equal(mock->op_count, 1);
	fb_mock_expect_op(mock, 0, FB_MOCK_SKIP, FB_PAGE_SIZE, 2 * FB_PAGE_SIZE);
	assert_int_equal(mock->dev.hint.refused, 0);
}

static void fb_test_malformed(void **state)
{
	struct fb_mock *mock = *state;

	fb_enter(mock, FB_HINT_START);
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { 0, 0 }, { 1, UINT64_MAX }, { 0, FB_PAGE_SIZE });
	fb_mock_send(mock, FB_MOCK_HINTQ, NULL, 0, 0, NULL, 0);
	assert_int_equal(mock->op_count, 1);
	assert_int_equal(mock->dev.hint.refused, 2);
}

/* Hints go on while discards are forbidden: they discard nothing. */
static void fb_test_inhibited(void **state)
{
	struct fb_mock *mock = *state;

	mock->inhibited = true;
	fb_enter(mock, FB_HINT_START);
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { 0, FB_MIB });
	assert_int_equal(mock->op_count, 1);
	fb_mock_expect_op(mock, 0, FB_MOCK_SKIP, 0, FB_MIB);
}

static void fb_test_reset(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t id;

	fb_enter(mock, FB_HINT_START);
	id = mock->dev.hint.cmd_id;
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { 0, FB_MIB });
	fb_device_reset(&mock->dev);
	FB_SEND_RANGES(mock, FB_MOCK_HINTQ, { 0, FB_MIB });
	assert_int_equal(mock->op_count, 1);
	assert_int_equal(mock->dev.hint.hinted_bytes, FB_MIB);
	assert_int_equal(fb_hint_config(&mock->dev.hint), FB_STOP);
	assert_int_equal(fb_hint_begin(&mock->dev.hint), id + 1);
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_transitions),
		FB_TEST(fb_test_config),
		FB_TEST(fb_test_ids),
		FB_TEST(fb_test_every_descriptor_counts),
		FB_TEST(fb_test_stale_hints),
		FB_TEST(fb_test_late_round),
		FB_TEST(fb_test_id_and_hints_in_one_buffer),
		FB_TEST(fb_test_id_length),
		FB_TEST(fb_test_id_in_parts),
		FB_TEST(fb_test_clipped),
		FB_TEST(fb_test_unaligned),
		FB_TEST(fb_test_malformed),
		FB_TEST(fb_test_inhibited),
		FB_TEST(fb_test_reset),
	};

	return cmocka_run_group_tests_name("hint", tests, NULL, NULL);
}
