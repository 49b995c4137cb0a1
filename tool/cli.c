// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cli.c - the options that all subcommands take, their help, and usage errors.
 */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "size.h"

static const char fb_common_help[] =
	"  --qmp SOCKET          QEMU's QMP socket; default: the variable " FB_ENV_QMP "\n"
	"  --domain NAME         use this libvirt domain in place of a socket\n"
	"  --connect URI         libvirt's URI for --domain; default: libvirt's own\n"
	"  --json                write one JSON object\n"
	"  --quiet               write no progress and, on success, no text\n"
	"  -h, --help            show this text\n";

/**
 * fb_cli_help() - write a subcommand's help to standard output.
 * @command: the subcommand.
 */
void fb_cli_help(const struct fb_command *command)
{
	printf("usage: fastballoon %s [OPTION]...%s%s\n\n%s.\n\n%s%s", command->name,
	       *command->operands ? " " : "", command->operands, command->summary, command->options,
	       fb_common_help);
}

/**
 * fb_usage() - report a usage error.
 * @cli: the call.
 * @format: what is wrong with it, as for printf.
 *
 * Return: the exit status.
 */
int fb_usage(const struct fb_cli *cli, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "fastballoon: %s: ", cli->command->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; see fastballoon %s --help\n", cli->command->name);
	return FB_EXIT_USAGE;
}

static bool fb_common_option(struct fb_cli *cli, int c)
{
	switch (c) {
	case FB_OPT_QMP:
		cli->socket = optarg;
		return true;
	case FB_OPT_DOMAIN:
		cli->domain = optarg;
		return true;
	case FB_OPT_CONNECT:
		cli->connect = optarg;
		return true;
	case FB_OPT_JSON:
		cli->json = true;
		return true;
	case FB_OPT_QUIET:
		cli->quiet = true;
		return true;
	default:
		return false;
	}
}

/**
 * fb_getopt() - the next option of a subcommand's own.
 * @cli: the call, which receives the common options.
 * @argc: arguments in @argv.
 * @argv: argv[0] is the subcommand's name; operands end up last.
 * @short_options: as for getopt_long(), beginning with a colon.
 * @options: as for getopt_long(), ending with FB_COMMON_OPTIONS.
 *
 * Return: the option, with optarg set; -1 when there are no more; '?' when the subcommand has
 * to end with @cli->status, after help or a usage error was written.
 */
int fb_getopt(struct fb_cli *cli, int argc, char **argv, const char *short_options,
	      const struct option *options)
{
	int c;

	opterr = 0;
	do {
		c = getopt_long(argc, argv, short_options, options, NULL);
	} while (fb_common_option(cli, c));
	if (c == -1 && !cli->socket && !cli->domain)
		cli->socket = getenv(FB_ENV_QMP);
	switch (c) {
	case FB_OPT_HELP:
		fb_cli_help(cli->command);
		cli->status = FB_EXIT_OK;
		return '?';
	case ':':
		cli->status = fb_usage(cli, "%s needs a value", argv[optind - 1]);
		return '?';
	case '?':
		if (optopt > 0 && optopt < FB_OPT_QMP)
			cli->status = fb_usage(cli, "option -%c is not known", optopt);
		else
			cli->status = fb_usage(cli, "option %s is not known", argv[optind - 1]);
		return '?';
	default:
		return c;
	}
}

/**
 * fb_no_operands() - refuse operands.
 * @cli: the call.
 * @argc: arguments in @argv.
 * @argv: arguments after fb_getopt() has returned -1.
 *
 * Return: FB_EXIT_OK where there are none, else the exit status.
 */
int fb_no_operands(const struct fb_cli *cli, int argc, char **argv)
{
	if (optind < argc)
		return fb_usage(cli, "needless argument %s", argv[optind]);
	return FB_EXIT_OK;
}

/**
 * fb_option_seconds() - read an option's value as seconds.
 * @cli: the call.
 * @name: the option, for the message; its value is in optarg.
 * @min: least value allowed.
 * @seconds: receives the value, at most FB_SECONDS_MAX.
 *
 * Return: FB_EXIT_OK or the exit status.
 */
int fb_option_seconds(const struct fb_cli *cli, const char *name, uint64_t min, uint64_t *seconds)
{
	if (!fb_count_parse(optarg, min, FB_SECONDS_MAX, seconds))
		return FB_EXIT_OK;
	return fb_usage(cli, "%s %s is no number of seconds of at least %llu", name, optarg,
			(unsigned long long)min);
}
