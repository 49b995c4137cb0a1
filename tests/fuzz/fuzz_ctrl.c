// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_ctrl.c - random requests, buffers and messages on the control queues, each compared with
 * a model: a list of all requests ever made, and what the driver was told last about hints.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "../unit/mock_ctrl.h"
#include "random.h"

#define FB_STEPS_DEFAULT 50000
#define FB_DROP VIRTIO_FASTBALLOON_REQ_DROP_CACHES
#define FB_COMPACT VIRTIO_FASTBALLOON_REQ_COMPACT
#define FB_INFLATE VIRTIO_FASTBALLOON_REQ_INFLATE

/**
 * struct fb_fuzz - the device and what is expected of it.
 * @made, @count: all requests, the oldest first.
 * @newest: the newest of each type, NULL before the first.
 * @refused_types: types that the driver does not support.
 * @told, @told_known: what the driver was told last of the hint state.
 * @progress: what the driver said last.
 * @pending, @due_ms: whether and when the host is to hear of it.
 * @changes, @done: what the host heard: progress and ends of requests.
 */
struct fb_fuzz {
	struct fb_mock *mock;
	uint64_t random;
	struct fb_ctrl_request *made;
	size_t count;
	struct fb_ctrl_request *newest[FB_CTRL_TYPES];
	bool refused_types[FB_CTRL_TYPES];
	uint32_t told;
	bool told_known;
	struct fb_ctrl_progress progress;
	bool pending;
	uint64_t due_ms;
	unsigned int changes;
	unsigned int done;
	uint64_t sent;
	uint64_t replies;
	uint64_t stale_replies;
	uint64_t refused;
};

static bool fb_has(const struct fb_fuzz *fuzz, unsigned int feature)
{
	return fuzz->mock->dev.features & FB_BIT(feature);
}

static bool fb_has_ctrl(const struct fb_fuzz *fuzz)
{
	return fb_has(fuzz, VIRTIO_FASTBALLOON_F_CTRL_VQ);
}

static bool fb_is_open(const struct fb_ctrl_request *request)
{
	return request && (request->state == FB_CTRL_QUEUED || request->state == FB_CTRL_SENT);
}

static void fb_end(struct fb_fuzz *fuzz, struct fb_ctrl_request *request, enum fb_ctrl_state state)
{
	request->state = state;
	request->ended_ms = fuzz->mock->now_ms;
	fuzz->done++;
}

static struct fb_ctrl_request *fb_make(struct fb_fuzz *fuzz, unsigned int type)
{
	struct fb_ctrl_request *request = &fuzz->made[fuzz->count];

	if (fb_is_open(fuzz->newest[type]))
		fb_end(fuzz, fuzz->newest[type], FB_CTRL_VOID);
	*request = (struct fb_ctrl_request){
		.type = type,
		.state = FB_CTRL_QUEUED,
		.id = fuzz->count ? fuzz->made[fuzz->count - 1].id % FB_CTRL_ID_MAX + 1 :
				    fuzz->mock->dev.ctrl.last_id,
		.asked_ms = fuzz->mock->now_ms,
		.deadline_ms = UINT64_MAX,
	};
	fuzz->count++;
	fuzz->newest[type] = request;
	return request;
}

static bool fb_args_are_good(unsigned int type, const struct fb_ctrl_args *args)
{
	if (type == FB_DROP)
		return args->caches >= 1 && args->caches <= 3 && !args->best_effort;
	if (type == FB_COMPACT)
		return !args->caches && !args->best_effort;
	return type == FB_INFLATE && !args->caches;
}

static void fb_step_ask(struct fb_fuzz *fuzz)
{
	unsigned int type = fb_below(&fuzz->random, fb_one_in(&fuzz->random, 4) ? 9 : 3) + FB_DROP;
	struct fb_ctrl_args args = {
		.caches = type == FB_DROP ? fb_below(&fuzz->random, 5) : 0,
		.best_effort = fb_one_in(&fuzz->random, type == FB_INFLATE ? 2 : 20),
		.timeout_ms = fb_one_in(&fuzz->random, 2) ? fb_below(&fuzz->random, 5000) : 0,
	};
	struct fb_ctrl_request *request;
	int id;

	type %= 9;
	id = fb_ctrl_request(&fuzz->mock->dev, type, &args);
	if (!fb_args_are_good(type, &args)) {
		assert_int_equal(id, -EINVAL);
	} else if (!fb_has_ctrl(fuzz) || fuzz->refused_types[type]) {
		assert_int_equal(id, -ENOTSUP);
	} else if (type != FB_INFLATE && fb_is_open(fuzz->newest[type])) {
		assert_int_equal(id, -EBUSY);
	} else {
		request = fb_make(fuzz, type);
		assert_int_equal(id, request->id);
		request->arg[0] = args.caches;
		if (type == FB_INFLATE) {
			request->flags = args.best_effort;
			request->arg[1] = args.timeout_ms;
			if (args.timeout_ms)
				args.timeout_ms += FB_CTRL_GRACE_MS;
		} else if (!args.timeout_ms) {
			args.timeout_ms = FB_CTRL_TIMEOUT_MS;
		}
		if (args.timeout_ms)
			request->deadline_ms = fuzz->mock->now_ms + args.timeout_ms;
	}
}

