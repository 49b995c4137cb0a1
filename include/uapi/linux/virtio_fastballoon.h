/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wire format of fastballoon: the extensions to the virtio balloon device.
 *
 * The standard device (virtio 1.3, section 5.5) comes from the system's
 * <linux/virtio_balloon.h>; this file adds only what docs/protocol.md specifies on top
 * of it. It is the one header that the guest module, the device core and the tests share.
 * Everything on the wire is little-endian.
 */
#ifndef _UAPI_LINUX_VIRTIO_FASTBALLOON_H
#define _UAPI_LINUX_VIRTIO_FASTBALLOON_H

#include <linux/virtio_balloon.h>

/*
 * Feature bits. Virtio leaves 24 to 49 to the transport and 0 to 23 and 50 to 127 to the
 * device type; bits 6 to 8 are claimed by competing proposals for the balloon.
 */

/* The device-writable descriptors of an inflateq or deflateq buffer are guest memory ranges. */
#define VIRTIO_FASTBALLOON_F_SG 50
/* Reserved: inflateq and deflateq buffers may carry a page bitmap. */
#define VIRTIO_FASTBALLOON_F_PAGE_BITMAP 51
/* Every write after a free page hint command id was sent is logged: hints need not be held. */
#define VIRTIO_FASTBALLOON_F_HINT_LOGGED 52
/* Reserved: a control queue carries requests to the driver and its progress. */
#define VIRTIO_FASTBALLOON_F_CTRL_VQ 53

/* Addresses and lengths of ranges are multiples of this many bytes. */
#define VIRTIO_FASTBALLOON_PAGE_SIZE (1U << VIRTIO_BALLOON_PFN_SHIFT)

/* A driver sends no more device-writable descriptors than this in one F_SG buffer. */
#define VIRTIO_FASTBALLOON_SG_MAX 256

/* A driver sends no more page frame numbers than this in one buffer of a PFN array. */
#define VIRTIO_FASTBALLOON_PFNS_MAX (1U << 16)

_Static_assert(sizeof(struct virtio_balloon_config) == 16,
	       "the configuration space ends with poison_val");
_Static_assert(sizeof(struct virtio_balloon_stat) == 10,
	       "a statistic is a packed 16 bit tag and 64 bit value");

#endif /* _UAPI_LINUX_VIRTIO_FASTBALLOON_H */
