/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lockdep.h - a stand-in for the kernel's lock checks: a lock that is not held ends the test. */
#ifndef FB_SHIM_LOCKDEP_H
#define FB_SHIM_LOCKDEP_H

#include <linux/mutex.h>

#define lockdep_assert_held(lock) ((lock)->held ? (void)0 : abort())

#endif
