/* SPDX-License-Identifier: GPL-2.0-or-later */
/* version.h - build the binding's ABI check as for a QEMU that is not installed. */
#include "qemu/osdep.h"

#undef QEMU_VERSION
#define QEMU_VERSION "7.2.0"
