// SPDX-License-Identifier: GPL-2.0-or-later
/* test_message.c - what a driver says on the messageq, and what a hostile one may try. */
#include <endian.h>
#include <string.h>

#include "mock_ctrl.h"

#define FB_FEATURES FB_BIT(VIRTIO_FASTBALLOON_F_CTRL_VQ)
#define FB_COMPACT VIRTIO_FASTBALLOON_REQ_COMPACT
#define FB_SETTLED VIRTIO_FASTBALLOON_PROGRESS_SETTLED
#define FB_WATERMARK VIRTIO_FASTBALLOON_REASON_WATERMARK

static const struct fb_ctrl_args fb_none;

static int fb_setup(void **state)
{
	struct fb_mock *mock = fb_mock_new(FB_FEATURES);

	mock->now_ms = 5000;
	*state = mock;
	return 0;
}

static int fb_teardown(void **state)
{
	fb_mock_free(*state);
	return 0;
}

static void fb_send(struct fb_mock *mock, const void *bytes, size_t len, size_t split)
{
	fb_mock_send(mock, FB_MOCK_MESSAGEQ, bytes, len, split, NULL, 0);
}

/* The bytes on the wire, spelt out. */
static void fb_test_wire(void **state)
{
	struct fb_mock *mock = *state;
	const struct fb_ctrl_progress *progress = &mock->dev.ctrl.progress;
	static const unsigned char reply[] = {
		1, 0, 1, 0, 1, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	};
	static const unsigned char told[] = {
		2, 0, 2, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
	};

	assert_int_equal(fb_mock_ask(mock, FB_COMPACT, &fb_none), 1);
	fb_mock_take_one(mock);
	fb_send(mock, reply, sizeof(reply), 0);
	assert_int_equal(fb_ctrl_last(&mock->dev, FB_COMPACT)->state, FB_CTRL_DONE);
	assert_int_equal(fb_ctrl_last(&mock->dev, FB_COMPACT)->status,
			 VIRTIO_FASTBALLOON_STATUS_PARTIAL);
	assert_int_equal(fb_ctrl_last(&mock->dev, FB_COMPACT)->figure_bytes,
			 UINT64_C(0x1122334455667788));
	fb_send(mock, told, sizeof(told), 0);
	assert_int_equal(progress->known, 1);
	assert_int_equal(progress->reason, VIRTIO_FASTBALLOON_REASON_FRAGMENTATION);
	assert_int_equal(progress->flags, FB_SETTLED);
	assert_int_equal(progress->target_pages, 0x04030201);
	assert_int_equal(progress->actual_pages, 0x08070605);
	assert_int_equal(progress->reachable_pages, 0x0c0b0a09);
	assert_memory_equal(&mock->progress, progress, sizeof(*progress));
	assert_int_equal(mock->guest_errors, 0);
}

/* However it is cut into descriptors, and whatever follows it. */
static void fb_test_split_and_longer(void **state)
{
	struct fb_mock *mock = *state;
	unsigned char bytes[30] = { VIRTIO_FASTBALLOON_MSG_PROGRESS };

	for (size_t split = 1; split <= 30; split++) {
		bytes[8] = split;
		bytes[25] = 0xff;
		fb_send(mock, bytes, 20 + split % 10, split);
		assert_int_equal(mock->dev.ctrl.progress.target_pages, split);
	}
	assert_int_equal(mock->dev.ctrl.progresses, 30);
	assert_int_equal(mock->guest_errors, 0);
}

static void fb_test_malformed(void **state)
{
	struct fb_mock *mock = *state;
	static const struct fb_range range = { 0, FB_PAGE_SIZE };
	unsigned char bytes[64] = { 0 };
	unsigned int refused = 0;

	fb_mock_ask(mock, FB_COMPACT, &fb_none);
	fb_mock_take_one(mock);
	for (unsigned int type = 0; type < 8; type++) {
		size_t size = type == VIRTIO_FASTBALLOON_MSG_REPLY    ? 16 :
			      type == VIRTIO_FASTBALLOON_MSG_PROGRESS ? 20 :
									sizeof(bytes);

		bytes[0] = type;
		bytes[4] = 1;
		for (size_t len = 0; len < size; len++, refused++)
			fb_send(mock, bytes, len, 0);
		fb_mock_send(mock, FB_MOCK_MESSAGEQ, bytes, sizeof(bytes), 0, &range, 1);
		refused++;
	}
	fb_mock_send(mock, FB_MOCK_MESSAGEQ, NULL, 0, 0, &range, 1);
	fb_mock_send(mock, FB_MOCK_MESSAGEQ, NULL, 0, 3, NULL, 0);
	assert_int_equal(mock->dev.counters.refused, refused + 2);
	assert_int_equal(mock->guest_errors, refused + 2);
	assert_int_equal(mock->dev.ctrl.progress.known, 0);
	assert_int_equal(fb_ctrl_last(&mock->dev, FB_COMPACT)->state, FB_CTRL_SENT);
}

static void fb_test_without_feature(void **state)
{
	struct fb_mock *mock = *state;

	fb_device_set_features(&mock->dev, 0);
	mock->host_ops.now_ms = NULL;
	fb_mock_progress(mock, FB_WATERMARK, 0, 1, 2, 3);
	fb_mock_reply(mock, 0, 0, 0);
	assert_int_equal(mock->dev.counters.refused, 2);
	assert_int_equal(mock->dev.ctrl.progress.known, 0);
}

