// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - fastballoon: resizes and migrates virtual machines that have a balloon.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const struct fb_command *const fb_commands[] = {
	&fb_command_status,  &fb_command_set,   &fb_command_stats,   &fb_command_drop_caches,
	&fb_command_compact, &fb_command_hints, &fb_command_migrate, &fb_command_qemu_args,
};

#define FB_COMMANDS (sizeof(fb_commands) / sizeof(fb_commands[0]))

static const struct fb_command *fb_find_command(const char *name)
{
	for (size_t i = 0; i < FB_COMMANDS; i++) {
		if (!strcmp(fb_commands[i]->name, name))
			return fb_commands[i];
	}
	return NULL;
}

static int fb_unknown_command(const char *name)
{
	fprintf(stderr, "fastballoon: unknown command %s; see fastballoon --help\n", name);
	return FB_EXIT_USAGE;
}

static void fb_main_help(void)
{
	printf("usage: fastballoon COMMAND [OPTION]... [OPERAND]...\n\n"
	       "Resizes and migrates QEMU virtual machines that have a memory balloon.\n\n");
	for (size_t i = 0; i < FB_COMMANDS; i++)
		printf("  %-12s %s\n", fb_commands[i]->name, fb_commands[i]->summary);
	printf("  %-12s Show the help of a command\n\n"
	       "  --version    show the version\n"
	       "  --help       show this text\n\n"
	       "Exit status: 0, 1 (failed) or 2 (usage). More in fastballoon(1).\n",
	       "help");
}

static int fb_help(int argc, char **argv)
{
	const struct fb_command *command;

	if (argc > 2) {
		fprintf(stderr, "fastballoon: help takes one command; see fastballoon --help\n");
		return FB_EXIT_USAGE;
	}
	if (argc < 2) {
		fb_main_help();
		return FB_EXIT_OK;
	}
	command = fb_find_command(argv[1]);
	if (!command)
		return fb_unknown_command(argv[1]);
	fb_cli_help(command);
	return FB_EXIT_OK;
}

static int fb_dispatch(int argc, char **argv)
{
	struct fb_cli cli = { 0 };

	if (argc < 2) {
		fprintf(stderr, "fastballoon: no command given; see fastballoon --help\n");
		return FB_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("fastballoon " FB_VERSION);
		return FB_EXIT_OK;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return fb_help(1, argv);
	if (!strcmp(argv[1], "help"))
		return fb_help(argc - 1, argv + 1);
	if (*argv[1] == '-') {
		fprintf(stderr, "fastballoon: unknown option %s; see fastballoon --help\n",
			argv[1]);
		return FB_EXIT_USAGE;
	}
	cli.command = fb_find_command(argv[1]);
	if (!cli.command)
		return fb_unknown_command(argv[1]);
	return cli.command->run(&cli, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int status = fb_dispatch(argc, argv);

	if (fflush(stdout) || ferror(stdout)) {
		perror("fastballoon: cannot write to standard output");
		return FB_EXIT_FAILED;
	}
	return status;
}
