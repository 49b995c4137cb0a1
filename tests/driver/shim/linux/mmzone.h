/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mmzone.h - the highest order of a block, for tests in userspace. */
#ifndef FB_SHIM_MMZONE_H
#define FB_SHIM_MMZONE_H

#define MAX_PAGE_ORDER 10

#endif