/* Replies that end nothing: to no request, to one not sent, twice, with wrong ids. */
static void fb_test_stale_replies(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t id;

	for (uint32_t wrong = 0; wrong < 5; wrong++)
		fb_mock_reply(mock, wrong, 0, 1);
	id = fb_mock_ask(mock, FB_COMPACT, &fb_none);
	fb_mock_reply(mock, id, 0, 1);
	assert_int_equal(fb_ctrl_last(&mock->dev, FB_COMPACT)->state, FB_CTRL_QUEUED);
	fb_mock_take_one(mock);
	fb_mock_reply(mock, id - 1, 0, 1);
	fb_mock_reply(mock, id | 0x80000000, 0, 1);
	assert_int_equal(mock->done_count, 0);
	fb_mock_reply(mock, id, 0, 1);
	fb_mock_reply(mock, id, VIRTIO_FASTBALLOON_STATUS_FAILED, 2);
	assert_int_equal(mock->done_count, 1);
	assert_int_equal(fb_ctrl_last(&mock->dev, FB_COMPACT)->figure_bytes, 1);
	assert_int_equal(mock->dev.ctrl.stale_replies, 9);
	assert_int_equal(mock->dev.ctrl.replies, 1);
	assert_int_equal(mock->guest_errors, 0);
}

/* A status or reason that nobody knows yet is kept as it is. */
static void fb_test_unknown_numbers(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t id = fb_mock_ask(mock, FB_COMPACT, &fb_none);

	fb_mock_take_one(mock);
	fb_mock_reply(mock, id, 0xfffe, UINT64_MAX);
	assert_int_equal(fb_ctrl_last(&mock->dev, FB_COMPACT)->status, 0xfffe);
	assert_int_equal(fb_ctrl_last(&mock->dev, FB_COMPACT)->figure_bytes, UINT64_MAX);
	fb_mock_progress(mock, 0xfffd, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	assert_int_equal(mock->progress.reason, 0xfffd);
	fb_mock_ask(mock, FB_COMPACT, &fb_none);
}

/* The first one goes through at once, the last one of a burst when it is time. */
static void fb_test_progress_rate(void **state)
{
	struct fb_mock *mock = *state;

	fb_mock_progress(mock, 0, 0, 10, 1, 10);
	assert_int_equal(mock->progress_changes, 1);
	assert_int_equal(fb_ctrl_tick(&mock->dev), UINT64_MAX);
	for (uint32_t i = 2; i < 1000; i++)
		fb_mock_progress(mock, 0, 0, 1000, i, 1000);
	assert_int_equal(mock->progress_changes, 1);
	assert_int_equal(mock->dev.ctrl.progress.actual_pages, 999);
	assert_int_equal(fb_ctrl_tick(&mock->dev), 5000 + FB_CTRL_PROGRESS_MS);
	mock->now_ms += FB_CTRL_PROGRESS_MS - 1;
	fb_ctrl_tick(&mock->dev);
	assert_int_equal(mock->progress_changes, 1);
	mock->now_ms++;
	assert_int_equal(fb_ctrl_tick(&mock->dev), UINT64_MAX);
	assert_int_equal(mock->progress_changes, 2);
	assert_int_equal(mock->progress.actual_pages, 999);
	mock->now_ms += FB_CTRL_PROGRESS_MS;
	fb_mock_progress(mock, FB_WATERMARK, FB_SETTLED, 1000, 999, 999);
	assert_int_equal(mock->progress_changes, 3);
	assert_int_equal(mock->dev.ctrl.progresses, 1000);
}

/* What says nothing new is not passed on. */
static void fb_test_progress_unchanged(void **state)
{
	struct fb_mock *mock = *state;

	for (unsigned int i = 0; i < 5; i++) {
		fb_mock_progress(mock, FB_WATERMARK, 0, 10, 1, 2);
		mock->now_ms += FB_CTRL_PROGRESS_MS;
	}
	assert_int_equal(mock->progress_changes, 1);
	assert_int_equal(mock->dev.ctrl.progresses, 5);
}

/* A guest that resets its device over and over gains no events by it. */
static void fb_test_progress_and_reset(void **state)
{
	struct fb_mock *mock = *state;

	for (unsigned int i = 0; i < 100; i++) {
		fb_mock_progress(mock, FB_WATERMARK, 0, 10, i, 2);
		fb_device_reset(&mock->dev);
		assert_int_equal(mock->dev.ctrl.progress.known, 0);
		fb_device_set_features(&mock->dev, FB_FEATURES);
		assert_int_equal(fb_ctrl_tick(&mock->dev), UINT64_MAX);
	}
	assert_int_equal(mock->progress_changes, 1);
}

/* Services that the host does without. */
static void fb_test_optional_services(void **state)
{
	struct fb_mock *mock = *state;
	uint32_t id;

	mock->host_ops.progress_changed = NULL;
	mock->host_ops.request_done = NULL;
	fb_mock_progress(mock, FB_WATERMARK, 0, 10, 1, 2);
	assert_int_equal(mock->dev.ctrl.progress.actual_pages, 1);
	id = fb_mock_ask(mock, FB_COMPACT, &fb_none);
	fb_mock_take_one(mock);
	fb_mock_reply(mock, id, 0, 1);
	assert_int_equal(fb_ctrl_last(&mock->dev, FB_COMPACT)->state, FB_CTRL_DONE);
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_wire),
		FB_TEST(fb_test_split_and_longer),
		FB_TEST(fb_test_malformed),
		FB_TEST(fb_test_without_feature),
		FB_TEST(fb_test_stale_replies),
		FB_TEST(fb_test_unknown_numbers),
		FB_TEST(fb_test_progress_rate),
		FB_TEST(fb_test_progress_unchanged),
		FB_TEST(fb_test_progress_and_reset),
		FB_TEST(fb_test_optional_services),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
