// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qmp.c - a client of QEMU's machine protocol (QMP) over a UNIX socket.
 *
 * One command is in flight at a time; its reply is known by its id. What arrives besides is
 * an event, which is queued, or the late reply to a command that was given up, which is
 * dropped. The socket never blocks: all waiting happens in fb_qmp_poll(), up to a deadline.
 */
#include "qmp.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "libvirt.h"

#define FB_QMP_CHUNK ((size_t)16384)
/* Pause between attempts while the server's queue of connections is full. */
#define FB_QMP_RETRY_MS 50
/* Deepest nesting of a message that is parsed. */
#define FB_QMP_DEPTH_MAX 16

#define FB_QMP_START_REMEDY "start QEMU with -qmp unix:PATH,server=on,wait=off and give that PATH"

/**
 * fb_now_us() - the monotonic clock.
 *
 * Return: microseconds since some moment in the past.
 */
uint64_t fb_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t fb_deadline_us(unsigned int timeout_ms)
{
	return fb_now_us() + (uint64_t)timeout_ms * 1000;
}

/**
 * fb_qmp_error() - note why a call failed.
 * @qmp: the connection.
 * @error: the error, a negative errno.
 * @remedy: what can be done about it, or NULL.
 * @format: the cause, as for printf.
 *
 * Return: @error.
 */
int fb_qmp_error(struct fb_qmp *qmp, int error, const char *remedy, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(qmp->cause, sizeof(qmp->cause), format, args);
	va_end(args);
	snprintf(qmp->remedy, sizeof(qmp->remedy), "%s", remedy ? remedy : "");
	return error;
}

static int fb_qmp_not(struct fb_qmp *qmp, const char *why)
{
	return fb_qmp_error(qmp, -EPROTO, FB_QMP_START_REMEDY, "%s is not a QMP socket: %s",
			    qmp->path, why);
}

/* Counts the signals that have come; -EINTR from the second one on. */
static int fb_qmp_read_signals(struct fb_qmp *qmp)
{
	struct signalfd_siginfo info;

	while (read(qmp->signal_fd, &info, sizeof(info)) == sizeof(info))
		qmp->interrupts++;
	if (qmp->interrupts > 1)
		return fb_qmp_error(qmp, -EINTR, NULL, "interrupted");
	return 0;
}

/**
 * fb_qmp_poll_fd() - wait for a file or a signal.
 * @qmp: the connection.
 * @fd: the file; negative for none.
 * @events: what to wait for, as for poll().
 * @deadline_us: how long at most, by fb_now_us().
 *
 * Return: 1 when the file is ready; 0 when a first signal has come; -ETIMEDOUT (without a
 * message), -EINTR or another negative errno.
 */
int fb_qmp_poll_fd(struct fb_qmp *qmp, int fd, short events, uint64_t deadline_us)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = events },
		{ .fd = qmp->signal_fd, .events = POLLIN },
	};
	uint64_t now_us;
	struct timespec left;
	int ready;

	do {
		now_us = fb_now_us();
		if (now_us >= deadline_us)
			now_us = deadline_us;
		left.tv_sec = (time_t)((deadline_us - now_us) / 1000000);
		left.tv_nsec = (long)((deadline_us - now_us) % 1000000 * 1000);
		ready = ppoll(fds, 2, &left, NULL);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return fb_qmp_error(qmp, -EPIPE, NULL, "cannot wait for %s: %s", qmp->path,
				    strerror(errno));
	if (fds[1].revents)
		return fb_qmp_read_signals(qmp);
	return ready ? 1 : -ETIMEDOUT;
}

static int fb_qmp_poll(struct fb_qmp *qmp, short events, uint64_t deadline_us)
{
	return fb_qmp_poll_fd(qmp, qmp->fd, events, deadline_us);
}

static int fb_qmp_closed(struct fb_qmp *qmp)
{
	if (!qmp->greeting)
		return fb_qmp_not(qmp, "it closed the connection without a greeting");
	return fb_qmp_error(qmp, -EPIPE, "see why QEMU has ended",
			    "QEMU closed the connection of %s", qmp->path);
}

/* Receives what is there; returns 0, also where nothing was, or a negative errno. */
static int fb_qmp_receive(struct fb_qmp *qmp)
{
	ssize_t len;

	if (qmp->line_cap - qmp->line_len < FB_QMP_CHUNK) {
		size_t cap = qmp->line_cap * 2 + FB_QMP_CHUNK;
		char *line = realloc(qmp->line, cap);

		if (!line)
			return fb_qmp_error(qmp, -ENOMEM, NULL, "out of memory");
		qmp->line = line;
		qmp->line_cap = cap;
	}
	len = recv(qmp->fd, qmp->line + qmp->line_len, FB_QMP_CHUNK, MSG_DONTWAIT);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (len <= 0)
		return fb_qmp_closed(qmp);
	qmp->line_len += (size_t)len;
	return 0;
}

