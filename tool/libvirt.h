/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt.h - QEMU's machine protocol (QMP) through libvirt, for VMs that are its domains.
 */
#ifndef FB_LIBVIRT_H
#define FB_LIBVIRT_H

#include "qmp.h"

int fb_libvirt_open(struct fb_qmp *qmp, const char *uri, const char *domain);
int fb_libvirt_call(struct fb_qmp *qmp, const char *line, uint64_t deadline_us,
		    json_object **message);
void fb_libvirt_close(struct fb_libvirt *libvirt);

#endif /* FB_LIBVIRT_H */
