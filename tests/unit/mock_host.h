/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mock_host.h - a host with RAM of any layout, and a driver that sends buffers to a device in
 * it. Shared by the unit tests and the fuzzer.
 *
 * The host checks every call: a discard or skip that is misaligned, leaves its piece of RAM or
 * comes while discards are forbidden fails the test at once.
 */
#ifndef FB_MOCK_HOST_H
#define FB_MOCK_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../device/fastballoon_device.h"

#define FB_KIB UINT64_C(1024)
#define FB_MIB (UINT64_C(1024) * FB_KIB)
#define FB_GIB (UINT64_C(1024) * FB_MIB)

#define FB_MOCK_RAM_MAX 8
#define FB_MOCK_OPS_MAX 70000
#define FB_MOCK_DONE_MAX 64

#define FB_BIT(feature) (UINT64_C(1) << (feature))

/**
 * struct fb_mock_op - a discard, skip or populate, in the order of the calls.
 * @failed: it was made to fail.
 */
struct fb_mock_op {
	enum { FB_MOCK_DISCARD, FB_MOCK_SKIP, FB_MOCK_POPULATE } kind;
	struct fb_range range;
	bool failed;
};

/**
 * struct fb_mock - a host, its device and what the device did.
 * @ram, @ram_count: guest RAM.
 * @inhibited: what the host answers; its discards must not come while true.
 * @fail_from, @fail_count: make @fail_count discards or populates fail, after @fail_from that
 *                          work.
 * @populates_later: populates go on after the call.
 * @now_ms: the host's clock.
 * @progress, @progress_changes: what the host was told last of the driver's progress.
 * @done, @done_count: requests that were answered or given up.
 */
struct fb_mock {
	struct fb_device dev;
	struct fb_host_ops host_ops;
	struct fb_ram ram[FB_MOCK_RAM_MAX];
	unsigned int ram_count;
	bool inhibited;
	unsigned int fail_from;
	unsigned int fail_count;
	bool populates_later;
	struct fb_mock_op ops[FB_MOCK_OPS_MAX];
	unsigned int op_count;
	unsigned int config_changes;
	unsigned int actual_changes;
	uint32_t actual_pages;
	unsigned int guest_errors;
	unsigned int find_ram_calls;
	uint64_t now_ms;
	struct fb_ctrl_progress progress;
	unsigned int progress_changes;
	struct fb_ctrl_request done[FB_MOCK_DONE_MAX];
	unsigned int done_count;
};

/* The queues, as far as the core sees them. */
enum fb_mock_queue {
	FB_MOCK_INFLATEQ,
	FB_MOCK_DEFLATEQ,
	FB_MOCK_REPORTQ,
	FB_MOCK_HINTQ,
	FB_MOCK_STATSQ,
	FB_MOCK_MESSAGEQ,
	FB_MOCK_QUEUES,
};

/**
 * fb_mock_fail_allocation() - let the device run out of memory.
 * @nth: its next allocation but so many fails; the ones after it work again.
 *
 * Needs the linker's --wrap for malloc and calloc.
 */
void fb_mock_fail_allocation(unsigned int nth);

/** fb_mock_init_device() - fb_device_init() with @mock as the host. Return: what it returns. */
int fb_mock_init_device(struct fb_mock *mock, struct fb_device *dev);

/** fb_mock_new() - a device with @features in a host without RAM. */
struct fb_mock *fb_mock_new(uint64_t features);

/** fb_mock_free() - release the device and its host; NULL is allowed. */
void fb_mock_free(struct fb_mock *mock);

/** fb_mock_add_ram() - add a piece of RAM; pieces must not overlap. */
void fb_mock_add_ram(struct fb_mock *mock, uint64_t gpa, uint64_t len, uint64_t host_page_size);

/** fb_mock_add_populate() - let the host back memory on deflate. */
void fb_mock_add_populate(struct fb_mock *mock);

/** fb_mock_forget_ops() - empty the list of operations. */
void fb_mock_forget_ops(struct fb_mock *mock);

/**
 * fb_mock_send() - send one buffer.
 * @out, @out_len: device-readable bytes.
 * @split: they come in parts of so many bytes, an empty part first; 0 for a single part.
 *
 * Each part is memory of its own, so that AddressSanitizer sees a read over its end.
 */
void fb_mock_send(struct fb_mock *mock, enum fb_mock_queue queue, const void *out, size_t out_len,
		  size_t split, const struct fb_range *in, unsigned int in_count);

/** fb_mock_send_pfns() - send @count PFNs, given in host byte order, in a single part. */
void fb_mock_send_pfns(struct fb_mock *mock, enum fb_mock_queue queue, const uint32_t *pfns,
		       size_t count);

/** fb_mock_send_ranges() - send @count ranges as device-writable parts. */
void fb_mock_send_ranges(struct fb_mock *mock, enum fb_mock_queue queue,
			 const struct fb_range *ranges, unsigned int count);

/** fb_mock_send_id() - send a hint command id and hints behind it in the same buffer. */
void fb_mock_send_id(struct fb_mock *mock, uint32_t id, const struct fb_range *hints,
		     unsigned int count);

/** fb_mock_expect_op() - operation @index must be this one. */
void fb_mock_expect_op(const struct fb_mock *mock, unsigned int index, int kind, uint64_t gpa,
		       uint64_t len);

/* Send the PFNs or {gpa, len} pairs that follow. */
#define FB_SEND_PFNS(mock, queue, ...)                                    \
	fb_mock_send_pfns(mock, queue, (const uint32_t[]){ __VA_ARGS__ }, \
			  sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))
#define FB_SEND_RANGES(mock, queue, ...)                                           \
	fb_mock_send_ranges(mock, queue, (const struct fb_range[]){ __VA_ARGS__ }, \
			    sizeof((const struct fb_range[]){ __VA_ARGS__ }) /     \
				    sizeof(struct fb_range))

#endif /* FB_MOCK_HOST_H */
