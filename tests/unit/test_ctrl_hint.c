// SPDX-License-Identifier: GPL-2.0-or-later
/* test_ctrl_hint.c - the rounds of free page hinting as requests over the requestq. */
#include "mock_ctrl.h"

#define FB_FEATURES (FB_BIT(VIRTIO_FASTBALLOON_F_CTRL_VQ) | FB_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT))
#define FB_START VIRTIO_FASTBALLOON_REQ_HINT_START
#define FB_STOP VIRTIO_FASTBALLOON_REQ_HINT_STOP
#define FB_DONE VIRTIO_FASTBALLOON_REQ_HINT_DONE

static int fb_setup(void **state)
{
	*state = fb_mock_new(FB_FEATURES);
	return 0;
}

static int fb_teardown(void **state)
{
	fb_mock_free(*state);
	return 0;
}

/* The device must have exactly this request. */
static uint32_t fb_expect(struct fb_mock *mock, unsigned int type, uint32_t cmd_id)
{
	struct fb_mock_request request = fb_mock_take_one(mock);

	assert_int_equal(request.type, type);
	assert_int_equal(request.arg[0], cmd_id);
	fb_mock_expect_none(mock);
	return request.id;
}

static void fb_test_a_migration(void **state)
{
	struct fb_mock *mock = *state;
	struct fb_hint *hint = &mock->dev.hint;
	uint32_t id;

	for (unsigned int round = 0; round < 3; round++) {
		fb_hint_begin(hint);
		id = fb_expect(mock, FB_START, hint->cmd_id);
		fb_mock_reply(mock, id, VIRTIO_FASTBALLOON_STATUS_OK, FB_GIB);
		fb_hint_stop(hint);
		fb_expect(mock, FB_STOP, hint->cmd_id);
	}
	fb_hint_done(hint);
	fb_expect(mock, FB_DONE, hint->cmd_id);
	assert_int_equal(fb_ctrl_last(&mock->dev, FB_START)->figure_bytes, FB_GIB);
	assert_int_equal(fb_ctrl_last(&mock->dev, FB_STOP)->state, FB_CTRL_SENT);
}

static void fb_test_arguments(void **state)
{
	struct fb_mock *mock = *state;
	struct fb_mock_request request;

	fb_hint_set_args(&mock->dev.hint, 4, true);
	fb_hint_begin(&mock->dev.hint);
	request = fb_mock_take_one(mock);
	assert_int_equal(request.arg[1], 4);
	assert_int_equal(request.flags, VIRTIO_FASTBALLOON_HINT_HELD);
	fb_hint_set_args(&mock->dev.hint, 1000, false);
	fb_mock_expect_none(mock);
	fb_hint_begin(&mock->dev.hint);
	request = fb_mock_take_one(mock);
	assert_int_equal(request.arg[1], FB_HINT_MIN_ORDER_MAX);
	assert_int_equal(request.flags, 0);
	fb_hint_stop(&mock->dev.hint);
	request = fb_mock_take_one(mock);
	assert_int_equal(request.arg[1] | request.flags, 0);
}

/* A driver without buffers hears of the last state only. */
static void fb_test_overtaken(void **state)
{
	struct fb_mock *mock = *state;
	struct fb_hint *hint = &mock->dev.hint;

	fb_hint_begin(hint);
	fb_hint_stop(hint);
	fb_mock_expect_none(mock);
	fb_hint_begin(hint);
	fb_hint_stop(hint);
	fb_hint_begin(hint);
	fb_expect(mock, FB_START, hint->cmd_id);
	fb_hint_stop(hint);
	fb_hint_begin(hint);
	fb_expect(mock, FB_START, hint->cmd_id);
	fb_hint_stop(hint);
	fb_hint_done(hint);
	fb_expect(mock, FB_DONE, hint->cmd_id);
	fb_hint_done(hint);
	fb_mock_expect_none(mock);
}

/* An unanswered START is given up when the next one leaves. */
static void fb_test_unanswered(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t first, second;

	fb_hint_begin(&mock->dev.hint);
	first = fb_expect(mock, FB_START, mock->dev.hint.cmd_id);
	fb_hint_begin(&mock->dev.hint);
	second = fb_expect(mock, FB_START, mock->dev.hint.cmd_id);
	assert_int_equal(mock->done_count, 1);
	assert_int_equal(mock->done[0].id, first);
	assert_int_equal(mock->done[0].state, FB_CTRL_VOID);
	fb_mock_reply(mock, first, VIRTIO_FASTBALLOON_STATUS_CANCELED, 0);
	assert_int_equal(mock->dev.ctrl.stale_replies, 1);
	fb_mock_reply(mock, second, VIRTIO_FASTBALLOON_STATUS_OK, 5);
	assert_int_equal(mock->dev.ctrl.replies, 1);
	assert_int_equal(fb_ctrl_tick(&mock->dev), UINT64_MAX);
}