/* What the driver has to be told about hints; 0 for nothing. */
static unsigned int fb_hint_to_tell(const struct fb_fuzz *fuzz)
{
	const struct fb_hint *hint = &fuzz->mock->dev.hint;
	uint32_t shown = fb_hint_config(hint);
	unsigned int type = VIRTIO_FASTBALLOON_REQ_HINT_START;

	if (!fb_has(fuzz, VIRTIO_BALLOON_F_FREE_PAGE_HINT) ||
	    (fuzz->told_known && fuzz->told == shown))
		return 0;
	if (shown == VIRTIO_BALLOON_CMD_ID_STOP) {
		if (fuzz->told_known && hint->driver_stopped)
			return 0;
		type = VIRTIO_FASTBALLOON_REQ_HINT_STOP;
	} else if (shown == VIRTIO_BALLOON_CMD_ID_DONE) {
		type = VIRTIO_FASTBALLOON_REQ_HINT_DONE;
	}
	return fuzz->refused_types[type] ? 0 : type;
}

static unsigned int fb_type_to_send(const struct fb_fuzz *fuzz)
{
	unsigned int type = fb_hint_to_tell(fuzz);

	if (!fb_has_ctrl(fuzz))
		return 0;
	for (unsigned int i = FB_DROP; !type && i < FB_CTRL_TYPES; i++) {
		if (fuzz->newest[i] && fuzz->newest[i]->state == FB_CTRL_QUEUED)
			type = i;
	}
	return type;
}

static struct fb_ctrl_request *fb_expect_hint(struct fb_fuzz *fuzz, unsigned int type)
{
	const struct fb_hint *hint = &fuzz->mock->dev.hint;
	struct fb_ctrl_request *request = fb_make(fuzz, type);

	request->arg[0] = hint->cmd_id;
	if (type == VIRTIO_FASTBALLOON_REQ_HINT_START) {
		request->arg[1] = hint->min_order;
		request->flags = hint->held;
	}
	fuzz->told = fb_hint_config(hint);
	fuzz->told_known = true;
	return request;
}

static void fb_step_take(struct fb_fuzz *fuzz)
{
	size_t room = fb_one_in(&fuzz->random, 6) ? fb_below(&fuzz->random, 20) : 64;
	size_t split = fb_one_in(&fuzz->random, 3) ? fb_below(&fuzz->random, 20) : 0;
	unsigned int type = fb_type_to_send(fuzz);
	struct fb_ctrl_request *expected;
	struct fb_mock_request request;
	size_t used;

	assert_int_equal(fb_ctrl_has_request(&fuzz->mock->dev), type != 0);
	request = fb_mock_take(fuzz->mock, room, split, &used);
	if (!type || room < 16) {
		assert_int_equal(used, 0);
		fuzz->refused += type != 0;
		return;
	}
	expected = type < FB_DROP ? fb_expect_hint(fuzz, type) : fuzz->newest[type];
	if (type == FB_INFLATE)
		expected->arg[0] = fuzz->mock->dev.num_pages;
	expected->state = FB_CTRL_SENT;
	fuzz->sent++;
	assert_int_equal(request.type, type);
	assert_int_equal(request.id, expected->id);
	assert_int_equal(request.flags, expected->flags);
	assert_int_equal(request.arg[0], expected->arg[0]);
	assert_int_equal(request.arg[1], expected->arg[1]);
}

static uint32_t fb_random_id(struct fb_fuzz *fuzz)
{
	size_t recent = fuzz->count < 8 ? fuzz->count : 8;

	if (!recent || fb_one_in(&fuzz->random, 8))
		return fb_random(&fuzz->random);
	return fuzz->made[fuzz->count - 1 - fb_below(&fuzz->random, recent)].id;
}

static void fb_step_reply(struct fb_fuzz *fuzz)
{
	unsigned int status = fb_one_in(&fuzz->random, 8) ? fb_below(&fuzz->random, 65536) :
							    fb_below(&fuzz->random, 3);
	uint64_t figure = fb_random(&fuzz->random);
	uint32_t id = fb_random_id(fuzz);

	fb_mock_reply(fuzz->mock, id, status, figure);
	if (!fb_has_ctrl(fuzz)) {
		fuzz->refused++;
		return;
	}
	for (size_t i = fuzz->count; i--;) {
		struct fb_ctrl_request *request = &fuzz->made[i];

		if (request->id != id || request->state != FB_CTRL_SENT)
			continue;
		request->status = status;
		request->figure_bytes = figure;
		fb_end(fuzz, request, FB_CTRL_DONE);
		fuzz->replies++;
		if (status == VIRTIO_FASTBALLOON_STATUS_NOT_SUPPORTED)
			fuzz->refused_types[request->type] = true;
		return;
	}
	fuzz->stale_replies++;
}

