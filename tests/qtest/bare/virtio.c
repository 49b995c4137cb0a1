// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio.c - PCI and virtio 1.x for a guest that has only itself. */
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "virtio.h"

#define FB_PCI_ADDRESS 0xcf8
#define FB_PCI_DATA 0xcfc
#define FB_PCI_SLOTS 32
#define FB_PCI_BARS 6
#define FB_PCI_CAPS_MAX 48

#define FB_VIRTIO_VENDOR 0x1af4
#define FB_BALLOON_TRANSITIONAL 0x1002
#define FB_BALLOON_MODERN (0x1040 + VIRTIO_ID_BALLOON)

/* The BARs of the only device: one window for each. */
#define FB_BAR_BASE 0xe0000000U
#define FB_BAR_STEP 0x100000U

static inline void fb_outl(__u16 port, __u32 value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline __u32 fb_inl(__u16 port)
{
	__u32 value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static __u32 fb_pci_read(unsigned int slot, unsigned int offset)
{
	fb_outl(FB_PCI_ADDRESS, 0x80000000U | slot << 11 | (offset & 0xfc));
	return fb_inl(FB_PCI_DATA) >> 8 * (offset & 3);
}

static void fb_pci_write(unsigned int slot, unsigned int offset, __u32 value)
{
	fb_outl(FB_PCI_ADDRESS, 0x80000000U | slot << 11 | (offset & 0xfc));
	fb_outl(FB_PCI_DATA, value);
}

static int fb_pci_find(void)
{
	unsigned int slot;

	for (slot = 0; slot < FB_PCI_SLOTS; slot++) {
		__u32 id = fb_pci_read(slot, PCI_VENDOR_ID);

		if ((id & 0xffff) == FB_VIRTIO_VENDOR &&
		    (id >> 16 == FB_BALLOON_TRANSITIONAL || id >> 16 == FB_BALLOON_MODERN))
			return slot;
	}
	return -1;
}

/* Memory BARs only; BAR n lies at FB_BAR_BASE + n * FB_BAR_STEP. */
static void fb_pci_place_bars(unsigned int slot)
{
	unsigned int bar;

	for (bar = 0; bar < FB_PCI_BARS; bar++) {
		unsigned int offset = PCI_BASE_ADDRESS_0 + 4 * bar;
		__u32 kind = fb_pci_read(slot, offset);

		if (kind & PCI_BASE_ADDRESS_SPACE_IO)
			continue;
		fb_pci_write(slot, offset, FB_BAR_BASE + bar * FB_BAR_STEP);
		if (kind & PCI_BASE_ADDRESS_MEM_TYPE_64)
			fb_pci_write(slot, PCI_BASE_ADDRESS_0 + 4 * ++bar, 0);
	}
	fb_pci_write(slot, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void fb_take_capability(struct fb_balloon *balloon, unsigned int slot, unsigned int at)
{
	__u32 bar = fb_pci_read(slot, at + VIRTIO_PCI_CAP_BAR) & 0xff;
	__u32 address =
		FB_BAR_BASE + bar * FB_BAR_STEP + fb_pci_read(slot, at + VIRTIO_PCI_CAP_OFFSET);

	switch (fb_pci_read(slot, at + VIRTIO_PCI_CAP_CFG_TYPE) & 0xff) {
	case VIRTIO_PCI_CAP_COMMON_CFG:
		balloon->common = (void *)address;
		break;
	case VIRTIO_PCI_CAP_DEVICE_CFG:
		balloon->config = (void *)address;
		break;
	case VIRTIO_PCI_CAP_NOTIFY_CFG:
		balloon->notify = (void *)address;
		balloon->notify_step = fb_pci_read(slot, at + VIRTIO_PCI_NOTIFY_CAP_MULT);
		break;
	}
}

int fb_balloon_find(struct fb_balloon *balloon)
{
	unsigned int at, count;
	int slot = fb_pci_find();

	if (slot < 0)
		return -1;
	fb_pci_place_bars(slot);
	at = fb_pci_read(slot, PCI_CAPABILITY_LIST) & 0xff;
	for (count = 0; at && count < FB_PCI_CAPS_MAX; count++) {
		if ((fb_pci_read(slot, at) & 0xff) == PCI_CAP_ID_VNDR)
			fb_take_capability(balloon, slot, at);
		at = fb_pci_read(slot, at + PCI_CAP_LIST_NEXT) & 0xff;
	}
	return balloon->common && balloon->config && balloon->notify ? 0 : -1;
}

static __u64 fb_offered(volatile struct virtio_pci_common_cfg *common)
{
	__u64 low;

	common->device_feature_select = 0;
	low = common->device_feature;
	common->device_feature_select = 1;
	return low | (__u64)common->device_feature << 32;
}

int fb_balloon_negotiate(struct fb_balloon *balloon, __u64 wanted)
{
	volatile struct virtio_pci_common_cfg *common = balloon->common;
	__u8 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	common->device_status = 0;
	common->device_status = status;
	balloon->features = fb_offered(common) & (wanted | 1ULL << VIRTIO_F_VERSION_1);
	common->guest_feature_select = 0;
	common->guest_feature = balloon->features;
	common->guest_feature_select = 1;
	common->guest_feature = balloon->features >> 32;
	common->device_status = status | VIRTIO_CONFIG_S_FEATURES_OK;
	return common->device_status & VIRTIO_CONFIG_S_FEATURES_OK ? 0 : -1;
}

void fb_balloon_queue(struct fb_balloon *balloon, __u16 index, volatile struct fb_ring *ring)
{
	volatile struct virtio_pci_common_cfg *common = balloon->common;

	common->queue_select = index;
	common->queue_size = FB_RING_ENTRIES;
	common->queue_desc_lo = (__u32)ring->desc;
	common->queue_desc_hi = 0;
	common->queue_avail_lo = (__u32)&ring->avail;
	common->queue_avail_hi = 0;
	common->queue_used_lo = (__u32)&ring->used;
	common->queue_used_hi = 0;
	common->queue_enable = 1;
}

void fb_balloon_run(struct fb_balloon *balloon)
{
	balloon->common->device_status |= VIRTIO_CONFIG_S_DRIVER_OK;
}

void fb_balloon_send(struct fb_balloon *balloon, __u16 index, volatile struct fb_ring *ring,
		     __u32 gpa, __u32 len, __u16 flags)
{
	volatile __u16 *bell;

	balloon->common->queue_select = index;
	bell = (void *)(balloon->notify + balloon->common->queue_notify_off * balloon->notify_step);
	ring->desc[0].addr = gpa;
	ring->desc[0].len = len;
	ring->desc[0].flags = flags;
	ring->avail.ring[ring->avail.idx % FB_RING_ENTRIES] = 0;
	__sync_synchronize();
	ring->avail.idx++;
	__sync_synchronize();
	*bell = index;
	while (ring->used.idx != ring->avail.idx)
		asm volatile("pause");
}
