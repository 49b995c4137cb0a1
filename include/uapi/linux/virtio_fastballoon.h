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
/* Device-readable buffers that name pages start with a header; one format is a page bitmap. */
#define VIRTIO_FASTBALLOON_F_PAGE_BITMAP 51
/* Every write after a free page hint command id was sent is logged: hints need not be held. */
#define VIRTIO_FASTBALLOON_F_HINT_LOGGED 52
/* Two more queues carry requests to the driver, and its replies and progress to the device. */
#define VIRTIO_FASTBALLOON_F_CTRL_VQ 53

/* Addresses and lengths of ranges are multiples of this many bytes. */
#define VIRTIO_FASTBALLOON_PAGE_SIZE (1U << VIRTIO_BALLOON_PFN_SHIFT)

/* A driver sends no more device-writable descriptors than this in one F_SG buffer. */
#define VIRTIO_FASTBALLOON_SG_MAX 256

/* A driver sends no more page frame numbers than this in one buffer of a PFN array. */
#define VIRTIO_FASTBALLOON_PFNS_MAX (1U << 16)

/*
 * With F_PAGE_BITMAP: the start of a device-readable buffer of inflateq or deflateq, and of one
 * of the free page queue that is no command id.
 */
struct virtio_fastballoon_pages {
	__le16 format; /* VIRTIO_FASTBALLOON_PAGES_* */
	__le16 reserved;
	__le32 count; /* of what follows: page frame numbers, or records */
};

/* le32 page frame numbers follow; not on the free page queue. */
#define VIRTIO_FASTBALLOON_PAGES_PFNS 1
/* Records follow, then the bitmap of each record in the same order. */
#define VIRTIO_FASTBALLOON_PAGES_BITMAP 2

/* Bit n, that is bit n % 8 of byte n / 8 of the bitmap, stands for page start_pfn + n. */
struct virtio_fastballoon_bitmap {
	__le64 start_pfn;
	__le32 bits; /* the bitmap is padded with zero bits to a multiple of 64 */
	__le32 reserved;
};

/* Bits of a bitmap are padded to a multiple of this. */
#define VIRTIO_FASTBALLOON_BITMAP_ALIGN 64
/* Bits in all bitmaps of a buffer, padding included: 16 KiB of bitmap, 512 MiB of memory. */
#define VIRTIO_FASTBALLOON_BITMAP_BITS_MAX (1U << 17)
/* Records in a buffer: with the header they fit into a page. */
#define VIRTIO_FASTBALLOON_BITMAP_RECORDS_MAX 255

/* With F_CTRL_VQ, device to driver on the requestq: what the host asks for. */
struct virtio_fastballoon_request {
	__le16 type;  /* VIRTIO_FASTBALLOON_REQ_* */
	__le16 flags; /* of the type */
	__le32 id;    /* never 0 */
	__le32 arg[2];
};

/* A driver's buffers on the requestq have at least so many bytes; a device writes fewer. */
#define VIRTIO_FASTBALLOON_REQUEST_ROOM 64

/* A hint round begins. arg: command id, minimum order of a hint. */
#define VIRTIO_FASTBALLOON_REQ_HINT_START 1
/* The round ends. arg: command id of the round. */
#define VIRTIO_FASTBALLOON_REQ_HINT_STOP 2
/* The migration is over. arg: command id of its last round. */
#define VIRTIO_FASTBALLOON_REQ_HINT_DONE 3
/* Drop clean caches. arg: VIRTIO_FASTBALLOON_CACHE_*. */
#define VIRTIO_FASTBALLOON_REQ_DROP_CACHES 4
/* Compact free memory. */
#define VIRTIO_FASTBALLOON_REQ_COMPACT 5
/* Go to the target and say how far it went. arg: target in pages, time limit in ms or 0. */
#define VIRTIO_FASTBALLOON_REQ_INFLATE 6

/* HINT_START: keep what is hinted until HINT_DONE. */
#define VIRTIO_FASTBALLOON_HINT_HELD (1U << 0)
/* INFLATE: go as far as possible, then stop trying. */
#define VIRTIO_FASTBALLOON_INFLATE_BEST_EFFORT (1U << 0)

