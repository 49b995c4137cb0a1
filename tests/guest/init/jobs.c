// SPDX-License-Identifier: GPL-2.0-or-later
/* jobs.c - children of process 1 that run in the background under a name. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fb_init.h"

#define FB_JOBS_MAX 8

struct fb_job {
	char name[16];
	pid_t pid; /* 0: free */
};

static struct fb_job fb_jobs[FB_JOBS_MAX];

static struct fb_job *fb_job_find(const char *name)
{
	for (size_t i = 0; i < FB_JOBS_MAX; i++) {
		if (fb_jobs[i].pid && !strcmp(fb_jobs[i].name, name))
			return &fb_jobs[i];
	}
	return NULL;
}

static void fb_job_forget(pid_t pid)
{
	for (size_t i = 0; i < FB_JOBS_MAX; i++) {
		if (fb_jobs[i].pid == pid)
			fb_jobs[i].pid = 0;
	}
}

/** fb_set_oom_score() - how readily the kernel kills this process: -1000 (never) to 1000. */
void fb_set_oom_score(int score)
{
	char text[16];
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, (size_t)snprintf(text, sizeof(text), "%d", score)) < 0)
		perror("oom_score_adj");
	close(fd);
}

/** fb_reap_children() - collect every child that has ended. */
void fb_reap_children(void)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		fb_job_forget(pid);
}

/**
 * fb_wait_child() - wait for a child to end.
 *
 * Return: its exit status, -EINTR where a signal killed it, or another -errno.
 */
int fb_wait_child(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

/**
 * fb_job_start() - run @work(@arg) in a child of its own process group.
 *
 * Return: its process id; -EEXIST where a job of that name runs, -ENOSPC where too many run,
 * or the -errno of fork.
 */
pid_t fb_job_start(const char *name, void (*work)(void *), void *arg)
{
	struct fb_job *job = NULL;
	pid_t pid;

	fb_reap_children();
	if (fb_job_find(name))
		return -EEXIST;
	for (size_t i = 0; i < FB_JOBS_MAX && !job; i++)
		job = fb_jobs[i].pid ? NULL : &fb_jobs[i];
	if (!job)
		return -ENOSPC;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		setpgid(0, 0);
		prctl(PR_SET_NAME, name);
		work(arg);
		_exit(0);
	}
	setpgid(pid, pid);
	snprintf(job->name, sizeof(job->name), "%s", name);
	job->pid = pid;
	return pid;
}

/** fb_job_running() - whether job @name has been started and has not ended. */
bool fb_job_running(const char *name)
{
	fb_reap_children();
	return fb_job_find(name) != NULL;
}

/** fb_job_stop() - kill job @name with all its children. Returns 0, or -ESRCH. */
int fb_job_stop(const char *name)
{
	struct fb_job *job;

	fb_reap_children();
	job = fb_job_find(name);
	if (!job)
		return -ESRCH;
	kill(-job->pid, SIGKILL);
	fb_wait_child(job->pid);
	job->pid = 0;
	return 0;
}