/* A driver that has ended its round needs no STOP, but the DONE or the next START. */
static void fb_test_driver_stopped(void **state)
{
	struct fb_mock *mock = *state;
	struct fb_hint *hint = &mock->dev.hint;

	fb_hint_begin(hint);
	fb_expect(mock, FB_START, hint->cmd_id);
	fb_mock_send_id(mock, hint->cmd_id, NULL, 0);
	fb_mock_expect_none(mock);
	fb_mock_send_id(mock, VIRTIO_BALLOON_CMD_ID_STOP, NULL, 0);
	fb_mock_expect_none(mock);
	fb_hint_stop(hint);
	fb_mock_expect_none(mock);
	fb_hint_begin(hint);
	fb_expect(mock, FB_START, hint->cmd_id);
	fb_mock_send_id(mock, hint->cmd_id, NULL, 0);
	fb_mock_send_id(mock, VIRTIO_BALLOON_CMD_ID_STOP, NULL, 0);
	fb_hint_done(hint);
	fb_expect(mock, FB_DONE, hint->cmd_id);
}

/* Requests of the operator wait behind hints. */
static void fb_test_hints_first(void **state)
{
	struct fb_mock *mock = *state;
	static const struct fb_ctrl_args args;

	fb_mock_ask(mock, VIRTIO_FASTBALLOON_REQ_COMPACT, &args);
	fb_hint_begin(&mock->dev.hint);
	assert_int_equal(fb_mock_take_one(mock).type, FB_START);
	assert_int_equal(fb_mock_take_one(mock).type, VIRTIO_FASTBALLOON_REQ_COMPACT);
}

static void fb_test_not_supported(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t id;

	fb_hint_begin(&mock->dev.hint);
	id = fb_expect(mock, FB_START, mock->dev.hint.cmd_id);
	fb_mock_reply(mock, id, VIRTIO_FASTBALLOON_STATUS_NOT_SUPPORTED, 0);
	fb_hint_stop(&mock->dev.hint);
	fb_expect(mock, FB_STOP, mock->dev.hint.cmd_id);
	fb_hint_begin(&mock->dev.hint);
	fb_mock_expect_none(mock);
}

static void fb_test_without_hinting(void **state)
{
	struct fb_mock *mock = *state;

	fb_device_set_features(&mock->dev, FB_BIT(VIRTIO_FASTBALLOON_F_CTRL_VQ));
	fb_hint_begin(&mock->dev.hint);
	fb_mock_expect_none(mock);
	fb_ctrl_loaded(&mock->dev);
	fb_mock_expect_none(mock);
}

/* A new driver knows of no round; the one that a migration brings along may know anything. */
static void fb_test_reset_and_loaded(void **state)
{
	struct fb_mock *mock = *state;
	struct fb_hint *hint = &mock->dev.hint;

	fb_hint_begin(hint);
	fb_expect(mock, FB_START, hint->cmd_id);
	fb_device_reset(&mock->dev);
	fb_device_set_features(&mock->dev, FB_FEATURES);
	fb_mock_expect_none(mock);
	fb_hint_begin(hint);
	fb_expect(mock, FB_START, hint->cmd_id);

	hint->state = FB_HINT_DONE;
	fb_ctrl_loaded(&mock->dev);
	fb_expect(mock, FB_DONE, hint->cmd_id);
	hint->state = FB_HINT_STOP;
	hint->driver_stopped = true;
	fb_ctrl_loaded(&mock->dev);
	fb_expect(mock, FB_STOP, hint->cmd_id);
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_a_migration),      FB_TEST(fb_test_arguments),
		FB_TEST(fb_test_overtaken),        FB_TEST(fb_test_unanswered),
		FB_TEST(fb_test_driver_stopped),   FB_TEST(fb_test_hints_first),
		FB_TEST(fb_test_not_supported),    FB_TEST(fb_test_without_hinting),
		FB_TEST(fb_test_reset_and_loaded),
	};

	return cmocka_run_group_tests_name("ctrl_hint", tests, NULL, NULL);
}
