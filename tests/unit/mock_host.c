// SPDX-License-Identifier: GPL-2.0-or-later
/* mock_host.c - a host with RAM of any layout, and a driver that sends buffers to it. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mock_host.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

/* Allocations until one fails, counting itself; 0 for none. */
static unsigned int fb_mock_allocations_left;

void fb_mock_fail_allocation(unsigned int nth)
{
	fb_mock_allocations_left = nth + 1;
}

static bool fb_mock_allocation_fails(void)
{
	return fb_mock_allocations_left && !--fb_mock_allocations_left;
}

void *__wrap_malloc(size_t size)
{
	return fb_mock_allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fb_mock_allocation_fails() ? NULL : __real_calloc(count, size);
}

static const struct fb_ram *fb_mock_ram_at(const struct fb_mock *mock, uint64_t gpa)
{
	for (unsigned int i = 0; i < mock->ram_count; i++) {
		const struct fb_ram *ram = &mock->ram[i];

		if (gpa >= ram->gpa && gpa - ram->gpa < ram->len)
			return ram;
	}
	return NULL;
}

static int fb_mock_find_ram(void *host, uint64_t gpa, struct fb_ram *ram)
{
	struct fb_mock *mock = host;
	const struct fb_ram *found = fb_mock_ram_at(mock, gpa);

	mock->find_ram_calls++;
	if (!found)
		return -ENOENT;
	*ram = *found;
	return 0;
}

/* The operation must consist of whole units inside one piece of RAM. */
static void fb_mock_check_op(const struct fb_ram *ram, uint64_t gpa, uint64_t len, uint64_t unit)
{
	assert_true(len > 0);
	assert_int_equal((gpa - ram->gpa) % unit, 0);
	assert_int_equal(len % unit, 0);
	assert_true(len <= ram->len - (gpa - ram->gpa));
}

static struct fb_mock_op *fb_mock_record(struct fb_mock *mock, uint64_t gpa, uint64_t len)
{
	struct fb_mock_op *op = &mock->ops[mock->op_count];

	assert_true(mock->op_count < FB_MOCK_OPS_MAX);
	mock->op_count++;
	*op = (struct fb_mock_op){ .range = { .gpa = gpa, .len = len } };
	return op;
}

static int fb_mock_outcome(struct fb_mock *mock, struct fb_mock_op *op)
{
	if (mock->fail_from) {
		mock->fail_from--;
	} else if (mock->fail_count) {
		mock->fail_count--;
		op->failed = true;
	}
	return op->failed ? -EINVAL : 0;
}

static int fb_mock_discard(void *host, uint64_t gpa, uint64_t len)
{
	struct fb_mock *mock = host;
	const struct fb_ram *ram = fb_mock_ram_at(mock, gpa);
	struct fb_mock_op *op;

	assert_false(mock->inhibited);
	assert_non_null(ram);
	fb_mock_check_op(ram, gpa, len, ram->host_page_size);
	op = fb_mock_record(mock, gpa, len);
	op->kind = FB_MOCK_DISCARD;
	return fb_mock_outcome(mock, op);
}

static int fb_mock_populate(void *host, uint64_t gpa, uint64_t len)
{
	struct fb_mock *mock = host;
	const struct fb_ram *ram = fb_mock_ram_at(mock, gpa);
	struct fb_mock_op *op;

	assert_non_null(ram);
	fb_mock_check_op(ram, gpa, len, ram->host_page_size);
	op = fb_mock_record(mock, gpa, len);
	op->kind = FB_MOCK_POPULATE;
	if (mock->populates_later)
		return -EINPROGRESS;
	return fb_mock_outcome(mock, op);
}

static bool fb_mock_inhibited(void *host)
{
	struct fb_mock *mock = host;

	return mock->inhibited;
}

static void fb_mock_skip(void *host, uint64_t gpa, uint64_t len)
{
	struct fb_mock *mock = host;
	const struct fb_ram *ram = fb_mock_ram_at(mock, gpa);

	assert_non_null(ram);
	fb_mock_check_op(ram, gpa, len, FB_PAGE_SIZE);
	fb_mock_record(mock, gpa, len)->kind = FB_MOCK_SKIP;
}

static void fb_mock_config_changed(void *host)
{
	struct fb_mock *mock = host;

	mock->config_changes++;
}

static void fb_mock_actual_changed(void *host, uint32_t actual_pages)
{
	struct fb_mock *mock = host;

	mock->actual_changes++;
	mock->actual_pages = actual_pages;
}

static void fb_mock_guest_error(void *host, const char *what)
{
	struct fb_mock *mock = host;

	assert_non_null(what);
	mock->guest_errors++;
}

static uint64_t fb_mock_now_ms(void *host)
{
	struct fb_mock *mock = host;

	return mock->now_ms;
}

static void fb_mock_progress_changed(void *host, const struct fb_ctrl_progress *progress)
{
	struct fb_mock *mock = host;

	mock->progress = *progress;
	mock->progress_changes++;
}

static void fb_mock_request_done(void *host, const struct fb_ctrl_request *request)
{
	struct fb_mock *mock = host;

	assert_true(request->state >= FB_CTRL_DONE);
	mock->done[mock->done_count++ % FB_MOCK_DONE_MAX] = *request;
}

