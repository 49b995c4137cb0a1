// SPDX-License-Identifier: GPL-2.0-or-later
/* init.c - first process of the test guest: prepares it, then serves the host's commands. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fb_init.h"

#define FB_CHANNEL_PATH "/dev/ttyS1"

static void fb_mount(const char *type, const char *path)
{
	mkdir(path, 0755);
	if (mount(type, path, type, 0, NULL) < 0)
		printf("init: mount %s on %s: %s\n", type, path, strerror(errno));
}

static void fb_use_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

int main(void)
{
	char line[2048];
	int rc;

	fb_mount("devtmpfs", "/dev");
	fb_use_console();
	fb_mount("proc", "/proc");
	fb_mount("sysfs", "/sys");
	fb_mount("debugfs", "/sys/kernel/debug");
	fb_mount("tmpfs", "/tmp");
	setenv("PATH", "/bin", 1);
	fb_load_boot_modules();
	rc = fb_channel_open(FB_CHANNEL_PATH);
	if (rc) {
		printf("init: %s: %s\n", FB_CHANNEL_PATH, strerror(-rc));
		return 1;
	}
	fb_channel_set_sequence("0");
	fb_reply_ok("ready");
	for (;;) {
		fb_reap_children();
		if (fb_channel_read_line(line, sizeof(line)))
			fb_run_command(line);
	}
}
