/* SPDX-License-Identifier: BSD-3-Clause */
/* ctrl.h - what the two halves of the control queues share: ctrl.c and message.c. */
#ifndef FB_CTRL_H
#define FB_CTRL_H

#include "fastballoon_device.h"

/** fb_ctrl_init() - nothing was asked for, and no round of hints is going on. */
void fb_ctrl_init(struct fb_device *dev);

/** fb_ctrl_reset() - the driver is gone: give all requests up, forget what it said. */
void fb_ctrl_reset(struct fb_device *dev);

/** fb_ctrl_end() - a request was answered or is given up. */
void fb_ctrl_end(struct fb_device *dev, struct fb_ctrl_request *request, enum fb_ctrl_state state);

/** fb_ctrl_pass_progress() - tell the host of the driver's progress, unless it is too early. */
void fb_ctrl_pass_progress(struct fb_device *dev, uint64_t now_ms);

#endif /* FB_CTRL_H */
