/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control.h - what goes over the balloon's control queues: requests to the guest's driver, and
 * what it tells of its progress.
 */
#ifndef FB_CONTROL_H
#define FB_CONTROL_H

#include "balloon.h"
#include "obstacle.h"

/* Room for what fb_request_text() writes. */
#define FB_REQUEST_TEXT_MAX 160

/**
 * struct fb_told - what the guest's driver tells of its way to a target.
 * @known: whether it tells anything about the target in question; else the rest is empty.
 * @reason: why it is not further, a name of the device's; "none" where nothing is in its way.
 * @reachable: the largest balloon that it believes possible now, in bytes.
 * @settled: it has stopped trying.
 */
struct fb_told {
	bool known;
	char reason[24];
	uint64_t reachable;
	bool settled;
};

/**
 * struct fb_request - a request to the guest's driver, and what became of it.
 * @type: "drop-caches", "compact" or "inflate".
 * @id: its number, which the device gives.
 * @state: the device's word for its state.
 * @status: the driver's answer, once @state is "done".
 * @figure: the answer's figure, in bytes.
 * @start_us: when it was made.
 * @elapsed_us: time from then to the last look.
 */
struct fb_request {
	const char *type;
	uint64_t id;
	char state[24];
	char status[24];
	uint64_t figure;
	uint64_t start_us;
	uint64_t elapsed_us;
};

int fb_control_check(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		     struct fb_obstacle *obstacle);
int fb_control_told(struct fb_qmp *qmp, const struct fb_balloon *balloon, uint64_t target,
		    struct fb_told *told);

int fb_request_send(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		    struct fb_request *request, json_object *arguments);
int fb_request_look(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		    struct fb_request *request);
int fb_request_wait(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		    struct fb_request *request, uint64_t timeout_s);
bool fb_request_open(const struct fb_request *request);
bool fb_request_done(const struct fb_request *request);
void fb_request_explain(const struct fb_request *request, struct fb_obstacle *obstacle);
const char *fb_request_text(const struct fb_request *request, char text[FB_REQUEST_TEXT_MAX]);
json_object *fb_request_result(const struct fb_request *request);

#endif /* FB_CONTROL_H */
