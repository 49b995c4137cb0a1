/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon.h - the balloon device of a virtual machine, as QMP shows it.
 */
#ifndef FB_BALLOON_H
#define FB_BALLOON_H

#include "cli.h"
#include "qmp.h"

/* The balloon moves whole pages of this many bytes. */
#define FB_BALLOON_PAGE UINT64_C(4096)

/* Whether a driver in the guest has taken the device. */
enum fb_driver {
	FB_DRIVER_UNKNOWN,
	FB_DRIVER_ABSENT,
	FB_DRIVER_PRESENT,
};

/**
 * struct fb_balloon - a balloon device in QEMU's object tree.
 * @path: the device's path.
 * @backend: path of its transport-independent part; the same where there is no transport.
 * @type: QEMU's name for its type.
 * @ours: whether it is a fastballoon device.
 * @properties: what qom-list shows at @path.
 */
struct fb_balloon {
	char path[256];
	char backend[256];
	char type[64];
	bool ours;
	json_object *properties;
};

/**
 * struct fb_balloon_spared - memory that migrations did not send, since the VM was started, in bytes.
 * @hinted: skipped thanks to the guest's free page hints.
 * @series: pages of records that follow from one another, sent as their rule.
 */
struct fb_balloon_spared {
	uint64_t hinted;
	uint64_t series;
};

int fb_balloon_find(struct fb_qmp *qmp, struct fb_balloon *balloon);
int fb_balloon_require(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_balloon *balloon);
void fb_balloon_put(struct fb_balloon *balloon);
int fb_balloon_get(struct fb_qmp *qmp, const struct fb_balloon *balloon, const char *property,
		   json_object **value);
int fb_balloon_set(struct fb_qmp *qmp, const struct fb_balloon *balloon, const char *property,
		   json_object *value);
int fb_balloon_actual(struct fb_qmp *qmp, uint64_t *bytes);
int fb_balloon_driver(struct fb_qmp *qmp, const struct fb_balloon *balloon, enum fb_driver *driver,
		      json_object **features);
int fb_balloon_spared(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		      struct fb_balloon_spared *spared);

#endif /* FB_BALLOON_H */
