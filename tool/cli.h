/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.h - subcommands, the options that all of them take, and their exit statuses.
 */
#ifndef FB_CLI_H
#define FB_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#define FB_EXIT_OK 0
#define FB_EXIT_FAILED 1
#define FB_EXIT_USAGE 2

/* Environment variable that names the QMP socket. */
#define FB_ENV_QMP "FASTBALLOON_QMP"

/* Longest time in seconds that an option may give: a year. */
#define FB_SECONDS_MAX (UINT64_C(366) * 24 * 3600)

/* What fb_getopt() handles itself. */
enum fb_common_option {
	FB_OPT_QMP = 0x100,
	FB_OPT_DOMAIN,
	FB_OPT_CONNECT,
	FB_OPT_JSON,
	FB_OPT_QUIET,
	FB_OPT_HELP = 'h',
	/* First value for a subcommand's own long options. */
	FB_OPT_OWN = 0x200,
};

#define FB_COMMON_OPTIONS                                               \
	{ "qmp", required_argument, NULL, FB_OPT_QMP },                 \
		{ "domain", required_argument, NULL, FB_OPT_DOMAIN },   \
		{ "connect", required_argument, NULL, FB_OPT_CONNECT }, \
		{ "json", no_argument, NULL, FB_OPT_JSON },             \
		{ "quiet", no_argument, NULL, FB_OPT_QUIET },           \
		{ "help", no_argument, NULL, FB_OPT_HELP },             \
	{                                                               \
		0                                                       \
	}

struct fb_cli;

/**
 * struct fb_command - a subcommand.
 * @name: what the operator types.
 * @operands: its operands for the usage line, or an empty string.
 * @summary: one line for the list of subcommands.
 * @options: a line for each option of its own, or an empty string.
 * @run: does it; returns the exit status. argv[0] is @name.
 */
struct fb_command {
	const char *name;
	const char *operands;
	const char *summary;
	const char *options;
	int (*run)(struct fb_cli *cli, int argc, char **argv);
};

/**
 * struct fb_cli - one call of a subcommand.
 * @command: which one.
 * @socket: path of the QMP socket, or NULL.
 * @domain: name of a libvirt domain to be used in place of the socket, or NULL.
 * @connect: libvirt's URI for that, or NULL for its default.
 * @json: write JSON.
 * @quiet: write no progress and, on success, no text.
 * @status: exit status once fb_getopt() has returned '?'.
 */
struct fb_cli {
	const struct fb_command *command;
	const char *socket;
	const char *domain;
	const char *connect;
	bool json;
	bool quiet;
	int status;
};

extern const struct fb_command fb_command_status;
extern const struct fb_command fb_command_set;
extern const struct fb_command fb_command_stats;
extern const struct fb_command fb_command_drop_caches;
extern const struct fb_command fb_command_compact;
extern const struct fb_command fb_command_hints;
extern const struct fb_command fb_command_migrate;
extern const struct fb_command fb_command_qemu_args;

void fb_cli_help(const struct fb_command *command);
int fb_getopt(struct fb_cli *cli, int argc, char **argv, const char *short_options,
	      const struct option *options);
int fb_usage(const struct fb_cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int fb_no_operands(const struct fb_cli *cli, int argc, char **argv);
int fb_option_seconds(const struct fb_cli *cli, const char *name, uint64_t min, uint64_t *seconds);

#endif /* FB_CLI_H */
