/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu.h - QEMU's internal interfaces as the binding uses them.
 *
 * Every difference between QEMU versions belongs here. This file serves QEMU 7.2.
 */
#ifndef FASTBALLOON_QEMU_COMPAT_H
#define FASTBALLOON_QEMU_COMPAT_H

#include "qemu/osdep.h"

#include "cpu.h"
#include "block/aio.h"
#include "block/thread-pool.h"
#include "exec/address-spaces.h"
#include "exec/exec-all.h"
#include "exec/ram_addr.h"
#include "exec/ramblock.h"
#include "hw/boards.h"
#include "hw/core/cpu.h"
#include "hw/mem/memory-device.h"
#include "hw/pci/pci.h"
#include "hw/qdev-properties.h"
#include "hw/virtio/virtio-bus.h"
#include "hw/virtio/virtio-pci.h"
#include "hw/virtio/virtio.h"
#include "io/channel-buffer.h"
#include "migration/migration.h"
#include "migration/misc.h"
#include "migration/qemu-file-types.h"
#include "migration/qemu-file.h"
#include "migration/ram.h"
#include "migration/register.h"
#include "migration/savevm.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-control.h"
#include "qapi/qapi-commands-machine.h"
#include "qapi/qapi-events-machine.h"
#include "qapi/qapi-visit-common.h"
#include "qapi/visitor.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/cutils.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "standard-headers/linux/virtio_ids.h"
#include "sysemu/balloon.h"
#include "sysemu/hostmem.h"
#include "sysemu/iothread.h"
#include "sysemu/runstate.h"
#include "sysemu/sysemu.h"
#include "sysemu/tcg.h"

#if QEMU_VERSION_MAJOR != 7 || QEMU_VERSION_MINOR != 2
#error "this binding is written for QEMU 7.2"
#endif

#endif /* FASTBALLOON_QEMU_COMPAT_H */
