/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * orders.h - the highest order of the buddy lists, under one name in every kernel.
 */
#ifndef FB_COMPAT_ORDERS_H
#define FB_COMPAT_ORDERS_H

#include <linux/mmzone.h>
#include <linux/version.h>

#if defined(MAX_PAGE_ORDER)
#define FB_TOP_ORDER MAX_PAGE_ORDER
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define FB_TOP_ORDER MAX_ORDER
#else
#define FB_TOP_ORDER (MAX_ORDER - 1)
#endif

#define FB_NR_ORDERS (FB_TOP_ORDER + 1)

#endif
