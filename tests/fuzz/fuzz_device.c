// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_device.c - random buffers to the device, each compared with the reference model.
 *
 * Seeds and numbers of steps are fixed, so that a failure comes again. Another number of
 * steps can be given in the environment: FB_FUZZ_STEPS.
 */
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define FB_STEPS_DEFAULT 15000
#define FB_PFNS_MAX 3000
#define FB_RANGES_MAX 300

struct fb_fuzz {
	struct fb_mock *mock;
	struct fb_model model;
	uint64_t random;
	uint32_t pfns[FB_PFNS_MAX];
	struct fb_range ranges[FB_RANGES_MAX];
};

/* xorshift64: any state but 0. */
static uint64_t fb_random(struct fb_fuzz *fuzz)
{
	fuzz->random ^= fuzz->random << 13;
	fuzz->random ^= fuzz->random >> 7;
	fuzz->random ^= fuzz->random << 17;
	return fuzz->random;
}

static uint64_t fb_below(struct fb_fuzz *fuzz, uint64_t limit)
{
	return fb_random(fuzz) % limit;
}

static bool fb_one_in(struct fb_fuzz *fuzz, uint64_t n)
{
	return !fb_below(fuzz, n);
}

/* Mostly RAM and what lies around it, sometimes anything. */
static uint32_t fb_random_pfn(struct fb_fuzz *fuzz)
{
	return fb_one_in(fuzz, 50) ? (uint32_t)fb_random(fuzz) :
				     (uint32_t)fb_below(fuzz, FB_MODEL_PAGES);
}

/* Series upwards and downwards, repetitions and single pages. */
static size_t fb_random_pfns(struct fb_fuzz *fuzz)
{
	size_t count = fb_below(fuzz, fb_one_in(fuzz, 8) ? FB_PFNS_MAX : 64) + 1;
	uint32_t pfn = fb_random_pfn(fuzz);
	int step = 1;

	for (size_t i = 0; i < count; i++) {
		if (fb_one_in(fuzz, 40)) {
			pfn = fb_random_pfn(fuzz);
			step = (int)fb_below(fuzz, 3) - 1;
		}
		fuzz->pfns[i] = pfn;
		pfn += step;
	}
	return count;
}