static void fb_pass_progress(struct fb_fuzz *fuzz)
{
	fuzz->pending = fuzz->mock->now_ms < fuzz->due_ms;
	if (fuzz->pending)
		return;
	fuzz->changes++;
	fuzz->due_ms = fuzz->mock->now_ms + FB_CTRL_PROGRESS_MS;
	assert_memory_equal(&fuzz->mock->progress, &fuzz->progress, sizeof(fuzz->progress));
}

static void fb_step_progress(struct fb_fuzz *fuzz)
{
	struct fb_ctrl_progress progress = {
		.known = 1,
		.reason = fb_below(&fuzz->random, 8),
		.flags = fb_below(&fuzz->random, 2),
		.actual_pages = fb_below(&fuzz->random, 3),
	};

	fb_mock_progress(fuzz->mock, progress.reason, progress.flags, 0, progress.actual_pages, 0);
	if (!fb_has_ctrl(fuzz)) {
		fuzz->refused++;
	} else if (memcmp(&progress, &fuzz->progress, sizeof(progress))) {
		fuzz->progress = progress;
		fb_pass_progress(fuzz);
	}
}

/* Of an unknown type, or shorter than its type's structure. */
static void fb_step_garbage(struct fb_fuzz *fuzz)
{
	unsigned char bytes[64];
	size_t len = fb_below(&fuzz->random, sizeof(bytes));
	size_t split = fb_below(&fuzz->random, 20);

	for (size_t i = 0; i < len; i++)
		bytes[i] = fb_random(&fuzz->random);
	bytes[1] = 0;
	bytes[0] = fb_below(&fuzz->random, 4);
	if (bytes[0] == VIRTIO_FASTBALLOON_MSG_REPLY)
		len %= sizeof(struct virtio_fastballoon_reply);
	else if (bytes[0] == VIRTIO_FASTBALLOON_MSG_PROGRESS)
		len %= sizeof(struct virtio_fastballoon_progress);
	fb_mock_send(fuzz->mock, FB_MOCK_MESSAGEQ, bytes, len, split, NULL, 0);
	fuzz->refused++;
}

static void fb_step_clock(struct fb_fuzz *fuzz)
{
	uint64_t next_ms = UINT64_MAX;
	uint64_t answer_ms;

	fuzz->mock->now_ms += fb_below(&fuzz->random, fb_one_in(&fuzz->random, 10) ? 90000 : 200);
	answer_ms = fb_ctrl_tick(&fuzz->mock->dev);
	for (unsigned int type = 1; fb_has_ctrl(fuzz) && type < FB_CTRL_TYPES; type++) {
		struct fb_ctrl_request *request = fuzz->newest[type];

		if (!fb_is_open(request))
			continue;
		if (request->deadline_ms <= fuzz->mock->now_ms)
			fb_end(fuzz, request, FB_CTRL_TIMED_OUT);
		else if (request->deadline_ms < next_ms)
			next_ms = request->deadline_ms;
	}
	if (fuzz->pending)
		fb_pass_progress(fuzz);
	if (fuzz->pending && fuzz->due_ms < next_ms)
		next_ms = fuzz->due_ms;
	assert_int_equal(answer_ms, next_ms);
}

static void fb_step_hint(struct fb_fuzz *fuzz)
{
	struct fb_hint *hint = &fuzz->mock->dev.hint;

	switch (fb_below(&fuzz->random, 8)) {
	case 0:
		fb_hint_stop(hint);
		break;
	case 1:
		fb_hint_done(hint);
		break;
	case 2:
		fb_mock_send_id(fuzz->mock, VIRTIO_BALLOON_CMD_ID_STOP, NULL, 0);
		break;
	case 3:
	case 4:
		fb_mock_send_id(fuzz->mock, hint->cmd_id, NULL, 0);
		break;
	case 5:
		fb_hint_set_args(hint, fb_below(&fuzz->random, 60), fb_one_in(&fuzz->random, 2));
		break;
	default:
		fb_hint_begin(hint);
	}
}

static void fb_give_up_all(struct fb_fuzz *fuzz)
{
	for (unsigned int type = 1; type < FB_CTRL_TYPES; type++) {
		if (fb_is_open(fuzz->newest[type]))
			fb_end(fuzz, fuzz->newest[type], FB_CTRL_VOID);
	}
	fuzz->pending = false;
}