static const struct fb_host_ops fb_mock_ops = {
	.find_ram = fb_mock_find_ram,
	.discard = fb_mock_discard,
	.inhibited = fb_mock_inhibited,
	.skip = fb_mock_skip,
	.config_changed = fb_mock_config_changed,
	.actual_changed = fb_mock_actual_changed,
	.guest_error = fb_mock_guest_error,
	.now_ms = fb_mock_now_ms,
	.progress_changed = fb_mock_progress_changed,
	.request_done = fb_mock_request_done,
};

int fb_mock_init_device(struct fb_mock *mock, struct fb_device *dev)
{
	mock->host_ops = fb_mock_ops;
	return fb_device_init(dev, &mock->host_ops, mock);
}

struct fb_mock *fb_mock_new(uint64_t features)
{
	struct fb_mock *mock = calloc(1, sizeof(*mock));

	assert_non_null(mock);
	assert_int_equal(fb_mock_init_device(mock, &mock->dev), 0);
	fb_device_set_features(&mock->dev, features);
	return mock;
}

void fb_mock_free(struct fb_mock *mock)
{
	if (mock)
		fb_device_destroy(&mock->dev);
	free(mock);
}

void fb_mock_add_ram(struct fb_mock *mock, uint64_t gpa, uint64_t len, uint64_t host_page_size)
{
	assert_true(mock->ram_count < FB_MOCK_RAM_MAX);
	mock->ram[mock->ram_count++] =
		(struct fb_ram){ .gpa = gpa, .len = len, .host_page_size = host_page_size };
}

void fb_mock_add_populate(struct fb_mock *mock)
{
	mock->host_ops.populate = fb_mock_populate;
}

void fb_mock_forget_ops(struct fb_mock *mock)
{
	mock->op_count = 0;
}

/* Make parts of @split bytes of @out, an empty one first. Return: how many. */
static unsigned int fb_mock_parts(const char *out, size_t out_len, size_t split, struct iovec *iov)
{
	unsigned int count = 1;

	iov[0] = (struct iovec){ 0 };
	for (size_t done = 0; done < out_len;) {
		size_t n = out_len - done < split ? out_len - done : split;

		iov[count].iov_base = malloc(n);
		assert_non_null(iov[count].iov_base);
		memcpy(iov[count].iov_base, out + done, n);
		iov[count++].iov_len = n;
		done += n;
	}
	return count;
}

static void (*const fb_mock_handlers[FB_MOCK_QUEUES])(struct fb_device *,
						      const struct fb_buffer *) = {
	[FB_MOCK_INFLATEQ] = fb_device_inflate,     [FB_MOCK_DEFLATEQ] = fb_device_deflate,
	[FB_MOCK_REPORTQ] = fb_device_report,       [FB_MOCK_HINTQ] = fb_device_hint,
	[FB_MOCK_STATSQ] = fb_device_receive_stats, [FB_MOCK_MESSAGEQ] = fb_device_message,
};

void fb_mock_send(struct fb_mock *mock, enum fb_mock_queue queue, const void *out, size_t out_len,
		  size_t split, const struct fb_range *in, unsigned int in_count)
{
	size_t part = split ? split : out_len;
	struct iovec *iov = calloc(out_len ? out_len / part + 2 : 1, sizeof(*iov));
	unsigned int count;

	assert_non_null(iov);
	count = fb_mock_parts(out, out_len, part, iov);
	fb_mock_handlers[queue](&mock->dev, &(struct fb_buffer){
						    .out = split ? iov : iov + 1,
						    .out_count = split ? count : count - 1,
						    .in = in,
						    .in_count = in_count,
					    });
	for (unsigned int i = 0; i < count; i++)
		free(iov[i].iov_base);
	free(iov);
}

void fb_mock_send_pfns(struct fb_mock *mock, enum fb_mock_queue queue, const uint32_t *pfns,
		       size_t count)
{
	uint32_t *wire = calloc(count + 1, sizeof(*wire));

	assert_non_null(wire);
	for (size_t i = 0; i < count; i++)
		wire[i] = htole32(pfns[i]);
	fb_mock_send(mock, queue, wire, count * sizeof(*wire), 0, NULL, 0);
	free(wire);
}

void fb_mock_send_ranges(struct fb_mock *mock, enum fb_mock_queue queue,
			 const struct fb_range *ranges, unsigned int count)
{
	fb_mock_send(mock, queue, NULL, 0, 0, ranges, count);
}

void fb_mock_send_id(struct fb_mock *mock, uint32_t id, const struct fb_range *hints,
		     unsigned int count)
{
	uint32_t wire = htole32(id);

	fb_mock_send(mock, FB_MOCK_HINTQ, &wire, sizeof(wire), 0, hints, count);
}

void fb_mock_expect_op(const struct fb_mock *mock, unsigned int index, int kind, uint64_t gpa,
		       uint64_t len)
{
	assert_true(index < mock->op_count);
	assert_int_equal(mock->ops[index].kind, kind);
	assert_int_equal(mock->ops[index].range.gpa, gpa);
	assert_int_equal(mock->ops[index].range.len, len);
}
