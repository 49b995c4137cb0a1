// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_request.c - what a hostile host can do with the requestq (guest/request.c): requests of any
 * length and content, and any order of requests, replies and buffers that come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <endian.h>
#include <stdlib.h>

#include "request.h"

#define FB_RANDOM_STEPS 200000
#define FB_WIRE_SIZE sizeof(struct virtio_fastballoon_request)

static uint64_t fb_seed = 88172645463325252u;

static uint32_t fb_random(uint32_t below)
{
	fb_seed ^= fb_seed << 13;
	fb_seed ^= fb_seed >> 7;
	fb_seed ^= fb_seed << 17;
	return (uint32_t)(fb_seed >> 32) % below;
}

struct fb_valid_case {
	struct fb_request request;
	bool valid;
};

static void fb_test_valid(void **state)
{
	static const struct fb_valid_case cases[] = {
		{ { VIRTIO_FASTBALLOON_REQ_HINT_START, 0, 1, { UINT32_MAX, 0 } }, true },
		{ { VIRTIO_FASTBALLOON_REQ_HINT_START, 1, 1, { 0x80000000, 51 } }, true },
		{ { VIRTIO_FASTBALLOON_REQ_HINT_START, 0, 1, { 0x80000000, 52 } }, false },
		{ { VIRTIO_FASTBALLOON_REQ_HINT_START, 2, 1, { 0x80000000, 4 } }, false },
		{ { VIRTIO_FASTBALLOON_REQ_HINT_STOP, 0, 1, { 0x80000000, 0 } }, true },
		{ { VIRTIO_FASTBALLOON_REQ_HINT_STOP, 1, 1, { 0x80000000, 0 } }, false },
		{ { VIRTIO_FASTBALLOON_REQ_HINT_DONE, 0, 1, { 7, 0 } }, true },
		{ { VIRTIO_FASTBALLOON_REQ_HINT_DONE, 0, 1, { 7, 1 } }, false },
		{ { VIRTIO_FASTBALLOON_REQ_DROP_CACHES, 0, 1, { 1, 0 } }, true },
		{ { VIRTIO_FASTBALLOON_REQ_DROP_CACHES, 0, 1, { 3, 0 } }, true },
		{ { VIRTIO_FASTBALLOON_REQ_DROP_CACHES, 0, 1, { 0, 0 } }, false },
		{ { VIRTIO_FASTBALLOON_REQ_DROP_CACHES, 0, 1, { 4, 0 } }, false },
		{ { VIRTIO_FASTBALLOON_REQ_DROP_CACHES, 0, 1, { 1, 1 } }, false },
		{ { VIRTIO_FASTBALLOON_REQ_DROP_CACHES, 1, 1, { 1, 0 } }, false },
		{ { VIRTIO_FASTBALLOON_REQ_COMPACT, 0, 1, { 0, 0 } }, true },
		{ { VIRTIO_FASTBALLOON_REQ_COMPACT, 0, 1, { 1, 0 } }, false },
		{ { VIRTIO_FASTBALLOON_REQ_INFLATE, 1, 1, { UINT32_MAX, UINT32_MAX } }, true },
		{ { VIRTIO_FASTBALLOON_REQ_INFLATE, 3, 1, { 0, 0 } }, false },
		{ { 7, UINT16_MAX, 1, { 1, 1 } }, true },
		{ { 0, 0, 1, { 0, 0 } }, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(fb_request_valid(&cases[i].request), cases[i].valid);
}

/* Each buffer is as long as the device says, so that the sanitizer sees each byte too many. */
static void fb_test_read(void **state)
{
	for (unsigned int step = 0; step < FB_RANDOM_STEPS / 10; step++) {
		unsigned int len = fb_random(3 * FB_WIRE_SIZE);
		uint8_t *data = malloc(len ? len : 1);
		struct virtio_fastballoon_request wire;
		struct fb_request request;
		const char *wrong;

		for (unsigned int i = 0; i < len; i++)
			data[i] = fb_random(4) ? 0 : (uint8_t)fb_random(256);
		wrong = fb_request_read(&request, data, len);
		if (len < FB_WIRE_SIZE) {
			assert_non_null(wrong);
		} else {
			memcpy(&wire, data, sizeof(wire));
			assert_int_equal(!wrong, wire.id != 0);
			assert_int_equal(request.type, le16toh(wire.type));
			assert_int_equal(request.flags, le16toh(wire.flags));
			assert_int_equal(request.id, le32toh(wire.id));
			assert_int_equal(request.arg[0], le32toh(wire.arg[0]));
			assert_int_equal(request.arg[1], le32toh(wire.arg[1]));
			fb_request_valid(&request);
		}
		free(data);
	}
}

static unsigned int fb_nr_open(const struct fb_slots *slots, uint32_t id)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < FB_SLOTS; i++)
		nr += slots->slot[i].state == FB_SLOT_OPEN && slots->slot[i].id == id;
	return nr;
}

/* A host that uses each id again and again: one reply for each request, and never one more. */
static void fb_test_slots(void **state)
{
	unsigned int nr[FB_SLOT_SENT + 1] = { FB_SLOTS };
	struct fb_slots slots = { 0 };

	for (unsigned int step = 0; step < FB_RANDOM_STEPS; step++) {
		enum fb_slot_state from = (enum fb_slot_state)fb_random(FB_SLOT_SENT + 1);
		uint32_t id = 1 + fb_random(6);
		struct fb_slot *slot;
		bool found;

		if (from == FB_SLOT_OPEN) {
			unsigned int open = fb_nr_open(&slots, id);

			found = fb_slots_reply(&slots, id, (uint16_t)id, step);
			assert_int_equal(found, open > 0);
			assert_int_equal(fb_nr_open(&slots, id), open - found);
		} else {
			slot = fb_slots_turn(&slots, from, (from + 1) % (FB_SLOT_SENT + 1));
			found = slot;
			assert_int_equal(found, nr[from] > 0);
			if (slot && from == FB_SLOT_FREE)
				slot->id = id;
			if (slot && from == FB_SLOT_READY)
				assert_int_equal(le32toh(slot->wire.id), slot->id);
			if (slot && from == FB_SLOT_SENT)
				fb_slot_clear(slot);
		}
		nr[from] -= found;
		nr[(from + 1) % (FB_SLOT_SENT + 1)] += found;
		assert_false(fb_slots_reply(&slots, 0, 0, 0));
	}
	assert_int_equal(nr[0] + nr[1] + nr[2] + nr[3], FB_SLOTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fb_test_valid),
		cmocka_unit_test(fb_test_read),
		cmocka_unit_test(fb_test_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
