/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debugfs.h - counters and state in debugfs: virtio_fastballoon/<device>/stats.
 */
#ifndef FB_DEBUGFS_H
#define FB_DEBUGFS_H

struct fb_balloon;

void fb_debugfs_init(void);
void fb_debugfs_exit(void);
void fb_debugfs_add(struct fb_balloon *fb);
void fb_debugfs_remove(struct fb_balloon *fb);

#endif
