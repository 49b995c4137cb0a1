/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm.h - what can be asked of a virtual machine besides its balloon.
 */
#ifndef FB_VM_H
#define FB_VM_H

#include "cli.h"
#include "qmp.h"

/* Room for the name of a run state. */
#define FB_VM_STATE_MAX 32

int fb_vm_open(struct fb_cli *cli, struct fb_qmp *qmp);
int fb_vm_memory(struct fb_qmp *qmp, uint64_t *bytes);
int fb_vm_state(struct fb_qmp *qmp, char state[FB_VM_STATE_MAX], bool *running);
int fb_vm_kvm(struct fb_qmp *qmp, bool *kvm);
int fb_vm_capability(struct fb_qmp *qmp, const char *name, bool *on);

#endif /* FB_VM_H */
