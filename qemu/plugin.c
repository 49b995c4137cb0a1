// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * plugin.c - the entry point: qemu -plugin fastballoon.so[,tcg-flush=auto|on|off].
 *
 * QEMU loads plugins before it creates devices, and its executable exports its symbols, so a
 * plugin may register device types. Nothing else of the plugin interface is used, and no
 * translated code is instrumented.
 */
#include "compat/qemu.h"
#include "qemu/qemu-plugin.h"

#include "abi.h"
#include "balloon.h"
#include "dirty_log.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static bool fb_parse_args(int argc, char **argv, enum fb_tcg_flush *flush)
{
	static const char *const args[] = {
		[FB_TCG_FLUSH_AUTO] = "tcg-flush=auto",
		[FB_TCG_FLUSH_ON] = "tcg-flush=on",
		[FB_TCG_FLUSH_OFF] = "tcg-flush=off",
	};
	int i;
	size_t mode;

	for (i = 0; i < argc; i++) {
		for (mode = 0; mode < ARRAY_SIZE(args); mode++) {
			if (!strcmp(argv[i], args[mode]))
				break;
		}
		if (mode == ARRAY_SIZE(args)) {
			error_report("fastballoon: unknown argument '%s': "
				     "use tcg-flush=auto, tcg-flush=on or tcg-flush=off",
				     argv[i]);
			return false;
		}
		*flush = mode;
	}
	return true;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	enum fb_tcg_flush flush = FB_TCG_FLUSH_AUTO;

	if (!fb_abi_check() || !fb_parse_args(argc, argv, &flush))
		return -1;
	fb_dirty_log_init(flush);
	fb_balloon_register_types();
	fb_pci_register_types();
	return 0;
}
