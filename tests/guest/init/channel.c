// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * channel.c - the line protocol between process 1 and the host.
 *
 * Request: "SEQUENCE COMMAND [ARGUMENTS]\n". Answer: any number of "SEQUENCE - TEXT\n" lines and
 * one "SEQUENCE ok TEXT\n" or "SEQUENCE err TEXT\n". The sequence is the host's and is repeated
 * as it is, so that an answer that a migration delayed is never taken for another one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "fb_init.h"

#define FB_SEQUENCE_MAX 32
#define FB_ANSWER_MAX 4096

static int fb_channel_fd = -1;
static char fb_sequence[FB_SEQUENCE_MAX];
static char fb_input[4096];
static size_t fb_input_len;

/** fb_channel_open() - use the terminal at @path, raw. Returns 0 or -errno. */
int fb_channel_open(const char *path)
{
	struct termios mode;

	fb_channel_fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fb_channel_fd < 0)
		return -errno;
	if (tcgetattr(fb_channel_fd, &mode) < 0)
		return -errno;
	cfmakeraw(&mode);
	mode.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&mode, B115200);
	return tcsetattr(fb_channel_fd, TCSANOW, &mode) < 0 ? -errno : 0;
}

/** fb_channel_set_sequence() - answers from now on carry @sequence. */
void fb_channel_set_sequence(const char *sequence)
{
	snprintf(fb_sequence, sizeof(fb_sequence), "%s", sequence);
}

static char *fb_take_line(char *line, size_t size)
{
	char *end = memchr(fb_input, '\n', fb_input_len);
	size_t len;

	if (!end)
		return NULL;
	len = (size_t)(end - fb_input);
	if (len >= size)
		len = size - 1;
	memcpy(line, fb_input, len);
	line[len] = '\0';
	fb_input_len -= (size_t)(end + 1 - fb_input);
	memmove(fb_input, end + 1, fb_input_len);
	return line;
}

/**
 * fb_channel_read_line() - wait up to a second for a line from the host.
 * @line: receives the line without its end.
 * @size: bytes of @line; a longer line is cut.
 *
 * Return: @line, or NULL when there is none yet.
 */
char *fb_channel_read_line(char *line, size_t size)
{
	struct pollfd wait = { .fd = fb_channel_fd, .events = POLLIN };
	ssize_t got;

	if (fb_take_line(line, size))
		return line;
	if (fb_input_len == sizeof(fb_input))
		fb_input_len = 0;
	if (poll(&wait, 1, 1000) <= 0)
		return NULL;
	got = read(fb_channel_fd, fb_input + fb_input_len, sizeof(fb_input) - fb_input_len);
	if (got > 0)
		fb_input_len += (size_t)got;
	return fb_take_line(line, size);
}

static void fb_send(const char *data, size_t len)
{
	while (len) {
		ssize_t sent = write(fb_channel_fd, data, len);

		if (sent < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (sent > 0) {
			data += sent;
			len -= (size_t)sent;
		}
	}
}

/** fb_reply_text() - send one line of text that belongs to the answer; no line ends in it. */
void fb_reply_text(const char *text, size_t len)
{
	char head[FB_SEQUENCE_MAX + 4];

	fb_send(head, (size_t)snprintf(head, sizeof(head), "%s - ", fb_sequence));
	fb_send(text, len);
	fb_send("\n", 1);
}

static void fb_reply(const char *kind, const char *format, va_list args)
{
	char text[FB_ANSWER_MAX];
	char line[FB_ANSWER_MAX + FB_SEQUENCE_MAX + 8];
	int len;

	vsnprintf(text, sizeof(text), format, args);
	len = snprintf(line, sizeof(line), "%s %s %s\n", fb_sequence, kind, text);
	fb_send(line, (size_t)len);
}

/** fb_reply_ok() - end the answer: the command succeeded. */
void fb_reply_ok(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fb_reply("ok", format, args);
	va_end(args);
}

/** fb_reply_error() - end the answer: the command failed. */
void fb_reply_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fb_reply("err", format, args);
	va_end(args);
}