static int fb_compare_pfns(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static void fb_model_pfns(struct fb_fuzz *fuzz, size_t count)
{
	qsort(fuzz->pfns, count, sizeof(fuzz->pfns[0]), fb_compare_pfns);
	for (size_t i = 0; i < count; i++) {
		if (!i || fuzz->pfns[i] != fuzz->pfns[i - 1])
			fb_model_pfn(&fuzz->model, fuzz->pfns[i]);
	}
}

static struct fb_range fb_random_range(struct fb_fuzz *fuzz)
{
	struct fb_range range = {
		.gpa = fb_below(fuzz, FB_MODEL_PAGES) * FB_PAGE_SIZE,
		.len = (fb_below(fuzz, fb_one_in(fuzz, 4) ? 1500 : 40) + 1) * FB_PAGE_SIZE,
	};

	if (fb_one_in(fuzz, 20))
		range.gpa += fb_below(fuzz, 8) * FB_SECTOR;
	if (fb_one_in(fuzz, 20))
		range.len += fb_below(fuzz, 8) * FB_SECTOR;
	if (fb_one_in(fuzz, 200))
		range = (struct fb_range){ fb_random(fuzz) & ~UINT64_C(511), 0 };
	if (fb_one_in(fuzz, 200))
		range.len = fb_random(fuzz) & ~UINT64_C(511);
	return range;
}

static unsigned int fb_random_ranges(struct fb_fuzz *fuzz, unsigned int max)
{
	unsigned int count = fb_below(fuzz, fb_one_in(fuzz, 8) ? max : 12) + 1;

	for (unsigned int i = 0; i < count; i++)
		fuzz->ranges[i] = fb_random_range(fuzz);
	return count;
}

/* The counters must have grown as the model says, by what the operations show. */
static void fb_check_counters(struct fb_fuzz *fuzz, const struct fb_counters *before,
			      uint64_t named_before, const uint64_t *named)
{
	const struct fb_counters *now = &fuzz->mock->dev.counters;
	uint64_t failures = 0, discarded = 0;

	for (unsigned int i = 0; i < fuzz->mock->op_count; i++) {
		if (fuzz->mock->ops[i].failed)
			failures++;
		else
			discarded += fuzz->mock->ops[i].range.len;
	}
	assert_int_equal(*named - named_before, fuzz->model.named_bytes);
	assert_int_equal(now->requests - before->requests, 1);
	assert_int_equal(now->refused - before->refused, fuzz->model.refused);
	assert_int_equal(now->discard_failures - before->discard_failures, failures);
	assert_int_equal(now->discarded_bytes - before->discarded_bytes, discarded);
}

static void fb_step_pages(struct fb_fuzz *fuzz, bool inflate)
{
	struct fb_counters before = fuzz->mock->dev.counters;
	const uint64_t *named = inflate ? &fuzz->mock->dev.counters.inflated_bytes :
					  &fuzz->mock->dev.counters.deflated_bytes;
	enum fb_mock_queue queue = inflate ? FB_MOCK_INFLATEQ : FB_MOCK_DEFLATEQ;
	uint64_t named_before = *named;

	if (fb_one_in(fuzz, 2)) {
		size_t count = fb_random_pfns(fuzz);
		size_t extra = fb_one_in(fuzz, 10) ? fb_below(fuzz, 4) : 0;
		size_t split = fb_one_in(fuzz, 2) ? fb_below(fuzz, 50) : 0;

		extra = count < FB_PFNS_MAX ? extra : 0;
		fb_mock_send(fuzz->mock, queue, fuzz->pfns, count * 4 + extra, split, NULL, 0);
		fuzz->model.refused += extra > 0;
		fb_model_pfns(fuzz, count);
	} else {
		unsigned int count = fb_random_ranges(fuzz, FB_RANGES_MAX);

		fb_mock_send_ranges(fuzz->mock, queue, fuzz->ranges, count);
		for (unsigned int i = 0; i < count; i++) {
			if (i < VIRTIO_FASTBALLOON_SG_MAX)
				fb_model_range(&fuzz->model, &fuzz->ranges[i], FB_PAGE_SIZE);
			else
				fuzz->model.refused++;
		}
	}
	if (inflate)
		fb_model_inflate(&fuzz->model);
	else
		fb_model_deflate(&fuzz->model);
	fb_model_check(&fuzz->model, FB_MOCK_DISCARD);
	fb_check_counters(fuzz, &before, named_before, named);
}

static void fb_step_report(struct fb_fuzz *fuzz)
{
	struct fb_counters before = fuzz->mock->dev.counters;
	unsigned int count = fb_random_ranges(fuzz, FB_RANGES_MAX);

	fb_mock_send_ranges(fuzz->mock, FB_MOCK_REPORTQ, fuzz->ranges, count);
	for (unsigned int i = 0; i < count; i++)
		fb_model_range(&fuzz->model, &fuzz->ranges[i], FB_SECTOR);
	fb_model_report(&fuzz->model);
	fb_model_check(&fuzz->model, FB_MOCK_DISCARD);
	fb_check_counters(fuzz, &before, before.reported_bytes,
			  &fuzz->mock->dev.counters.reported_bytes);
}

static uint32_t fb_random_id(struct fb_fuzz *fuzz)
{
	uint32_t id = fuzz->mock->dev.hint.cmd_id;

	switch (fb_below(fuzz, 8)) {
	case 0:
		return VIRTIO_BALLOON_CMD_ID_STOP;
	case 1:
		return id - 1;
	case 2:
		return (uint32_t)fb_random(fuzz);
	default:
		return id;
	}
}

static void fb_step_hint(struct fb_fuzz *fuzz)
{
	struct fb_hint *hint = &fuzz->mock->dev.hint;
	uint64_t refused = hint->refused;
	unsigned int count = fb_random_ranges(fuzz, 20);

	if (fb_one_in(fuzz, 4)) {
		uint32_t id = fb_random_id(fuzz);

		if (fuzz->model.hint_state == FB_HINT_START)
			fuzz->model.hint_state = FB_HINT_STOP;
		else if (fuzz->model.hint_state == FB_HINT_REQUESTED && id == hint->cmd_id)
			fuzz->model.hint_state = FB_HINT_START;
		fb_mock_send_id(fuzz->mock, id, fuzz->ranges, count);
	} else {
		fb_mock_send_ranges(fuzz->mock, FB_MOCK_HINTQ, fuzz->ranges, count);
	}
	for (unsigned int i = 0; i < count; i++)
		fb_model_hint(&fuzz->model, &fuzz->ranges[i]);
	fb_model_check(&fuzz->model, FB_MOCK_SKIP);
	assert_int_equal(hint->refused - refused, fuzz->model.refused);
	assert_int_equal(hint->state, fuzz->model.hint_state);
}

/* Bytes of any kind and length: nothing to compare, the sanitizers watch. */
static void fb_step_garbage(struct fb_fuzz *fuzz)
{
	unsigned char bytes[600];
	size_t len = fb_below(fuzz, sizeof(bytes));
	enum fb_mock_queue queue = fb_one_in(fuzz, 2) ? FB_MOCK_STATSQ : FB_MOCK_REPORTQ;

	for (size_t i = 0; i < len; i++)
		bytes[i] = fb_one_in(fuzz, 2) ? fb_below(fuzz, 20) : fb_random(fuzz);
	fb_mock_send(fuzz->mock, queue, bytes, len, fb_below(fuzz, 30), NULL, 0);
	assert_int_equal(fuzz->mock->op_count, 0);
}

/* The hypervisor does something: a round begins or ends, discards are forbidden, a reset. */
static void fb_step_host(struct fb_fuzz *fuzz)
{
	struct fb_device *dev = &fuzz->mock->dev;
	uint64_t features = dev->features;

	switch (fb_below(fuzz, 8)) {
	case 0:
		fb_hint_stop(&dev->hint);
		break;
	case 1:
		fb_hint_done(&dev->hint);
		break;
	case 2:
		fuzz->mock->inhibited = fb_one_in(fuzz, 4);
		break;
	case 3:
		fuzz->mock->fail_from = fb_below(fuzz, 20);
		fuzz->mock->fail_count = fb_below(fuzz, 4);
		break;
	case 4:
		if (!fb_one_in(fuzz, 10))
			break;
		fb_device_reset(dev);
		fb_model_reset(&fuzz->model);
		fb_device_set_features(dev, features);
		break;
	case 5:
		dev->poison_val = fb_one_in(fuzz, 4);
		break;
	default:
		fb_hint_begin(&dev->hint);
	}
	fuzz->model.hint_state = dev->hint.state;
}

static void fb_step(struct fb_fuzz *fuzz)
{
	fb_mock_forget_ops(fuzz->mock);
	fb_model_begin(&fuzz->model);
	switch (fb_below(fuzz, 10)) {
	case 0:
	case 1:
	case 2:
		fb_step_pages(fuzz, true);
		break;
	case 3:
		fb_step_pages(fuzz, false);
		break;
	case 4:
	case 5:
		fb_step_report(fuzz);
		break;
	case 6:
	case 7:
		fb_step_hint(fuzz);
		break;
	case 8:
		fb_step_garbage(fuzz);
		break;
	default:
		fb_step_host(fuzz);
	}
}

/* 4 KiB pages, a hole, 64 KiB pages that end within one, and 2 MiB pages beside others. */
static void fb_add_ram(struct fb_mock *mock)
{
	fb_mock_add_ram(mock, 0, 5 * FB_MIB, FB_PAGE_SIZE);
	fb_mock_add_ram(mock, 6 * FB_MIB, 4 * FB_MIB + 12 * FB_KIB, 64 * FB_KIB);
	fb_mock_add_ram(mock, 12 * FB_MIB, 12 * FB_MIB, 2 * FB_MIB);
	fb_mock_add_ram(mock, 24 * FB_MIB, 3 * FB_MIB, FB_PAGE_SIZE);
	fb_mock_add_ram(mock, 27 * FB_MIB, 3 * FB_MIB, FB_PAGE_SIZE);
}

static void fb_run(uint64_t seed, uint64_t features)
{
	const char *steps_text = getenv("FB_FUZZ_STEPS");
	unsigned long steps = steps_text ? strtoul(steps_text, NULL, 10) : FB_STEPS_DEFAULT;
	struct fb_fuzz *fuzz = calloc(1, sizeof(*fuzz));

	assert_non_null(fuzz);
	features |= FB_BIT(VIRTIO_FASTBALLOON_F_SG) | FB_BIT(VIRTIO_BALLOON_F_PAGE_POISON);
	fuzz->random = seed;
	fuzz->mock = fb_mock_new(features);
	fb_add_ram(fuzz->mock);
	fb_model_init(&fuzz->model, fuzz->mock);
	for (unsigned long i = 0; i < steps; i++)
		fb_step(fuzz);
	fb_mock_free(fuzz->mock);
	free(fuzz);
}

static void fb_test_must_tell_host(void **state)
{
	fb_run(UINT64_C(0x5eed0001), FB_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST));
	fb_run(UINT64_C(0x5eed0002), FB_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST));
}

static void fb_test_need_not_tell_host(void **state)
{
	fb_run(UINT64_C(0x5eed0003), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fb_test_must_tell_host),
		cmocka_unit_test(fb_test_need_not_tell_host),
	};

	return cmocka_run_group_tests_name("fuzz", tests, NULL, NULL);
}
