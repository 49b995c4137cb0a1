/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel.h - stand-ins for small things of the kernel's, for tests in userspace. */
#ifndef FB_SHIM_KERNEL_H
#define FB_SHIM_KERNEL_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define BITS_PER_LONG (CHAR_BIT * (int)sizeof(long))
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define WARN_ON_ONCE(bad) ((bad) ? abort() : (void)0)

#endif
