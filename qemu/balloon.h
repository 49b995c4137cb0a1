/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon.h - the binding's device object, shared by its files.
 *
 * Everything here runs under QEMU's big lock (BQL), except what hinting.c says of the
 * migration thread.
 */
#ifndef FASTBALLOON_QEMU_BALLOON_H
#define FASTBALLOON_QEMU_BALLOON_H

#include "compat/qemu.h"

#include "ctrlq.h"
#include "density.h"
#include "fastballoon_device.h"
#include "hinting.h"
#include "populate.h"
#include "hole_skip.h"
#include "incoming_poll.h"
#include "page_runs.h"
#include "queue.h"

#define TYPE_FB_BALLOON "virtio-fastballoon-device"
OBJECT_DECLARE_SIMPLE_TYPE(FbBalloon, FB_BALLOON)

/* Queues that the device can have. */
#define FB_QUEUES_MAX 7

/**
 * struct FbStatsPoll - the statistics queue and its polling.
 * @elem: the buffer that the guest leaves with us between two polls, or NULL.
 * @timer: fires every @interval_s seconds of virtual time.
 * @last_update_s: host time of the last statistics, seconds since the epoch.
 */
typedef struct FbStatsPoll {
	VirtQueue *vq;
	VirtQueueElement *elem;
	QEMUTimer *timer;
	int64_t interval_s;
	int64_t last_update_s;
} FbStatsPoll;

struct FbBalloon {
	VirtIODevice parent_obj;

	struct fb_device core;
	FbQueue inflate;
	FbQueue deflate;
	FbQueue hint;                   /* vq is NULL unless free-page-hint=on */
	FbQueue report;                 /* vq is NULL unless free-page-reporting=on */
	FbCtrlq ctrlq;                  /* the vqs are NULL unless ctrl-vq=on */
	FbQueue *queues[FB_QUEUES_MAX]; /* by number; that of the statsq is NULL */
	FbStatsPoll stats;
	FbHinting hinting;
	FbPopulate populate;
	struct fb_host_ops host_ops; /* those of host.c that the properties ask for */
	FbDensity density;
	FbIncomingPoll incoming_poll;
	FbHoleSkip hole_skip;
	FbPageRuns page_runs;

	/* Properties. */
	uint64_t offered; /* feature bits chosen by properties */
	bool hint_logged;
	bool eager_clear;
	bool prealloc_on_deflate;
	bool keep_huge_pages;
	IOThread *iothread; /* accepted for the stock device's command lines, see hinting.c */

	uint64_t huge_page_bytes; /* those that are to be kept whole; 0 unless keep_huge_pages */
};

/* host.c */
/** fb_host_ops_init() - what the device core may ask for; the operations take the FbBalloon. */
void fb_host_ops_init(FbBalloon *balloon);
/** fb_block_is_backend() - whether a RAM block is that of a memory backend: the guest's memory. */
bool fb_block_is_backend(const RAMBlock *rb);
/** fb_any_backend_is_migrated() - false where x-ignore-shared leaves out all of the memory. */
bool fb_any_backend_is_migrated(void);
/** fb_current_ram_bytes() - guest memory that a balloon size is subtracted from. */
uint64_t fb_current_ram_bytes(void);
/** fb_guest_bytes() - what of it is left to the guest. */
uint64_t fb_guest_bytes(const struct fb_device *core);

/* statsq.c */
/** fb_statsq_init() - make the timer and the guest-stats properties of a new object. */
void fb_statsq_init(FbBalloon *balloon);
void fb_statsq_finalize(FbBalloon *balloon);
void fb_statsq_realize(FbBalloon *balloon);
void fb_statsq_unrealize(FbBalloon *balloon);
void fb_statsq_reset(FbBalloon *balloon);
/** fb_statsq_resume() - take again the buffer that was handed back when the VM stopped. */
void fb_statsq_resume(FbBalloon *balloon);
/** fb_statsq_post_load() - restart polling on the destination of a migration. */
void fb_statsq_post_load(FbBalloon *balloon);

/* properties.c */
/** fb_properties_add() - make the properties that are named fastballoon-*. */
void fb_properties_add(FbBalloon *balloon);
/** fb_properties_alias() - show the properties of @balloon on its transport's object. */
void fb_properties_alias(Object *proxy, FbBalloon *balloon);

/* hint_properties.c */
void fb_hint_properties_add(FbBalloon *balloon);

/* ctrl_properties.c */
void fb_ctrl_properties_add(FbBalloon *balloon);

/* Type registration, called by the plugin once the ABI check has passed. */
void fb_balloon_register_types(void);
void fb_pci_register_types(void);

#endif /* FASTBALLOON_QEMU_BALLOON_H */
