// SPDX-License-Identifier: GPL-2.0-or-later
/* commands.c - what the host can ask of process 1. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "fb_init.h"

struct fb_command {
	const char *name;
	void (*run)(char *args);
};

static void fb_reply_result(int rc)
{
	if (rc < 0)
		fb_reply_error("%s", strerror(-rc));
	else
		fb_reply_ok("%d", rc);
}

/* The next word of *@args, or "" at the end. */
static char *fb_next_word(char **args)
{
	char *word = *args + strspn(*args, " ");
	char *end = word + strcspn(word, " ");

	*args = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static uint64_t fb_next_number(char **args)
{
	return strtoull(fb_next_word(args), NULL, 0);
}

static void fb_reply_stream(FILE *stream)
{
	char line[4096];

	while (fgets(line, sizeof(line), stream))
		fb_reply_text(line, strcspn(line, "\n"));
}

static void fb_cmd_ping(char *args)
{
	fb_reply_ok("%s", args);
}

static void fb_cmd_insmod(char *args)
{
	char *name = fb_next_word(&args);

	fb_reply_result(fb_load_module(name, args));
}

static void fb_cmd_rmmod(char *args)
{
	fb_reply_result(fb_unload_module(fb_next_word(&args)));
}

static void fb_cmd_read(char *args)
{
	FILE *file = fopen(fb_next_word(&args), "re");

	if (!file) {
		fb_reply_result(-errno);
		return;
	}
	fb_reply_stream(file);
	fclose(file);
	fb_reply_ok("%s", "");
}

static void fb_cmd_write(char *args)
{
	int fd = open(fb_next_word(&args), O_WRONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0 || write(fd, args, strlen(args)) < 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	fb_reply_result(rc);
}

static void fb_cmd_touch(char *args)
{
	uint64_t bytes = fb_next_number(&args);

	fb_reply_result(fb_touch(bytes, (unsigned int)fb_next_number(&args)));
}

static void fb_cmd_hold(char *args)
{
	fb_reply_result(fb_hold_start(fb_next_number(&args)));
}

static void fb_cmd_fragment(char *args)
{
	uint64_t bytes = fb_next_number(&args);

	fb_reply_result(fb_fragment_start(bytes, (unsigned int)fb_next_number(&args)));
}

static void fb_cmd_files(char *args)
{
	fb_reply_result(fb_files_make(fb_next_number(&args)));
}

static void fb_cmd_thin(char *args)
{
	fb_reply_result(fb_files_thin((unsigned int)fb_next_number(&args)));
}

static void fb_cmd_cache(char *args)
{
	fb_reply_result(fb_cache_start(fb_next_number(&args)));
}

static void fb_cmd_storm(char *args)
{
	unsigned int processes = (unsigned int)fb_next_number(&args);

	fb_reply_result(fb_storm_start(processes, fb_next_number(&args)));
}

static void fb_cmd_verify(char *args)
{
	uint64_t bytes = fb_next_number(&args);

	fb_reply_result(fb_verify_start(bytes, (unsigned int)fb_next_number(&args)));
}

static void fb_cmd_corrupt(char *args)
{
	fb_reply_result(fb_verify_corrupt(fb_next_number(&args)));
}

static void fb_cmd_rate(char *args)
{
	fb_reply_result(fb_verify_set_rate((unsigned int)fb_next_number(&args)));
}

static void fb_cmd_verdict(char *args)
{
	char text[512];
	int rc = fb_verify_status(text, sizeof(text));

	if (rc)
		fb_reply_result(rc);
	else
		fb_reply_ok("%s", text);
}

/* "flagged BIT FIRST END" answers with the number of page frames that have the flag. */
static void fb_cmd_flagged(char *args)
{
	unsigned int bit = (unsigned int)fb_next_number(&args);
	uint64_t first = fb_next_number(&args);
	int64_t count = fb_pageflags_count(bit, first, fb_next_number(&args));

	if (count < 0)
		fb_reply_result((int)count);
	else
		fb_reply_ok("%" PRId64, count);
}

static void fb_cmd_fresh(char *args)
{
	fb_reply_result(fb_check_fresh(fb_next_number(&args)));
}

static void fb_cmd_work(char *args)
{
	fb_reply_result(fb_work_start(fb_next_number(&args)));
}

static void fb_cmd_work_verdict(char *args)
{
	char text[512];
	int rc = fb_work_status(text, sizeof(text));

	if (rc)
		fb_reply_result(rc);
	else
		fb_reply_ok("%s", text);
}

static void fb_cmd_running(char *args)
{
	fb_reply_ok("%d", fb_job_running(fb_next_word(&args)));
}

static void fb_cmd_stop(char *args)
{
	fb_reply_result(fb_job_stop(fb_next_word(&args)));
}

/* Answers with the shell's output and its exit status. */
static void fb_cmd_sh(char *args)
{
	int pipe_fds[2];
	FILE *output;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
		fb_reply_result(-errno);
		return;
	}
	pid = fork();
	if (!pid) {
		dup2(pipe_fds[1], STDOUT_FILENO);
		dup2(pipe_fds[1], STDERR_FILENO);
		execl("/bin/busybox", "sh", "-c", args, NULL);
		_exit(127);
	}
	close(pipe_fds[1]);
	output = fdopen(pipe_fds[0], "r");
	if (output) {
		fb_reply_stream(output);
		fclose(output);
	}
	fb_reply_result(pid < 0 ? -EAGAIN : fb_wait_child(pid));
}

static void fb_cmd_poweroff(char *args)
{
	fb_reply_ok("%s", "");
	sync();
	reboot(RB_POWER_OFF);
}

static const struct fb_command fb_commands[] = {
	{ "ping", fb_cmd_ping },       { "insmod", fb_cmd_insmod },
	{ "rmmod", fb_cmd_rmmod },     { "read", fb_cmd_read },
	{ "write", fb_cmd_write },     { "touch", fb_cmd_touch },
	{ "hold", fb_cmd_hold },       { "fragment", fb_cmd_fragment },
	{ "storm", fb_cmd_storm },     { "verify", fb_cmd_verify },
	{ "rate", fb_cmd_rate },       { "corrupt", fb_cmd_corrupt },
	{ "verdict", fb_cmd_verdict }, { "running", fb_cmd_running },
	{ "stop", fb_cmd_stop },       { "sh", fb_cmd_sh },
	{ "files", fb_cmd_files },     { "thin", fb_cmd_thin },
	{ "cache", fb_cmd_cache },     { "flagged", fb_cmd_flagged },
	{ "fresh", fb_cmd_fresh },     { "poweroff", fb_cmd_poweroff },
	{ "work", fb_cmd_work },       { "work_verdict", fb_cmd_work_verdict },
};

/** fb_run_command() - run one line from the host, "SEQUENCE COMMAND [ARGUMENTS]", and answer. */
void fb_run_command(char *line)
{
	char *name;

	fb_channel_set_sequence(fb_next_word(&line));
	name = fb_next_word(&line);
	for (size_t i = 0; i < sizeof(fb_commands) / sizeof(fb_commands[0]); i++) {
		if (!strcmp(name, fb_commands[i].name)) {
			fb_commands[i].run(line);
			return;
		}
	}
	fb_reply_error("unknown command %s", name);
}
