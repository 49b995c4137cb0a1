/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp.h - a client of QEMU's machine protocol (QMP) over a UNIX socket, or through libvirt.
 *
 * Every wait has a limit. Functions return 0 or more, or a negative errno:
 *   -EPROTO     the peer does not speak QMP
 *   -EPIPE      the peer is not there or has closed the connection
 *   -ETIMEDOUT  the peer did not answer in time
 *   -EREMOTEIO  QEMU refused the command
 *   -EINTR      a second signal came during a wait, see fb_qmp_catch_signals()
 * and then have put the cause, and the remedy where they know one, into the struct.
 */
#ifndef FB_QMP_H
#define FB_QMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"

/* Longest line that is taken from a peer, in bytes. */
#define FB_QMP_LINE_MAX ((size_t)1 << 20)
/* Events kept until they are asked for; older ones are dropped. */
#define FB_QMP_EVENTS_MAX 64
/* Limits for the greeting and for the reply to a command. */
#define FB_QMP_GREETING_MS 5000
#define FB_QMP_REPLY_MS 30000

struct fb_libvirt;

/**
 * struct fb_qmp - a connection to a QMP server.
 * @libvirt: the domain, where it goes through libvirt; else NULL.
 * @fd: the socket, or -1.
 * @signal_fd: where signals are read once they are caught, or -1.
 * @interrupts: SIGINT, SIGTERM and SIGHUP caught so far.
 * @path: the socket's path or the domain's name, as given.
 * @next_id: id of the next command.
 * @greeting: what the server said first, an object.
 * @events: the last events, a ring of objects.
 * @event_head: index of the oldest one.
 * @event_count: how many there are.
 * @line: what has been received and not been handled.
 * @line_len: its length in bytes.
 * @line_seen: how many of them have been searched for the line's end.
 * @line_cap: room in @line, in bytes.
 * @cause: why the last call failed.
 * @remedy: what can be done about it, or an empty string.
 */
struct fb_qmp {
	struct fb_libvirt *libvirt;
	int fd;
	int signal_fd;
	unsigned int interrupts;
	const char *path;
	uint64_t next_id;
	json_object *greeting;
	json_object *events[FB_QMP_EVENTS_MAX];
	unsigned int event_head;
	unsigned int event_count;
	char *line;
	size_t line_len;
	size_t line_seen;
	size_t line_cap;
	char cause[512];
	char remedy[256];
};

uint64_t fb_now_us(void);
int fb_qmp_error(struct fb_qmp *qmp, int error, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int fb_qmp_poll_fd(struct fb_qmp *qmp, int fd, short events, uint64_t deadline_us);
json_object *fb_qmp_parse(const char *line, size_t len);
void fb_qmp_init(struct fb_qmp *qmp, const char *path);
int fb_qmp_open(struct fb_qmp *qmp, const char *path);
void fb_qmp_close(struct fb_qmp *qmp);
int fb_qmp_catch_signals(struct fb_qmp *qmp);
int fb_qmp_call(struct fb_qmp *qmp, const char *command, json_object *arguments,
		json_object **reply);
int fb_qmp_wait(struct fb_qmp *qmp, unsigned int timeout_ms);
json_object *fb_qmp_event(struct fb_qmp *qmp);
int fb_qmp_pause(struct fb_qmp *qmp, unsigned int timeout_ms, const char *event);

#endif /* FB_QMP_H */
