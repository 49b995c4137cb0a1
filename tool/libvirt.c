// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libvirt.c - QEMU's machine protocol (QMP) through libvirt, for VMs that are its domains.
 *
 * libvirt holds its domains' QMP sockets; it passes commands of others on, and marks the domain as
 * tainted by that. Its client library is loaded when a domain is named, so that neither building
 * nor running this program for a plain QEMU takes it.
 *
 * The library's functions block, for as long as the daemon likes. Each call is made by a thread of
 * its own, for which we wait up to the deadline; a thread that is late is left behind, with all
 * that it uses, until the process ends. Nothing else is called after that.
 */
#include "libvirt.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FB_LIBVIRT_LIBRARY "libvirt.so.0"
#define FB_LIBVIRT_LIBRARY_QEMU "libvirt-qemu.so.0"

#define FB_LIBVIRT_OPEN_MS 30000

/*
 * The functions that are used, as libvirt's manual describes them; its connections and domains are
 * opaque. This interface has not changed since version 0.8.3.
 */
struct fb_libvirt_api {
	void *(*open)(const char *uri);
	int (*close)(void *connection);
	void *(*lookup)(void *connection, const char *name);
	int (*put)(void *domain);
	int (*command)(void *domain, const char *command, char **reply, unsigned int flags);
	const char *(*message)(void);
	void (*on_error)(void *data, void (*handler)(void *data, void *error));
};

static const struct {
	const char *name;
	size_t offset;
	bool qemu;
} fb_libvirt_symbols[] = {
	{ "virConnectOpen", offsetof(struct fb_libvirt_api, open), false },
	{ "virConnectClose", offsetof(struct fb_libvirt_api, close), false },
	{ "virDomainLookupByName", offsetof(struct fb_libvirt_api, lookup), false },
	{ "virDomainFree", offsetof(struct fb_libvirt_api, put), false },
	{ "virDomainQemuMonitorCommand", offsetof(struct fb_libvirt_api, command), true },
	{ "virGetLastErrorMessage", offsetof(struct fb_libvirt_api, message), false },
	{ "virSetErrorFunc", offsetof(struct fb_libvirt_api, on_error), false },
};

/**
 * struct fb_libvirt - a domain of libvirt's.
 * @api: the library's functions.
 * @uri: where the daemon is, or NULL for libvirt's default.
 * @name: the domain's name.
 * @connection: the connection, or NULL.
 * @domain: the domain, or NULL.
 * @done_fd: an eventfd that a thread writes to when it is through.
 * @late: whether a thread was left behind.
 * @command: what the thread is to send.
 * @reply: what came back, to be freed; NULL where the call failed.
 * @error: why it failed.
 */
struct fb_libvirt {
	struct fb_libvirt_api api;
	const char *uri;
	const char *name;
	void *connection;
	void *domain;
	int done_fd;
	bool late;
	char *command;
	char *reply;
	char error[256];
};

/* The library would write its errors to standard error by itself. */
static void fb_libvirt_ignore(void *data, void *error)
{
	(void)data;
	(void)error;
}

static int fb_libvirt_load(struct fb_qmp *qmp, struct fb_libvirt_api *api)
{
	void *library = dlopen(FB_LIBVIRT_LIBRARY, RTLD_NOW);
	void *qemu = library ? dlopen(FB_LIBVIRT_LIBRARY_QEMU, RTLD_NOW) : NULL;
	void *symbol;

	if (!qemu)
		return fb_qmp_error(qmp, -EPIPE, "install it (Debian: libvirt0), or give --qmp",
				    "cannot load libvirt's library: %s", dlerror());
	for (size_t i = 0; i < sizeof(fb_libvirt_symbols) / sizeof(fb_libvirt_symbols[0]); i++) {
		symbol = dlsym(fb_libvirt_symbols[i].qemu ? qemu : library,
			       fb_libvirt_symbols[i].name);
		if (!symbol)
			return fb_qmp_error(qmp, -EPIPE, "give --qmp",
					    "libvirt's library has no %s",
					    fb_libvirt_symbols[i].name);
		memcpy((char *)api + fb_libvirt_symbols[i].offset, &symbol, sizeof(symbol));
	}
	api->on_error(NULL, fb_libvirt_ignore);
	return 0;
}

static void *fb_libvirt_done(struct fb_libvirt *libvirt, bool ok)
{
	uint64_t one = 1;

	if (!ok)
		snprintf(libvirt->error, sizeof(libvirt->error), "%s", libvirt->api.message());
	/* An eventfd takes its first write at once. */
	if (write(libvirt->done_fd, &one, sizeof(one)) != sizeof(one))
		abort();
	return NULL;
}

static void *fb_libvirt_connect_thread(void *opaque)
{
	struct fb_libvirt *libvirt = opaque;

	libvirt->connection = libvirt->api.open(libvirt->uri);
	return fb_libvirt_done(libvirt, libvirt->connection);
}

static void *fb_libvirt_lookup_thread(void *opaque)
{
	struct fb_libvirt *libvirt = opaque;

	libvirt->domain = libvirt->api.lookup(libvirt->connection, libvirt->name);
	return fb_libvirt_done(libvirt, libvirt->domain);
}

static void *fb_libvirt_command_thread(void *opaque)
{
	struct fb_libvirt *libvirt = opaque;
	int rc = libvirt->api.command(libvirt->domain, libvirt->command, &libvirt->reply, 0);

	return fb_libvirt_done(libvirt, rc >= 0 && libvirt->reply);
}

