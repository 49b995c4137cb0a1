// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pci.c - the PCI forms of the device: generic, transitional and non-transitional.
 */
#include "balloon.h"

#define TYPE_FB_BALLOON_PCI "virtio-fastballoon-pci-base"
OBJECT_DECLARE_SIMPLE_TYPE(FbBalloonPCI, FB_BALLOON_PCI)

struct FbBalloonPCI {
	VirtIOPCIProxy parent_obj;
	FbBalloon balloon;
};

static void fb_pci_realize(VirtIOPCIProxy *proxy, Error **errp)
{
	FbBalloonPCI *pci = FB_BALLOON_PCI(proxy);

	proxy->class_code = PCI_CLASS_OTHERS;
	qdev_realize(DEVICE(&pci->balloon), BUS(&proxy->bus), errp);
}

static void fb_pci_class_init(ObjectClass *klass, void *data)
{
	PCIDeviceClass *pdc = PCI_DEVICE_CLASS(klass);
	DeviceClass *dc = DEVICE_CLASS(klass);

	VIRTIO_PCI_CLASS(klass)->realize = fb_pci_realize;
	set_bit(DEVICE_CATEGORY_MISC, dc->categories);
	pdc->vendor_id = PCI_VENDOR_ID_REDHAT_QUMRANET;
	pdc->device_id = PCI_DEVICE_ID_VIRTIO_BALLOON;
	pdc->revision = VIRTIO_PCI_ABI_VERSION;
	pdc->class_id = PCI_CLASS_OTHERS;
}

static void fb_pci_instance_init(Object *obj)
{
	FbBalloonPCI *pci = FB_BALLOON_PCI(obj);

	virtio_instance_init_common(obj, &pci->balloon, sizeof(pci->balloon), TYPE_FB_BALLOON);
	fb_properties_alias(obj, &pci->balloon);
}

static const VirtioPCIDeviceTypeInfo fb_pci_info = {
	.base_name = TYPE_FB_BALLOON_PCI,
	.generic_name = "virtio-fastballoon-pci",
	.transitional_name = "virtio-fastballoon-pci-transitional",
	.non_transitional_name = "virtio-fastballoon-pci-non-transitional",
	.instance_size = sizeof(FbBalloonPCI),
	.instance_init = fb_pci_instance_init,
	.class_init = fb_pci_class_init,
};

void fb_pci_register_types(void)
{
	virtio_pci_types_register(&fb_pci_info);
}
