// SPDX-License-Identifier: GPL-2.0-or-later
/* fuzz_device.c - random buffers to the device, each compared with the reference model. */
#include <stdlib.h>
#include <string.h>

#include "../unit/mock_bitmap.h"
#include "model.h"
#include "random.h"

#define FB_STEPS_DEFAULT 15000
#define FB_PFNS_MAX 3000
#define FB_RANGES_MAX 300
/* So few bits that the device sorts all their runs at once, and the model knows what joins. */
#define FB_BITS_MAX 6000

struct fb_fuzz {
	struct fb_mock *mock;
	struct fb_mock_bitmap *bitmap;
	struct fb_model model;
	uint64_t random;
	uint32_t pfns[FB_PFNS_MAX];
	struct fb_range ranges[FB_RANGES_MAX];
	uint64_t set_pfns[FB_BITS_MAX];
	size_t set_count;
};

/* Mostly RAM and what lies around it, sometimes anything. */
static uint32_t fb_random_pfn(struct fb_fuzz *fuzz)
{
	return fb_one_in(&fuzz->random, 50) ? (uint32_t)fb_random(&fuzz->random) :
					      (uint32_t)fb_below(&fuzz->random, FB_MODEL_PAGES);
}

/* Series upwards and downwards, repetitions and single pages. */
static size_t fb_random_pfns(struct fb_fuzz *fuzz)
{
	size_t count = fb_below(&fuzz->random, fb_one_in(&fuzz->random, 8) ? FB_PFNS_MAX : 64) + 1;
	uint32_t pfn = fb_random_pfn(fuzz);
	int step = 1;

	for (size_t i = 0; i < count; i++) {
		if (fb_one_in(&fuzz->random, 40)) {
			pfn = fb_random_pfn(fuzz);
			step = (int)fb_below(&fuzz->random, 3) - 1;
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

/* Set runs of bits in a new record, and note the pages that they name. */
static void fb_random_record(struct fb_fuzz *fuzz, unsigned int bits)
{
	bool bad = fb_one_in(&fuzz->random, 40);
	uint64_t start =
		bad ? (UINT64_C(1) << 52) - fb_below(&fuzz->random, bits) : fb_random_pfn(fuzz);
	uint64_t *words = fb_mock_bitmap_add(fuzz->bitmap, start, bits);
	bool set = fb_one_in(&fuzz->random, 2);

	fuzz->model.refused += bad;
	for (unsigned int bit = 0; bit < bits; bit++) {
		if (fb_one_in(&fuzz->random, bits % 7 + 1))
			set = !set;
		if (!set)
			continue;
		fb_mock_bitmap_set(words, bit, 1);
		if (!bad)
			fuzz->set_pfns[fuzz->set_count++] = start + bit;
	}
	if (bits % 64 && fb_one_in(&fuzz->random, 4))
		words[bits / 64] |= UINT64_MAX << (bits % 64);
}

static void fb_random_bitmap(struct fb_fuzz *fuzz)
{
	unsigned int records = fb_below(&fuzz->random, fb_one_in(&fuzz->random, 8) ? 255 : 6) + 1;
	unsigned int left = FB_BITS_MAX;

	fb_mock_bitmap_clear(fuzz->bitmap);
	fuzz->set_count = 0;
	while (records--) {
		unsigned int bits =
			fb_below(&fuzz->random, fb_one_in(&fuzz->random, 8) ? 2000 : 150) + 1;

		if (bits > left)
			break;
		left -= bits;
		fb_random_record(fuzz, bits);
	}
}

/* Make a length differ from what is said of it. Return: bytes that the buffer is longer. */
static int fb_spoil_bitmap(struct fb_fuzz *fuzz)
{
	struct fb_mock_bitmap *bitmap = fuzz->bitmap;
	unsigned int i = fb_below(&fuzz->random, bitmap->record_count);

	switch (fb_below(&fuzz->random, 4)) {
	case 0:
		return 1;
	case 1:
		return -1;
	case 2:
		bitmap->header.count += 1 + fb_below(&fuzz->random, 300);
		return 0;
	default:
		bitmap->records[i].bits += 64 * (1 + fb_below(&fuzz->random, 1U << 20));
		return 0;
	}
}

/* Send a bitmap, at times with what costs all of it. */
static void fb_send_bitmap(struct fb_fuzz *fuzz, enum fb_mock_queue queue)
{
	size_t split = fb_one_in(&fuzz->random, 4) ? fb_below(&fuzz->random, 50) : 0;
	bool bad = fb_one_in(&fuzz->random, 20);
	int extra = 0;

	fb_random_bitmap(fuzz);
	if (bad) {
		extra = fb_spoil_bitmap(fuzz);
		fuzz->model.refused = 1;
		fuzz->set_count = 0;
	}
	fb_mock_bitmap_send(fuzz->mock, queue, fuzz->bitmap, extra, split);
}

static int fb_compare_set_pfns(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static void fb_step_bitmap(struct fb_fuzz *fuzz, enum fb_mock_queue queue)
{
	fb_send_bitmap(fuzz, queue);
	qsort(fuzz->set_pfns, fuzz->set_count, sizeof(fuzz->set_pfns[0]), fb_compare_set_pfns);
	for (size_t i = 0; i < fuzz->set_count; i++) {
		if (!i || fuzz->set_pfns[i] != fuzz->set_pfns[i - 1])
			fb_model_pfn(&fuzz->model, fuzz->set_pfns[i]);
	}
}

static void fb_step_hint_bitmap(struct fb_fuzz *fuzz)
{
	struct fb_range run = { 0 };

	fb_send_bitmap(fuzz, FB_MOCK_HINTQ);
	for (size_t i = 0; i < fuzz->set_count; i++) {
		uint64_t gpa = fuzz->set_pfns[i] * FB_PAGE_SIZE;

		if (run.len && run.gpa + run.len != gpa) {
			fb_model_hint(&fuzz->model, &run);
			run.len = 0;
		}
		if (!run.len)
			run.gpa = gpa;
		run.len += FB_PAGE_SIZE;
	}
	if (run.len)
		fb_model_hint(&fuzz->model, &run);
}

static struct fb_range fb_random_range(struct fb_fuzz *fuzz)
{
	struct fb_range range = {
		.gpa = fb_below(&fuzz->random, FB_MODEL_PAGES) * FB_PAGE_SIZE,
		.len = (fb_below(&fuzz->random, fb_one_in(&fuzz->random, 4) ? 1500 : 40) + 1) *
		       FB_PAGE_SIZE,
	};

	if (fb_one_in(&fuzz->random, 20))
		range.gpa += fb_below(&fuzz->random, 8) * FB_SECTOR;
	if (fb_one_in(&fuzz->random, 20))
		range.len += fb_below(&fuzz->random, 8) * FB_SECTOR;
	if (fb_one_in(&fuzz->random, 200))
		range = (struct fb_range){ fb_random(&fuzz->random) & ~UINT64_C(511), 0 };
	if (fb_one_in(&fuzz->random, 200))
		range.len = fb_random(&fuzz->random) & ~UINT64_C(511);
	return range;
}

static unsigned int fb_random_ranges(struct fb_fuzz *fuzz, unsigned int max)
{
	unsigned int count = fb_below(&fuzz->random, fb_one_in(&fuzz->random, 8) ? max : 12) + 1;

	for (unsigned int i = 0; i < count; i++)
		fuzz->ranges[i] = fb_random_range(fuzz);
	return count;
}

/* The counters must have grown as the model says, by what the operations show. */
static void fb_check_counters(struct fb_fuzz *fuzz, const struct fb_counters *before,
			      uint64_t named_before, const uint64_t *named)
{
	const struct fb_counters *now = &fuzz->mock->dev.counters;
	uint64_t failures[3] = { 0 }, failed[3] = { 0 }, done[3] = { 0 };

	for (unsigned int i = 0; i < fuzz->mock->op_count; i++) {
		const struct fb_mock_op *op = &fuzz->mock->ops[i];

		failures[op->kind] += op->failed;
		*(op->failed ? &failed[op->kind] : &done[op->kind]) += op->range.len;
	}
	assert_int_equal(*named - named_before, fuzz->model.named_bytes);
	assert_int_equal(now->requests - before->requests, 1);
	assert_int_equal(now->refused - before->refused, fuzz->model.refused);
	assert_int_equal(now->discard_failures - before->discard_failures,
			 failures[FB_MOCK_DISCARD]);
	assert_int_equal(now->failed_bytes - before->failed_bytes, failed[FB_MOCK_DISCARD]);
	assert_int_equal(now->discarded_bytes - before->discarded_bytes, done[FB_MOCK_DISCARD]);
	assert_int_equal(now->populate_failures - before->populate_failures,
			 failures[FB_MOCK_POPULATE]);
	assert_int_equal(now->populated_bytes - before->populated_bytes, done[FB_MOCK_POPULATE]);
}

/* With F_PAGE_BITMAP a wrong length costs the whole array. */
static void fb_step_array(struct fb_fuzz *fuzz, enum fb_mock_queue queue)
{
	bool headed = fuzz->mock->dev.features & FB_BIT(VIRTIO_FASTBALLOON_F_PAGE_BITMAP);
	size_t count = fb_random_pfns(fuzz);
	size_t extra = fb_one_in(&fuzz->random, 10) && count < FB_PFNS_MAX ?
			       fb_below(&fuzz->random, 4) :
			       0;
	size_t split = fb_one_in(&fuzz->random, 2) ? fb_below(&fuzz->random, 50) : 0;

	if (headed)
		fb_mock_send_headed(fuzz->mock, queue, fuzz->pfns, count, count, extra, split);
	else
		fb_mock_send(fuzz->mock, queue, fuzz->pfns, count * 4 + extra, split, NULL, 0);
	fuzz->model.refused += extra > 0;
	if (!headed || !extra)
		fb_model_pfns(fuzz, count);
}

static void fb_step_ranges(struct fb_fuzz *fuzz, enum fb_mock_queue queue)
{
	unsigned int count = fb_random_ranges(fuzz, FB_RANGES_MAX);

	fb_mock_send_ranges(fuzz->mock, queue, fuzz->ranges, count);
	for (unsigned int i = 0; i < count; i++) {
		if (i < VIRTIO_FASTBALLOON_SG_MAX)
			fb_model_range(&fuzz->model, &fuzz->ranges[i], FB_PAGE_SIZE);
		else
			fuzz->model.refused++;
	}
}

static bool fb_sends_bitmap(struct fb_fuzz *fuzz)
{
	return fuzz->mock->dev.features & FB_BIT(VIRTIO_FASTBALLOON_F_PAGE_BITMAP) &&
	       fb_one_in(&fuzz->random, 2);
}

static void fb_step_pages(struct fb_fuzz *fuzz, bool inflate)
{
	struct fb_counters before = fuzz->mock->dev.counters;
	const uint64_t *named = inflate ? &fuzz->mock->dev.counters.inflated_bytes :
					  &fuzz->mock->dev.counters.deflated_bytes;
	enum fb_mock_queue queue = inflate ? FB_MOCK_INFLATEQ : FB_MOCK_DEFLATEQ;
	uint64_t named_before = *named;

	if (fb_sends_bitmap(fuzz))
		fb_step_bitmap(fuzz, queue);
	else if (fb_one_in(&fuzz->random, 2))
		fb_step_array(fuzz, queue);
	else
		fb_step_ranges(fuzz, queue);
	if (inflate)
		fb_model_inflate(&fuzz->model);
	else
		fb_model_deflate(&fuzz->model);
	fb_model_check(&fuzz->model, inflate ? FB_MOCK_DISCARD : FB_MOCK_POPULATE);
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

	switch (fb_below(&fuzz->random, 8)) {
	case 0:
		return VIRTIO_BALLOON_CMD_ID_STOP;
	case 1:
		return id - 1;
	case 2:
		return (uint32_t)fb_random(&fuzz->random);
	default:
		return id;
	}
}

static void fb_step_hint_ranges(struct fb_fuzz *fuzz)
{
	struct fb_hint *hint = &fuzz->mock->dev.hint;
	unsigned int count = fb_random_ranges(fuzz, 20);

	if (fb_one_in(&fuzz->random, 4)) {
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
}

static void fb_step_hint(struct fb_fuzz *fuzz)
{
	struct fb_hint *hint = &fuzz->mock->dev.hint;
	uint64_t refused = hint->refused;

	if (fb_sends_bitmap(fuzz))
		fb_step_hint_bitmap(fuzz);
	else
		fb_step_hint_ranges(fuzz);
	fb_model_check(&fuzz->model, FB_MOCK_SKIP);
	assert_int_equal(hint->refused - refused, fuzz->model.refused);
	assert_int_equal(hint->state, fuzz->model.hint_state);
}

/* Bytes of any kind and length: nothing to compare, the sanitizers watch. */
static void fb_step_garbage(struct fb_fuzz *fuzz)
{
	unsigned char bytes[600];
	size_t len = fb_below(&fuzz->random, sizeof(bytes));
	enum fb_mock_queue queue = fb_one_in(&fuzz->random, 2) ? FB_MOCK_STATSQ : FB_MOCK_REPORTQ;

	for (size_t i = 0; i < len; i++)
		bytes[i] = fb_one_in(&fuzz->random, 2) ? fb_below(&fuzz->random, 20) :
							 fb_random(&fuzz->random);
	fb_mock_send(fuzz->mock, queue, bytes, len, fb_below(&fuzz->random, 30), NULL, 0);
	assert_int_equal(fuzz->mock->op_count, 0);
}

/* The hypervisor does something: a round begins or ends, discards are forbidden, a reset. */
static void fb_step_host(struct fb_fuzz *fuzz)
{
	struct fb_device *dev = &fuzz->mock->dev;
	uint64_t features = dev->features;

	switch (fb_below(&fuzz->random, 8)) {
	case 0:
		fb_hint_stop(&dev->hint);
		break;
	case 1:
		fb_hint_done(&dev->hint);
		break;
	case 2:
		fuzz->mock->inhibited = fb_one_in(&fuzz->random, 4);
		break;
	case 3:
		fuzz->mock->fail_from = fb_below(&fuzz->random, 20);
		fuzz->mock->fail_count = fb_below(&fuzz->random, 4);
		break;
	case 4:
		if (!fb_one_in(&fuzz->random, 10))
			break;
		fb_device_reset(dev);
		fb_model_reset(&fuzz->model);
		fb_device_set_features(dev, features);
		break;
	case 5:
		dev->poison_val = fb_one_in(&fuzz->random, 4);
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
	switch (fb_below(&fuzz->random, 10)) {
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

static void fb_run(uint64_t seed, uint64_t features, bool populate)
{
	unsigned long steps = fb_fuzz_steps(FB_STEPS_DEFAULT);
	struct fb_fuzz *fuzz = calloc(1, sizeof(*fuzz));

	assert_non_null(fuzz);
	features |= FB_BIT(VIRTIO_FASTBALLOON_F_SG) | FB_BIT(VIRTIO_BALLOON_F_PAGE_POISON);
	fuzz->random = seed;
	fuzz->bitmap = fb_mock_bitmap_new();
	fuzz->mock = fb_mock_new(features);
	if (populate)
		fb_mock_add_populate(fuzz->mock);
	fb_add_ram(fuzz->mock);
	fb_model_init(&fuzz->model, fuzz->mock);
	for (unsigned long i = 0; i < steps; i++) {
		fb_step(fuzz);
		fb_model_check_waiting(&fuzz->model, fb_device_waiting_bytes(&fuzz->mock->dev));
	}
	fb_mock_free(fuzz->mock);
	free(fuzz->bitmap);
	free(fuzz);
}

static void fb_test_must_tell_host(void **state)
{
	fb_run(UINT64_C(0x5eed0001), FB_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST), false);
	fb_run(UINT64_C(0x5eed0002), FB_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST), true);
}

static void fb_test_need_not_tell_host(void **state)
{
	fb_run(UINT64_C(0x5eed0003), 0, true);
}

static void fb_test_page_bitmap(void **state)
{
	uint64_t features = FB_BIT(VIRTIO_FASTBALLOON_F_PAGE_BITMAP);

	fb_run(UINT64_C(0x5eed0004), features, false);
	fb_run(UINT64_C(0x5eed0005), features | FB_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST), true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fb_test_must_tell_host),
		cmocka_unit_test(fb_test_need_not_tell_host),
		cmocka_unit_test(fb_test_page_bitmap),
	};

	return cmocka_run_group_tests_name("fuzz", tests, NULL, NULL);
}