/* Lets a thread do its work; 0, -ETIMEDOUT without a message, or another negative errno. */
static int fb_libvirt_run(struct fb_qmp *qmp, void *(*work)(void *), uint64_t deadline_us)
{
	struct fb_libvirt *libvirt = qmp->libvirt;
	pthread_t thread;
	uint64_t count;
	int rc;

	if (libvirt->late)
		return -ETIMEDOUT;
	if (pthread_create(&thread, NULL, work, libvirt))
		return fb_qmp_error(qmp, -ENOMEM, NULL, "cannot start a thread");
	do {
		rc = fb_qmp_poll_fd(qmp, libvirt->done_fd, POLLIN, deadline_us);
	} while (!rc);
	if (rc < 0) {
		libvirt->late = true;
		pthread_detach(thread);
		return rc;
	}
	pthread_join(thread, NULL);
	return read(libvirt->done_fd, &count, sizeof(count)) == sizeof(count) ? 0 : -EPIPE;
}

static int fb_libvirt_connect(struct fb_qmp *qmp, uint64_t deadline_us)
{
	struct fb_libvirt *libvirt = qmp->libvirt;
	const char *where = libvirt->uri ? libvirt->uri : "its default URI";
	int rc = fb_libvirt_run(qmp, fb_libvirt_connect_thread, deadline_us);

	if (!rc && !libvirt->connection)
		return fb_qmp_error(qmp, -EPIPE,
				    "see that its daemon runs, and give its URI with --connect",
				    "cannot connect to libvirt at %s: %s", where, libvirt->error);
	if (!rc)
		rc = fb_libvirt_run(qmp, fb_libvirt_lookup_thread, deadline_us);
	if (!rc && !libvirt->domain)
		return fb_qmp_error(qmp, -EPIPE, "virsh list --all shows the domains",
				    "libvirt at %s has no such domain: %s", where, libvirt->error);
	if (rc == -ETIMEDOUT)
		return fb_qmp_error(qmp, rc, "see whether its daemon hangs",
				    "libvirt at %s did not answer within %d s", where,
				    FB_LIBVIRT_OPEN_MS / 1000);
	return rc;
}

/* What a QMP server's greeting tells; libvirt has had that itself. */
static int fb_libvirt_greet(struct fb_qmp *qmp)
{
	json_object *version, *greeting;
	int rc = fb_qmp_call(qmp, "query-version", NULL, &version);

	if (rc)
		return rc;
	qmp->greeting = json_object_new_object();
	greeting = json_object_new_object();
	fb_json_add(greeting, "version", version);
	fb_json_add(qmp->greeting, "QMP", greeting);
	return 0;
}

/**
 * fb_libvirt_open() - connect to a domain of libvirt's and get ready for commands.
 * @qmp: the connection; to be closed in either case.
 * @uri: where the daemon is, or NULL for libvirt's default.
 * @domain: the domain's name, which must outlive the connection like @uri.
 *
 * There are no events: pauses last as long as they may.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_libvirt_open(struct fb_qmp *qmp, const char *uri, const char *domain)
{
	struct fb_libvirt *libvirt = calloc(1, sizeof(*libvirt));
	int rc;

	fb_qmp_init(qmp, domain);
	if (!libvirt)
		return fb_qmp_error(qmp, -ENOMEM, NULL, "out of memory");
	qmp->libvirt = libvirt;
	libvirt->uri = uri;
	libvirt->name = domain;
	libvirt->done_fd = eventfd(0, EFD_CLOEXEC);
	if (libvirt->done_fd < 0)
		return fb_qmp_error(qmp, -errno, NULL, "cannot make an eventfd: %s",
				    strerror(errno));
	rc = fb_libvirt_load(qmp, &libvirt->api);
	if (!rc)
		rc = fb_libvirt_connect(qmp, fb_now_us() + FB_LIBVIRT_OPEN_MS * 1000);
	return rc ? rc : fb_libvirt_greet(qmp);
}

/**
 * fb_libvirt_call() - send a command and wait for its reply.
 * @qmp: the connection.
 * @line: the command, an object in JSON.
 * @deadline_us: when to give it up, by fb_now_us().
 * @message: receives the reply with its "return" or "error", to be released by the caller.
 *
 * Return: 0 or a negative errno, see qmp.h; -ETIMEDOUT is without a message.
 */
int fb_libvirt_call(struct fb_qmp *qmp, const char *line, uint64_t deadline_us,
		    json_object **message)
{
	struct fb_libvirt *libvirt = qmp->libvirt;
	int rc;

	if (!libvirt->late) {
		free(libvirt->command);
		free(libvirt->reply);
		libvirt->reply = NULL;
		libvirt->command = strdup(line);
	}
	rc = fb_libvirt_run(qmp, fb_libvirt_command_thread, deadline_us);
	if (rc)
		return rc;
	if (!libvirt->reply)
		return fb_qmp_error(qmp, -EPIPE, "see virsh list --all, and libvirt's log",
				    "libvirt did not pass a command on: %s", libvirt->error);
	*message = fb_qmp_parse(libvirt->reply, strlen(libvirt->reply));
	if (json_object_is_type(*message, json_type_object))
		return 0;
	json_object_put(*message);
	*message = NULL;
	return fb_qmp_error(qmp, -EPROTO, "see libvirt's log", "libvirt gave a reply that is none");
}

/**
 * fb_libvirt_close() - close the connection and release what it holds.
 * @libvirt: the domain, or NULL; what a late thread uses is left to it.
 */
void fb_libvirt_close(struct fb_libvirt *libvirt)
{
	if (!libvirt || libvirt->late)
		return;
	if (libvirt->domain)
		libvirt->api.put(libvirt->domain);
	if (libvirt->connection)
		libvirt->api.close(libvirt->connection);
	if (libvirt->done_fd >= 0)
		close(libvirt->done_fd);
	free(libvirt->command);
	free(libvirt->reply);
	free(libvirt);
}
