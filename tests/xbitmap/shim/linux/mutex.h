/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mutex.h - a stand-in for the kernel's mutexes in a program of one thread. */
#ifndef FB_SHIM_MUTEX_H
#define FB_SHIM_MUTEX_H

#include <linux/kernel.h>

struct mutex {
	bool held;
};

static inline void mutex_init(struct mutex *lock)
{
	lock->held = false;
}

static inline void mutex_lock(struct mutex *lock)
{
	if (lock->held)
		abort();
	lock->held = true;
}

static inline void mutex_unlock(struct mutex *lock)
{
	if (!lock->held)
		abort();
	lock->held = false;
}

#endif