static void fb_step_reset(struct fb_fuzz *fuzz)
{
	uint64_t features = 0;

	fb_device_reset(&fuzz->mock->dev);
	fb_give_up_all(fuzz);
	memset(&fuzz->progress, 0, sizeof(fuzz->progress));
	memset(fuzz->refused_types, 0, sizeof(fuzz->refused_types));
	fuzz->told = VIRTIO_BALLOON_CMD_ID_STOP;
	fuzz->told_known = true;
	if (!fb_one_in(&fuzz->random, 8))
		features |= FB_BIT(VIRTIO_FASTBALLOON_F_CTRL_VQ);
	if (!fb_one_in(&fuzz->random, 8))
		features |= FB_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT);
	fb_device_set_features(&fuzz->mock->dev, features);
}

static void fb_step_loaded(struct fb_fuzz *fuzz)
{
	fb_ctrl_loaded(&fuzz->mock->dev);
	fb_give_up_all(fuzz);
	fuzz->told_known = false;
}

static void fb_check(const struct fb_fuzz *fuzz)
{
	const struct fb_ctrl *ctrl = &fuzz->mock->dev.ctrl;

	for (unsigned int type = 1; type < FB_CTRL_TYPES; type++) {
		const struct fb_ctrl_request *is = fb_ctrl_last(&fuzz->mock->dev, type);
		const struct fb_ctrl_request *expected = fuzz->newest[type];

		if (!expected) {
			assert_int_equal(is->state, FB_CTRL_NONE);
			continue;
		}
		assert_int_equal(is->state, expected->state);
		assert_int_equal(is->id, expected->id);
		assert_int_equal(is->flags, expected->flags);
		assert_int_equal(is->arg[0], expected->arg[0]);
		assert_int_equal(is->arg[1], expected->arg[1]);
		assert_int_equal(is->status, expected->status);
		assert_int_equal(is->figure_bytes, expected->figure_bytes);
		assert_int_equal(is->asked_ms, expected->asked_ms);
		assert_int_equal(is->deadline_ms, expected->deadline_ms);
		assert_int_equal(is->ended_ms, expected->ended_ms);
	}
	assert_memory_equal(&ctrl->progress, &fuzz->progress, sizeof(fuzz->progress));
	assert_int_equal(fuzz->mock->progress_changes, fuzz->changes);
	assert_int_equal(fuzz->mock->done_count, fuzz->done);
	assert_int_equal(fuzz->mock->dev.counters.refused, fuzz->refused);
	assert_int_equal(ctrl->sent, fuzz->sent);
	assert_int_equal(ctrl->replies, fuzz->replies);
	assert_int_equal(ctrl->stale_replies, fuzz->stale_replies);
}

static void fb_step(struct fb_fuzz *fuzz)
{
	static void (*const steps[])(struct fb_fuzz *) = {
		fb_step_ask,     fb_step_ask,   fb_step_take,  fb_step_take,
		fb_step_take,    fb_step_reply, fb_step_reply, fb_step_progress,
		fb_step_garbage, fb_step_clock, fb_step_hint,
	};

	fb_device_set_target(&fuzz->mock->dev, fb_random(&fuzz->random));
	if (fb_one_in(&fuzz->random, 100))
		fb_step_reset(fuzz);
	else if (fb_one_in(&fuzz->random, 100))
		fb_step_loaded(fuzz);
	else
		steps[fb_below(&fuzz->random, sizeof(steps) / sizeof(steps[0]))](fuzz);
	fb_check(fuzz);
}

static void fb_run(uint64_t seed, uint32_t last_id)
{
	unsigned long steps = fb_fuzz_steps(FB_STEPS_DEFAULT);
	struct fb_fuzz *fuzz = calloc(1, sizeof(*fuzz));

	assert_non_null(fuzz);
	fuzz->made = calloc(steps, sizeof(*fuzz->made));
	assert_non_null(fuzz->made);
	fuzz->random = seed;
	fuzz->mock = fb_mock_new(0);
	fuzz->mock->dev.ctrl.last_id = last_id;
	fb_step_reset(fuzz);
	for (unsigned long i = 0; i < steps; i++)
		fb_step(fuzz);
	assert_true(fuzz->sent > steps / 100 && fuzz->replies > steps / 100);
	fb_mock_free(fuzz->mock);
	free(fuzz->made);
	free(fuzz);
}

static void fb_test_from_the_first_id(void **state)
{
	fb_run(UINT64_C(0x5eed0011), 0);
}

static void fb_test_over_the_last_id(void **state)
{
	fb_run(UINT64_C(0x5eed0012), FB_CTRL_ID_MAX - 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fb_test_from_the_first_id),
		cmocka_unit_test(fb_test_over_the_last_id),
	};

	return cmocka_run_group_tests_name("fuzz_ctrl", tests, NULL, NULL);
}
