// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hostmem.c - use the host's memory as QEMU's guest memory does.
 *
 * hostmem limit MIB [small]: fill memory, give it back in one call, print the seconds that took.
 * hostmem hold MIB:          fill memory, print "ready", keep it until the process is killed.
 * hostmem send MIB:          send filled memory over loopback TCP into memory that is not
 *                            populated yet, print the seconds that took.
 * hostmem plain COMMAND...:  execute a command that gets no transparent huge pages.
 *
 * "small" asks for 4 KiB pages, otherwise for huge ones. Filling runs in several threads, since it
 * may be slow: where the host is itself a virtual machine, its hypervisor may have to provide each
 * page first.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FB_PAGE_BYTES 4096
#define FB_FILLERS 2
#define FB_SEND_BYTES ((size_t)1 << 20)

struct fb_piece {
	unsigned char *start;
	size_t bytes;
};

static double fb_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *fb_fill_piece(void *arg)
{
	struct fb_piece *piece = arg;

	for (size_t at = 0; at < piece->bytes; at += FB_PAGE_BYTES)
		piece->start[at] = 1;
	return NULL;
}

static bool fb_fill(unsigned char *memory, size_t bytes)
{
	struct fb_piece pieces[FB_FILLERS];
	pthread_t threads[FB_FILLERS];

	for (size_t i = 0; i < FB_FILLERS; i++) {
		pieces[i].start = memory + bytes / FB_FILLERS * i;
		pieces[i].bytes = bytes / FB_FILLERS;
		if (pthread_create(&threads[i], NULL, fb_fill_piece, &pieces[i]))
			return false;
	}
	for (size_t i = 0; i < FB_FILLERS; i++)
		pthread_join(threads[i], NULL);
	return true;
}

static unsigned char *fb_map(size_t bytes, int advice)
{
	unsigned char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, bytes, advice);
	return memory;
}

static unsigned char *fb_map_filled(size_t bytes, int advice)
{
	unsigned char *memory = fb_map(bytes, advice);

	return memory && fb_fill(memory, bytes) ? memory : NULL;
}

static int fb_fail(const char *what)
{
	fprintf(stderr, "hostmem: ");
	perror(what);
	return 1;
}

static int fb_limit(size_t bytes, int advice)
{
	unsigned char *memory = fb_map_filled(bytes, advice);
	double started_s;

	if (!memory)
		return fb_fail("no memory");
	started_s = fb_now_s();
	if (madvise(memory, bytes, MADV_DONTNEED))
		return fb_fail("madvise");
	printf("%.6f\n", fb_now_s() - started_s);
	return 0;
}

static int fb_hold(size_t bytes)
{
	if (!fb_map_filled(bytes, MADV_HUGEPAGE))
		return fb_fail("no memory");
	printf("ready\n");
	fflush(stdout);
	return pause();
}

/* The sender: fills its memory before it connects, so that filling is not measured. */
static int fb_send_memory(const struct sockaddr_in *address, size_t bytes)
{
	unsigned char *memory = fb_map_filled(bytes, MADV_HUGEPAGE);
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!memory)
		return fb_fail("no memory");
	if (sock < 0 || connect(sock, (const struct sockaddr *)address, sizeof(*address)))
		return fb_fail("connect");
	for (size_t at = 0; at < bytes;) {
		size_t left = bytes - at;
		ssize_t sent =
			send(sock, memory + at, left < FB_SEND_BYTES ? left : FB_SEND_BYTES, 0);

		if (sent <= 0)
			return fb_fail("send");
		at += (size_t)sent;
	}
	return 0;
}

static int fb_receive_memory(int listener, size_t bytes)
{
	unsigned char *memory = fb_map(bytes, MADV_HUGEPAGE);
	int sock = accept(listener, NULL, NULL);
	double started_s = fb_now_s();

	if (!memory)
		return fb_fail("no memory");
	if (sock < 0)
		return fb_fail("accept");
	for (size_t at = 0; at < bytes;) {
		size_t left = bytes - at;
		ssize_t got =
			recv(sock, memory + at, left < FB_SEND_BYTES ? left : FB_SEND_BYTES, 0);

		if (got <= 0)
			return fb_fail("recv");
		at += (size_t)got;
	}
	printf("%.6f\n", fb_now_s() - started_s);
	return 0;
}

static int fb_send(size_t bytes)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t parent = getpid(), pid;

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) ||
	    listen(listener, 1) || getsockname(listener, (struct sockaddr *)&address, &size))
		return fb_fail("listen");
	pid = fork();
	if (pid < 0)
		return fb_fail("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return getppid() == parent ? fb_send_memory(&address, bytes) : 1;
	}
	return fb_receive_memory(listener, bytes);
}

static int fb_plain(char **command)
{
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		return fb_fail("PR_SET_THP_DISABLE");
	execvp(command[0], command);
	return fb_fail(command[0]);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	size_t bytes = argc > 2 ? strtoul(argv[2], NULL, 10) << 20 : 0;

	if (!strcmp(mode, "plain"))
		return fb_plain(argv + 2);
	if (bytes && !strcmp(mode, "limit") && (argc == 3 || !strcmp(argv[3], "small")))
		return fb_limit(bytes, argc == 3 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	if (bytes && !strcmp(mode, "hold"))
		return fb_hold(bytes);
	if (bytes && !strcmp(mode, "send"))
		return fb_send(bytes);
	fprintf(stderr,
		"usage: hostmem limit MIB [small] | hold MIB | send MIB | plain COMMAND...\n");
	return 2;
}
