// SPDX-License-Identifier: GPL-2.0-or-later
/* mock_ctrl.c - a driver's side of the control queues. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "mock_ctrl.h"

#define FB_FILLER 0xa5

static struct fb_mock_request fb_mock_decode(const unsigned char *bytes, size_t room, size_t used)
{
	struct virtio_fastballoon_request wire;

	for (size_t i = used; i < room; i++)
		assert_int_equal(bytes[i], FB_FILLER);
	if (!used)
		return (struct fb_mock_request){ 0 };
	assert_int_equal(used, sizeof(wire));
	memcpy(&wire, bytes, sizeof(wire));
	return (struct fb_mock_request){
		.type = le16toh(wire.type),
		.flags = le16toh(wire.flags),
		.id = le32toh(wire.id),
		.arg = { le32toh(wire.arg[0]), le32toh(wire.arg[1]) },
	};
}

struct fb_mock_request fb_mock_take(struct fb_mock *mock, size_t room, size_t split, size_t *used)
{
	size_t part = split ? split : room;
	struct iovec *iov = calloc(room + 2, sizeof(*iov));
	unsigned char *bytes = malloc(room + 1);
	struct fb_mock_request request;
	unsigned int count = 1;
	size_t done = 0;

	assert_non_null(iov);
	assert_non_null(bytes);
	for (; done < room; done += iov[count++].iov_len) {
		iov[count].iov_len = room - done < part ? room - done : part;
		iov[count].iov_base = malloc(iov[count].iov_len);
		assert_non_null(iov[count].iov_base);
		memset(iov[count].iov_base, FB_FILLER, iov[count].iov_len);
	}
	*used = fb_ctrl_next_request(&mock->dev, split ? iov : iov + 1, split ? count : count - 1);
	done = 0;
	for (unsigned int i = 1; i < count; done += iov[i++].iov_len) {
		memcpy(bytes + done, iov[i].iov_base, iov[i].iov_len);
		free(iov[i].iov_base);
	}
	request = fb_mock_decode(bytes, room, *used);
	free(bytes);
	free(iov);
	return request;
}

struct fb_mock_request fb_mock_take_one(struct fb_mock *mock)
{
	struct fb_mock_request request;
	size_t used;

	assert_true(fb_ctrl_has_request(&mock->dev));
	request = fb_mock_take(mock, VIRTIO_FASTBALLOON_REQUEST_ROOM, 0, &used);
	assert_int_equal(used, sizeof(struct virtio_fastballoon_request));
	assert_in_range(request.id, 1, FB_CTRL_ID_MAX);
	return request;
}

void fb_mock_expect_none(struct fb_mock *mock)
{
	size_t used;

	assert_false(fb_ctrl_has_request(&mock->dev));
	fb_mock_take(mock, VIRTIO_FASTBALLOON_REQUEST_ROOM, 0, &used);
	assert_int_equal(used, 0);
}

uint32_t fb_mock_ask(struct fb_mock *mock, unsigned int type, const struct fb_ctrl_args *args)
{
	int id = fb_ctrl_request(&mock->dev, type, args);

	assert_true(id > 0);
	return id;
}

void fb_mock_reply(struct fb_mock *mock, uint32_t id, uint16_t status, uint64_t figure)
{
	const struct virtio_fastballoon_reply reply = {
		.type = htole16(VIRTIO_FASTBALLOON_MSG_REPLY),
		.status = htole16(status),
		.id = htole32(id),
		.figure = htole64(figure),
	};

	fb_mock_send(mock, FB_MOCK_MESSAGEQ, &reply, sizeof(reply), 0, NULL, 0);
}

void fb_mock_progress(struct fb_mock *mock, uint16_t reason, uint32_t flags, uint32_t target,
		      uint32_t actual, uint32_t reachable)
{
	const struct virtio_fastballoon_progress progress = {
		.type = htole16(VIRTIO_FASTBALLOON_MSG_PROGRESS),
		.reason = htole16(reason),
		.flags = htole32(flags),
		.target_pages = htole32(target),
		.actual_pages = htole32(actual),
		.reachable_pages = htole32(reachable),
	};

	fb_mock_send(mock, FB_MOCK_MESSAGEQ, &progress, sizeof(progress), 0, NULL, 0);
}
