/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mock_ctrl.h - a driver's side of the control queues. */
#ifndef FB_MOCK_CTRL_H
#define FB_MOCK_CTRL_H

#include "mock_host.h"

/* A request as the driver reads it, in host byte order; @type 0 for none. */
struct fb_mock_request {
	unsigned int type;
	unsigned int flags;
	uint32_t id;
	uint32_t arg[2];
};

/**
 * fb_mock_take() - offer the device a buffer of the requestq.
 * @room: its device-writable bytes.
 * @split: they come in parts of so many bytes, an empty part first; 0 for a single part.
 * @used: filled with the used length.
 *
 * Fails the test if the device writes more than it says, or anything but a whole request.
 */
struct fb_mock_request fb_mock_take(struct fb_mock *mock, size_t room, size_t split, size_t *used);

/** fb_mock_take_one() - the request that the device must have now. */
struct fb_mock_request fb_mock_take_one(struct fb_mock *mock);

/** fb_mock_expect_none() - the device must have no request. */
void fb_mock_expect_none(struct fb_mock *mock);

/** fb_mock_ask() - fb_ctrl_request() must make a request. Return: its id. */
uint32_t fb_mock_ask(struct fb_mock *mock, unsigned int type, const struct fb_ctrl_args *args);

/** fb_mock_reply() - answer a request. */
void fb_mock_reply(struct fb_mock *mock, uint32_t id, uint16_t status, uint64_t figure);

/** fb_mock_progress() - tell progress. */
void fb_mock_progress(struct fb_mock *mock, uint16_t reason, uint32_t flags, uint32_t target,
		      uint32_t actual, uint32_t reachable);

#endif /* FB_MOCK_CTRL_H */
