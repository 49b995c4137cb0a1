// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * abi.c - refusing a QEMU whose internals are not those that the binding was built for.
 *
 * QEMU promises nothing to a shared object that uses its internals. A wrong layout would
 * corrupt memory silently, so a mismatch is fatal at load time. Sizes alone prove little
 * (VirtIODevice has had the same size with another layout), so offsets are compared too: the
 * stock balloon's migration description and the property tables record them at run time.
 */
#include "compat/qemu.h"
#include "hw/virtio/virtio-balloon.h"

#include "abi.h"

#define FB_REMEDY "rebuild fastballoon.so for this QEMU: make deps && make"

static bool fb_abi_version(void)
{
	VersionInfo *found = qmp_query_version(&error_abort);
	g_autofree char *text =
		g_strdup_printf("%" PRId64 ".%" PRId64 ".%" PRId64, found->qemu->major,
				found->qemu->minor, found->qemu->micro);
	bool same = !strcmp(text, QEMU_VERSION);

	if (!same)
		error_report("fastballoon: found QEMU %s (%s), built for %s: " FB_REMEDY, text,
			     found->package, QEMU_VERSION);
	qapi_free_VersionInfo(found);
	return same;
}

static bool fb_abi_value(const char *what, uint64_t found, uint64_t expected)
{
	if (found == expected)
		return true;
	error_report("fastballoon: %s is %" PRIu64 " in the running QEMU, %" PRIu64
		     " in the one built for: " FB_REMEDY,
		     what, found, expected);
	return false;
}

static uint64_t fb_abi_vmstate_offset(const VMStateDescription *vmsd, const char *name)
{
	const VMStateField *field;

	for (field = vmsd ? vmsd->fields : NULL; field && field->name; field++) {
		if (!strcmp(field->name, name))
			return field->offset;
	}
	return UINT64_MAX;
}

static uint64_t fb_abi_property_offset(const char *type, const char *name)
{
	const Property *prop = DEVICE_CLASS(object_class_by_name(type))->props_;

	for (; prop && prop->name; prop++) {
		if (!strcmp(prop->name, name))
			return prop->offset;
	}
	return UINT64_MAX;
}

static bool fb_abi_sizes(void)
{
	return fb_abi_value("the size of virtio-device",
			    object_type_get_instance_size(TYPE_VIRTIO_DEVICE),
			    sizeof(VirtIODevice)) &&
	       fb_abi_value("the size of virtio-pci",
			    object_type_get_instance_size(TYPE_VIRTIO_PCI),
			    sizeof(VirtIOPCIProxy)) &&
	       fb_abi_value("the size of virtio-balloon-device",
			    object_type_get_instance_size(TYPE_VIRTIO_BALLOON),
			    sizeof(VirtIOBalloon)) &&
	       fb_abi_value("the size of migration", object_type_get_instance_size(TYPE_MIGRATION),
			    sizeof(MigrationState));
}

static bool fb_abi_offsets(void)
{
	VirtioDeviceClass *balloon = VIRTIO_DEVICE_CLASS(object_class_by_name(TYPE_VIRTIO_BALLOON));

	return fb_abi_value("the offset of VirtIOBalloon.actual",
			    fb_abi_vmstate_offset(balloon->vmsd, "actual"),
			    offsetof(VirtIOBalloon, actual)) &&
	       fb_abi_value("the offset of VirtIOBalloon.iothread",
			    fb_abi_property_offset(TYPE_VIRTIO_BALLOON, "iothread"),
			    offsetof(VirtIOBalloon, iothread)) &&
	       fb_abi_value("the offset of VirtIODevice.disable_legacy_check",
			    fb_abi_property_offset(TYPE_VIRTIO_DEVICE, "x-disable-legacy-check"),
			    offsetof(VirtIODevice, disable_legacy_check)) &&
	       fb_abi_value("the offset of VirtIOPCIProxy.flags",
			    fb_abi_property_offset(TYPE_VIRTIO_PCI, "page-per-vq"),
			    offsetof(VirtIOPCIProxy, flags));
}

static int fb_abi_ram_block(RAMBlock *rb, void *opaque)
{
	bool *same = opaque;

	*same = qemu_ram_get_idstr(rb) == rb->idstr && qemu_ram_get_offset(rb) == rb->offset &&
		qemu_ram_get_used_length(rb) == rb->used_length &&
		qemu_ram_get_host_addr(rb) == rb->host && qemu_ram_pagesize(rb) == rb->page_size;
	return !*same;
}

bool fb_abi_check_ram(void)
{
	bool same = true;

	foreach_not_ignored_block(fb_abi_ram_block, &same);
	return same;
}

bool fb_abi_check(void)
{
	return fb_abi_version() && fb_abi_sizes() && fb_abi_offsets();
}