/* The length of the first complete line with its end, or 0. */
static size_t fb_qmp_line(struct fb_qmp *qmp)
{
	const char *end;

	if (qmp->line_seen == qmp->line_len)
		return 0;
	end = memchr(qmp->line + qmp->line_seen, '\n', qmp->line_len - qmp->line_seen);
	if (end)
		return (size_t)(end - qmp->line) + 1;
	qmp->line_seen = qmp->line_len;
	return 0;
}

/**
 * fb_qmp_parse() - read a message.
 * @line: JSON.
 * @len: its length in bytes.
 *
 * Return: the message, to be released by the caller; NULL where it is none.
 */
json_object *fb_qmp_parse(const char *line, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(FB_QMP_DEPTH_MAX);
	json_object *message;

	if (!tokener)
		return NULL;
	message = json_tokener_parse_ex(tokener, line, (int)len);
	json_tokener_free(tokener);
	return message;
}

/* Takes the first line of @len bytes off the buffer; returns 1 and the object in it. */
static int fb_qmp_take(struct fb_qmp *qmp, size_t len, json_object **message)
{
	*message = fb_qmp_parse(qmp->line, len);
	qmp->line_len -= len;
	qmp->line_seen = 0;
	memmove(qmp->line, qmp->line + len, qmp->line_len);
	if (json_object_is_type(*message, json_type_object))
		return 1;
	json_object_put(*message);
	*message = NULL;
	return fb_qmp_not(qmp, "it sent something else than JSON objects");
}

/*
 * Waits for the next message up to @deadline_us. Returns 1 with the message, 0 when a first
 * signal came, or a negative errno; -ETIMEDOUT is without a message.
 */
static int fb_qmp_read(struct fb_qmp *qmp, uint64_t deadline_us, json_object **message)
{
	size_t len;
	int rc;

	*message = NULL;
	while (!(len = fb_qmp_line(qmp))) {
		if (qmp->line_len > FB_QMP_LINE_MAX)
			return fb_qmp_not(qmp, "it sent a line of more than 1 MiB");
		rc = fb_qmp_poll(qmp, POLLIN, deadline_us);
		if (rc <= 0)
			return rc;
		rc = fb_qmp_receive(qmp);
		if (rc)
			return rc;
	}
	/* A peer that never pauses must not outrun the deadline. */
	if (fb_now_us() > deadline_us)
		return -ETIMEDOUT;
	return fb_qmp_take(qmp, len, message);
}

static void fb_qmp_queue_event(struct fb_qmp *qmp, json_object *event)
{
	if (qmp->event_count == FB_QMP_EVENTS_MAX)
		json_object_put(fb_qmp_event(qmp));
	qmp->events[(qmp->event_head + qmp->event_count++) % FB_QMP_EVENTS_MAX] = event;
}

/**
 * fb_qmp_event() - take the oldest event from the queue.
 * @qmp: the connection.
 *
 * Return: the event, an object to be released by the caller, or NULL where there is none.
 */
json_object *fb_qmp_event(struct fb_qmp *qmp)
{
	json_object *event;

	if (!qmp->event_count)
		return NULL;
	event = qmp->events[qmp->event_head];
	qmp->event_head = (qmp->event_head + 1) % FB_QMP_EVENTS_MAX;
	qmp->event_count--;
	return event;
}

/**
 * fb_qmp_wait() - wait for an event or a signal.
 * @qmp: the connection.
 * @timeout_ms: how long at most, in milliseconds.
 *
 * Return: 1 if an event is queued; 0 if the time has passed or a signal has come, which
 * @qmp->interrupts tells; or a negative errno.
 */
int fb_qmp_wait(struct fb_qmp *qmp, unsigned int timeout_ms)
{
	uint64_t deadline_us = fb_deadline_us(timeout_ms);
	json_object *message;
	int rc;

	if (qmp->event_count)
		return 1;
	while ((rc = fb_qmp_read(qmp, deadline_us, &message)) > 0) {
		if (fb_json_child(message, "event")) {
			fb_qmp_queue_event(qmp, message);
			return 1;
		}
		json_object_put(message);
	}
	return rc == -ETIMEDOUT ? 0 : rc;
}

/**
 * fb_qmp_pause() - let time pass, taking all events from the queue.
 * @qmp: the connection.
 * @timeout_ms: how long, in milliseconds.
 * @event: name of an event that ends the pause early, or NULL. A signal ends it as well.
 *
 * Return: 0 or a negative errno.
 */
