// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * boost.c - raises the watermarks of all zones, as the kernel does where memory fragments, in a
 * guest in which kswapd has given up and does not lower them again.
 */
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/nodemask.h>

/* Failures after which kswapd is not woken any more: as many as it takes, and some. */
#define FB_KSWAPD_FAILURES 1000

static unsigned long pages = 1;
module_param(pages, ulong, 0444);
MODULE_PARM_DESC(pages, "what is added to the watermarks of each zone");

static int __init fb_boost_init(void)
{
	unsigned long flags;
	int nid, idx;

	for_each_online_node(nid) {
		NODE_DATA(nid)->kswapd_failures = FB_KSWAPD_FAILURES;
		for (idx = 0; idx < MAX_NR_ZONES; idx++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[idx];

			if (!populated_zone(zone))
				continue;
			spin_lock_irqsave(&zone->lock, flags);
			zone->watermark_boost = pages;
			spin_unlock_irqrestore(&zone->lock, flags);
		}
	}
	return 0;
}

static void __exit fb_boost_exit(void)
{
}

module_init(fb_boost_init);
module_exit(fb_boost_exit);
MODULE_DESCRIPTION("raises watermarks for tests of the fastballoon driver");
MODULE_LICENSE("GPL");
