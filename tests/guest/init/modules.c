// SPDX-License-Identifier: GPL-2.0-or-later
/* modules.c - load and unload the guest's kernel modules. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fb_init.h"

/* Order in which the initramfs builder listed the modules that every guest needs. */
#define FB_BOOT_MODULES "/lib/modules/boot"

/**
 * fb_load_module() - insert /lib/modules/@name.ko.
 * @params: the module's parameters, or "".
 *
 * Return: 0, -EEXIST where it is loaded already, or another -errno.
 */
int fb_load_module(const char *name, const char *params)
{
	char path[256];
	int rc = 0;
	int fd;

	snprintf(path, sizeof(path), "/lib/modules/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, params, 0) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

/** fb_unload_module() - remove module @name. Returns 0 or -errno. */
int fb_unload_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) < 0 ? -errno : 0;
}

/** fb_load_boot_modules() - load what the list in the initramfs names, in its order. */
void fb_load_boot_modules(void)
{
	FILE *list = fopen(FB_BOOT_MODULES, "re");
	char name[128];

	if (!list)
		return;
	while (fgets(name, sizeof(name), list)) {
		int rc;

		name[strcspn(name, "\n")] = '\0';
		rc = fb_load_module(name, "");
		if (rc && rc != -EEXIST)
			printf("init: module %s: %s\n", name, strerror(-rc));
	}
	fclose(list);
}
