/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shrinker.h - registration of shrinkers, whose interface changed with Linux 6.7.
 *
 * struct fb_shrinker is embedded by its user; fb_shrinker_of() leads from what the kernel
 * passes to the callbacks back to it.
 */
#ifndef FB_COMPAT_SHRINKER_H
#define FB_COMPAT_SHRINKER_H

#include <linux/shrinker.h>
#include <linux/version.h>

typedef unsigned long fb_shrinker_fn(struct shrinker *shrinker, struct shrink_control *sc);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)

struct fb_shrinker {
	struct shrinker *shrinker;
};

static inline struct fb_shrinker *fb_shrinker_of(struct shrinker *shrinker)
{
	return shrinker->private_data;
}

static inline int fb_shrinker_register(struct fb_shrinker *fbs, fb_shrinker_fn *count,
				       fb_shrinker_fn *scan, const char *name)
{
	fbs->shrinker = shrinker_alloc(0, "%s", name);
	if (!fbs->shrinker)
		return -ENOMEM;
	fbs->shrinker->count_objects = count;
	fbs->shrinker->scan_objects = scan;
	fbs->shrinker->private_data = fbs;
	shrinker_register(fbs->shrinker);
	return 0;
}

static inline void fb_shrinker_unregister(struct fb_shrinker *fbs)
{
	shrinker_free(fbs->shrinker);
}

#else

struct fb_shrinker {
	struct shrinker shrinker;
};

static inline struct fb_shrinker *fb_shrinker_of(struct shrinker *shrinker)
{
	return container_of(shrinker, struct fb_shrinker, shrinker);
}

static inline int fb_shrinker_register(struct fb_shrinker *fbs, fb_shrinker_fn *count,
				       fb_shrinker_fn *scan, const char *name)
{
	fbs->shrinker.count_objects = count;
	fbs->shrinker.scan_objects = scan;
	fbs->shrinker.seeks = DEFAULT_SEEKS;
	return register_shrinker(&fbs->shrinker, "%s", name);
}

static inline void fb_shrinker_unregister(struct fb_shrinker *fbs)
{
	unregister_shrinker(&fbs->shrinker);
}

#endif
#endif
