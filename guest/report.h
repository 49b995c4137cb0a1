/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - free page reporting.
 */
#ifndef FB_REPORT_H
#define FB_REPORT_H

struct fb_balloon;

void fb_report_start(struct fb_balloon *fb);
void fb_report_stop(struct fb_balloon *fb);

#endif
