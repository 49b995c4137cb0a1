// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * discard_lock.c - a plugin with a device that forbids discards as an assigned device does.
 *
 * Assigning a device needs an IOMMU. What VFIO then does to QEMU's RAM is one call, and that is
 * what this device makes: while its property "locked" is on, RAM must not be discarded.
 */
#include "compat/qemu.h"
#include "qemu/qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static bool fb_locked;

static bool fb_lock_get(Object *obj, Error **errp)
{
	return fb_locked;
}

static void fb_lock_set(Object *obj, bool locked, Error **errp)
{
	if (locked == fb_locked)
		return;
	if (ram_block_discard_disable(locked)) {
		error_setg(errp, "discards cannot be forbidden");
		return;
	}
	fb_locked = locked;
}

static void fb_lock_class_init(ObjectClass *klass, void *data)
{
	object_class_property_add_bool(klass, "locked", fb_lock_get, fb_lock_set);
}

static const TypeInfo fb_lock_type = {
	.name = "fastballoon-test-lock",
	.parent = TYPE_DEVICE,
	.class_init = fb_lock_class_init,
};

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	type_register_static(&fb_lock_type);
	return 0;
}
