// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * output.c - results, failures and progress, for people and as JSON.
 *
 * Text that comes from QEMU may come from someone else: control characters never reach the
 * terminal.
 */
#include "output.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "size.h"

/* Longest line that is written. */
#define FB_LINE_MAX 1024
/* Column at which the values of a list begin. */
#define FB_FIELD_COLUMN 22

static void fb_vformat(char line[FB_LINE_MAX], const char *format, va_list args)
{
	vsnprintf(line, FB_LINE_MAX, format, args);
	for (; *line; line++) {
		if ((unsigned char)*line < ' ' || *line == 0x7f)
			*line = '?';
	}
}

/**
 * fb_field() - write a line of a list of names and values to standard output.
 * @label: the name.
 * @format: the value, as for printf.
 */
void fb_field(const char *label, const char *format, ...)
{
	char line[FB_LINE_MAX];
	va_list args;

	va_start(args, format);
	fb_vformat(line, format, args);
	va_end(args);
	printf("%-*s %s\n", FB_FIELD_COLUMN, label, line);
}

/**
 * fb_numbers() - write a list of numbers with their names to standard output.
 * @numbers: what to write, in this order; what @values does not hold is left out.
 * @count: elements of @numbers.
 * @values: an object that holds them.
 */
void fb_numbers(const struct fb_number *numbers, size_t count, const json_object *values)
{
	char text[FB_TEXT_MAX];
	uint64_t value;

	for (size_t i = 0; i < count; i++) {
		if (!fb_json_get_u64(values, numbers[i].name, &value) || value == FB_NUMBER_NONE)
			continue;
		if (numbers[i].bytes)
			fb_size_format(value, text);
		else
			fb_count_format(value, text);
		fb_field(numbers[i].label, "%s", text);
	}
}

/**
 * fb_say() - write a line to standard output, unless the call is quiet or wants JSON.
 * @cli: the call.
 * @format: the line, as for printf.
 */
void fb_say(const struct fb_cli *cli, const char *format, ...)
{
	char line[FB_LINE_MAX];
	va_list args;

	if (cli->json || cli->quiet)
		return;
	va_start(args, format);
	fb_vformat(line, format, args);
	va_end(args);
	printf("%s\n", line);
}

/**
 * fb_warn() - write a warning to standard error, unless the call is quiet or wants JSON.
 * @cli: the call.
 * @format: the warning, as for printf.
 */
void fb_warn(const struct fb_cli *cli, const char *format, ...)
{
	char line[FB_LINE_MAX];
	va_list args;

	if (cli->json || cli->quiet)
		return;
	va_start(args, format);
	fb_vformat(line, format, args);
	va_end(args);
	fprintf(stderr, "fastballoon: warning: %s\n", line);
}

/**
 * fb_result() - write a result as JSON where the call wants that.
 * @cli: the call.
 * @result: the object, whose reference is taken.
 *
 * Return: FB_EXIT_OK.
 */
int fb_result(const struct fb_cli *cli, json_object *result)
{
	if (cli->json)
		puts(json_object_to_json_string_ext(
			result, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
					JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(result);
	return FB_EXIT_OK;
}

/**
 * fb_fail() - report a failure: a line on standard error, and an object where JSON is wanted.
 * @cli: the call.
 * @result: members to be shown beside the error, whose reference is taken; may be NULL.
 * @remedy: what the operator can do; NULL or empty where nothing is known.
 * @format: the cause, as for printf.
 *
 * Return: the exit status.
 */
int fb_fail(const struct fb_cli *cli, json_object *result, const char *remedy, const char *format,
	    ...)
{
	json_object *error = json_object_new_object();
	char cause[FB_LINE_MAX];
	va_list args;

	va_start(args, format);
	fb_vformat(cause, format, args);
	va_end(args);
	if (remedy && !*remedy)
		remedy = NULL;
	fprintf(stderr, "fastballoon: %s%s%s\n", cause, remedy ? "; " : "", remedy ? remedy : "");
	if (!result)
		result = json_object_new_object();
	fb_json_add_text(error, "cause", cause);
	fb_json_add_text(error, "remedy", remedy);
	fb_json_add(result, "error", error);
	fb_result(cli, result);
	return FB_EXIT_FAILED;
}

/**
 * fb_fail_qmp() - report that a QMP function failed.
 * @cli: the call.
 * @qmp: the connection, which knows the cause.
 *
 * Return: the exit status.
 */
int fb_fail_qmp(const struct fb_cli *cli, const struct fb_qmp *qmp)
{
	return fb_fail(cli, NULL, qmp->remedy, "%s", qmp->cause);
}

/**
 * fb_progress_init() - get ready to show progress, or not to.
 * @cli: the call.
 * @progress: the line.
 */
void fb_progress_init(const struct fb_cli *cli, struct fb_progress *progress)
{
	progress->on = !cli->json && !cli->quiet && isatty(STDERR_FILENO);
	progress->drawn = false;
}

/**
 * fb_progress_draw() - draw the line in place of the last one, as much as the terminal takes.
 * @progress: the line.
 * @format: the text, as for printf.
 */
void fb_progress_draw(struct fb_progress *progress, const char *format, ...)
{
	struct winsize terminal;
	char line[FB_LINE_MAX];
	va_list args;

	if (!progress->on)
		return;
	va_start(args, format);
	fb_vformat(line, format, args);
	va_end(args);
	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &terminal) && terminal.ws_col > 1 &&
	    terminal.ws_col <= strlen(line))
		line[terminal.ws_col - 1] = '\0';
	fprintf(stderr, "\r%s\033[K", line);
	fflush(stderr);
	progress->drawn = true;
}

/**
 * fb_progress_clear() - remove the line, before other text is written.
 * @progress: the line.
 */
void fb_progress_clear(struct fb_progress *progress)
{
	if (progress->drawn)
		fputs("\r\033[K", stderr);
	progress->drawn = false;
}