int fb_qmp_pause(struct fb_qmp *qmp, unsigned int timeout_ms, const char *event)
{
	uint64_t deadline_us = fb_deadline_us(timeout_ms), now_us;
	unsigned int interrupts = qmp->interrupts;
	json_object *message;
	bool seen = false;
	const char *name;
	int rc = 0;

	while (rc >= 0 && !seen && qmp->interrupts == interrupts &&
	       (now_us = fb_now_us()) < deadline_us) {
		rc = fb_qmp_wait(qmp, (unsigned int)((deadline_us - now_us + 999) / 1000));
		message = fb_qmp_event(qmp);
		name = fb_json_text(message, "event");
		seen = event && name && !strcmp(name, event);
		json_object_put(message);
	}
	return rc < 0 ? rc : 0;
}

static int fb_qmp_send(struct fb_qmp *qmp, const char *text, uint64_t deadline_us)
{
	size_t left = strlen(text);
	ssize_t len;
	int rc;

	while (left) {
		len = send(qmp->fd, text, left, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (len >= 0) {
			text += len;
			left -= (size_t)len;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return fb_qmp_closed(qmp);
		rc = fb_qmp_poll(qmp, POLLOUT, deadline_us);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The command as a line, under an id of its own that *id receives; NULL where memory is short. */
static char *fb_qmp_format(struct fb_qmp *qmp, const char *command, json_object *arguments,
			   uint64_t *id)
{
	json_object *message = json_object_new_object();
	char *line = NULL;

	*id = qmp->next_id++;
	fb_json_add_text(message, "execute", command);
	if (arguments)
		fb_json_add(message, "arguments", arguments);
	if (!qmp->libvirt)
		fb_json_add_u64(message, "id", *id);
	if (asprintf(&line, "%s\n",
		     json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN)) < 0)
		line = NULL;
	json_object_put(message);
	return line;
}

/* Waits for the reply to the command @id and queues the events that come before it. */
static int fb_qmp_read_reply(struct fb_qmp *qmp, uint64_t id, uint64_t deadline_us,
			     json_object **reply)
{
	uint64_t reply_id;
	int rc;

	for (;;) {
		rc = fb_qmp_read(qmp, deadline_us, reply);
		if (rc < 0)
			return rc;
		if (!rc)
			continue;
		if (fb_json_get_u64(*reply, "id", &reply_id) && reply_id == id)
			return 0;
		if (fb_json_child(*reply, "event"))
			fb_qmp_queue_event(qmp, *reply);
		else
			json_object_put(*reply);
	}
}

/* Sends a command and waits for its reply; -ETIMEDOUT is without a message. */
static int fb_qmp_exchange(struct fb_qmp *qmp, const char *command, json_object *arguments,
			   json_object **message)
{
	uint64_t deadline_us = fb_deadline_us(FB_QMP_REPLY_MS), id;
	char *line = fb_qmp_format(qmp, command, arguments, &id);
	int rc;

	if (!line)
		return fb_qmp_error(qmp, -ENOMEM, NULL, "out of memory");
	if (qmp->libvirt) {
		rc = fb_libvirt_call(qmp, line, deadline_us, message);
	} else {
		rc = fb_qmp_send(qmp, line, deadline_us);
		if (!rc)
			rc = fb_qmp_read_reply(qmp, id, deadline_us, message);
	}
	free(line);
	return rc;
}

static int fb_qmp_refused(struct fb_qmp *qmp, const char *command, const json_object *error)
{
	const char *desc = fb_json_text(error, "desc");

	return fb_qmp_error(qmp, -EREMOTEIO, NULL, "QEMU refused %s: %s", command,
			    desc ? desc : "no reason given");
}

/**
 * fb_qmp_call() - run a command and wait for its reply.
 * @qmp: the connection.
 * @command: the command's name.
 * @arguments: its arguments, whose reference is taken; may be NULL.
 * @reply: receives what it returned, to be released by the caller; may be NULL. May receive
 *         NULL where the command returned none.
 *
 * The first signal during the call is counted, the second ends it.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_qmp_call(struct fb_qmp *qmp, const char *command, json_object *arguments,
		json_object **reply)
{
	json_object *message = NULL, *error;
	int rc;

	if (reply)
		*reply = NULL;
	rc = fb_qmp_exchange(qmp, command, arguments, &message);
	if (rc == -ETIMEDOUT)
		return fb_qmp_error(qmp, rc, "see whether QEMU hangs",
				    "QEMU did not answer %s on %s within %d s", command, qmp->path,
				    FB_QMP_REPLY_MS / 1000);
	if (rc)
		return rc;
	error = fb_json_child(message, "error");
	if (error)
		rc = fb_qmp_refused(qmp, command, error);
	else if (reply)
		*reply = json_object_get(fb_json_child(message, "return"));
	json_object_put(message);
	return rc;
}

static int fb_qmp_connect_error(struct fb_qmp *qmp)
{
	const char *remedy = FB_QMP_START_REMEDY;

	if (errno == EACCES || errno == EPERM)
		remedy = "run as the user that QEMU runs as, or as root";
	else if (errno == ECONNREFUSED)
		remedy = "nobody listens there: see whether the VM still runs";
	else if (errno == EAGAIN)
		remedy = "close the other clients, or give QEMU another -qmp socket";
	return fb_qmp_error(qmp, -EPIPE, remedy, "cannot connect to %s: %s", qmp->path,
			    errno == EAGAIN ? "too many clients wait there" : strerror(errno));
}

static int fb_qmp_connect(struct fb_qmp *qmp, uint64_t deadline_us)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat status;

	if (strlen(qmp->path) >= sizeof(address.sun_path))
		return fb_qmp_error(qmp, -EPIPE, "reach it by a shorter path, such as a link",
				    "the socket's path is longer than %zu bytes",
				    sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, qmp->path);
	if (stat(qmp->path, &status))
		return fb_qmp_connect_error(qmp);
	if (!S_ISSOCK(status.st_mode))
		return fb_qmp_not(qmp, "it is not a socket");
	qmp->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (qmp->fd < 0)
		return fb_qmp_connect_error(qmp);
	while (connect(qmp->fd, (struct sockaddr *)&address, sizeof(address))) {
		if (errno == EPROTOTYPE)
			return fb_qmp_not(qmp, "it is not a stream socket");
		if ((errno != EAGAIN && errno != EINTR) || fb_now_us() >= deadline_us)
			return fb_qmp_connect_error(qmp);
		usleep(FB_QMP_RETRY_MS * 1000);
	}
	return 0;
}

static int fb_qmp_greet(struct fb_qmp *qmp, uint64_t deadline_us)
{
	int rc = fb_qmp_read(qmp, deadline_us, &qmp->greeting);

	if (rc == -ETIMEDOUT && qmp->line_len)
		return fb_qmp_not(qmp, "what it sent is no complete line");
	if (rc == -ETIMEDOUT)
		return fb_qmp_error(qmp, -EPROTO,
				    "close the other client, or give QEMU another -qmp socket",
				    "%s is not a QMP socket: it sent no greeting within %d s, or "
				    "another client holds it",
				    qmp->path, FB_QMP_GREETING_MS / 1000);
	if (rc < 0)
		return rc;
	if (!fb_json_child(qmp->greeting, "QMP"))
		return fb_qmp_not(qmp, "its first message is no QMP greeting");
	return 0;
}

/**
 * fb_qmp_init() - get a connection ready to be opened, or to be closed.
 * @qmp: the connection.
 * @path: what it leads to, for messages; must outlive the connection.
 */
void fb_qmp_init(struct fb_qmp *qmp, const char *path)
{
	memset(qmp, 0, sizeof(*qmp));
	qmp->fd = -1;
	qmp->signal_fd = -1;
	qmp->path = path;
	qmp->next_id = 1;
}

/**
 * fb_qmp_open() - connect to a QMP server and get ready for commands.
 * @qmp: the connection; to be closed in either case.
 * @path: path of the UNIX socket, which must outlive the connection.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_qmp_open(struct fb_qmp *qmp, const char *path)
{
	uint64_t deadline_us = fb_deadline_us(FB_QMP_GREETING_MS);
	int rc;

	fb_qmp_init(qmp, path);
	rc = fb_qmp_connect(qmp, deadline_us);
	if (!rc)
		rc = fb_qmp_greet(qmp, deadline_us);
	if (!rc)
		rc = fb_qmp_call(qmp, "qmp_capabilities", NULL, NULL);
	return rc;
}

/**
 * fb_qmp_catch_signals() - let SIGINT, SIGTERM and SIGHUP end waits instead of the process.
 * @qmp: the connection, whose @interrupts counts them from now on.
 *
 * Return: 0 or a negative errno.
 */
int fb_qmp_catch_signals(struct fb_qmp *qmp)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	qmp->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (qmp->signal_fd < 0 || sigprocmask(SIG_BLOCK, &signals, NULL))
		return fb_qmp_error(qmp, -errno, NULL, "cannot catch signals: %s", strerror(errno));
	return 0;
}

/**
 * fb_qmp_close() - close the connection and release what it holds.
 * @qmp: the connection, opened or not.
 */
void fb_qmp_close(struct fb_qmp *qmp)
{
	json_object *event;

	while ((event = fb_qmp_event(qmp)))
		json_object_put(event);
	json_object_put(qmp->greeting);
	free(qmp->line);
	fb_libvirt_close(qmp->libvirt);
	if (qmp->fd >= 0)
		close(qmp->fd);
	if (qmp->signal_fd >= 0)
		close(qmp->signal_fd);
}
