/* SPDX-License-Identifier: GPL-2.0-or-later */
/* layout.h - build the binding's ABI check as for a QEMU whose VirtIODevice is larger. */
#include "qemu/osdep.h"

#define use_guest_notifier_mask \
	padding[64];            \
	bool use_guest_notifier_mask