/* DROP_CACHES: which, at least one. */
#define VIRTIO_FASTBALLOON_CACHE_PAGES (1U << 0)
#define VIRTIO_FASTBALLOON_CACHE_SLAB (1U << 1)

/* With F_CTRL_VQ, driver to device on the messageq: the answer to a request. */
struct virtio_fastballoon_reply {
	__le16 type;   /* VIRTIO_FASTBALLOON_MSG_REPLY */
	__le16 status; /* VIRTIO_FASTBALLOON_STATUS_* */
	__le32 id;     /* of the request */
	__le64 figure; /* bytes; its meaning depends on the request */
};

/* With F_CTRL_VQ, driver to device on the messageq: how far the balloon is, and why. */
struct virtio_fastballoon_progress {
	__le16 type;   /* VIRTIO_FASTBALLOON_MSG_PROGRESS */
	__le16 reason; /* VIRTIO_FASTBALLOON_REASON_* */
	__le32 flags;  /* VIRTIO_FASTBALLOON_PROGRESS_* */
	__le32 target_pages;
	__le32 actual_pages;
	__le32 reachable_pages; /* largest balloon that the driver believes possible now */
};

#define VIRTIO_FASTBALLOON_MSG_REPLY 1
#define VIRTIO_FASTBALLOON_MSG_PROGRESS 2

#define VIRTIO_FASTBALLOON_STATUS_OK 0
#define VIRTIO_FASTBALLOON_STATUS_PARTIAL 1       /* done as far as possible */
#define VIRTIO_FASTBALLOON_STATUS_BUSY 2          /* not now; nothing was done */
#define VIRTIO_FASTBALLOON_STATUS_NOT_SUPPORTED 3 /* unknown type, or not in this guest */
#define VIRTIO_FASTBALLOON_STATUS_INVALID 4       /* arguments out of range */
#define VIRTIO_FASTBALLOON_STATUS_CANCELED 5      /* overtaken by a later request or target */
#define VIRTIO_FASTBALLOON_STATUS_TIMEOUT 6       /* the request's time limit has passed */
#define VIRTIO_FASTBALLOON_STATUS_NO_MEMORY 7     /* could not be done for lack of memory */
#define VIRTIO_FASTBALLOON_STATUS_DENIED 8        /* the guest's policy forbids it */
#define VIRTIO_FASTBALLOON_STATUS_FAILED 9        /* any other failure */

#define VIRTIO_FASTBALLOON_REASON_NONE 0          /* going on, or at the target */
#define VIRTIO_FASTBALLOON_REASON_WATERMARK 1     /* more would touch the guest's reserves */
#define VIRTIO_FASTBALLOON_REASON_FRAGMENTATION 2 /* free memory is in too small blocks */
#define VIRTIO_FASTBALLOON_REASON_ALLOCATION 3    /* the guest's allocator gave nothing */
#define VIRTIO_FASTBALLOON_REASON_OOM 4           /* gave memory back: the guest ran out */
#define VIRTIO_FASTBALLOON_REASON_STOPPED 5       /* the guest's policy or suspend stopped it */

/* The driver does not try further by itself until the target changes or a request comes. */
#define VIRTIO_FASTBALLOON_PROGRESS_SETTLED (1U << 0)

_Static_assert(sizeof(struct virtio_fastballoon_pages) == 8, "header of a buffer");
_Static_assert(sizeof(struct virtio_fastballoon_bitmap) == 16, "record of a bitmap");
_Static_assert(sizeof(struct virtio_fastballoon_request) == 16, "request");
_Static_assert(sizeof(struct virtio_fastballoon_reply) == 16, "reply");
_Static_assert(sizeof(struct virtio_fastballoon_progress) == 20, "progress");
_Static_assert(sizeof(struct virtio_balloon_config) == 16,
	       "the configuration space ends with poison_val");
_Static_assert(sizeof(struct virtio_balloon_stat) == 10,
	       "a statistic is a packed 16 bit tag and 64 bit value");

#endif /* _UAPI_LINUX_VIRTIO_FASTBALLOON_H */
