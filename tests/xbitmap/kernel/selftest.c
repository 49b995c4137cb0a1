// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest.c - runs the xbitmap's test cases in a kernel.
 *
 * Inserting the module runs them. The kernel log names each and counts them; the insertion fails
 * where one fails. Tests leave nothing behind, and the module can be removed again.
 */
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "cases.h"

#define FB_PREFIX "fastballoon selftest: "

static unsigned int operations = 1000;
module_param(operations, uint, 0444);
MODULE_PARM_DESC(operations, "Random operations in each of the random cases (default 1000)");

/* The largest range, on the kernel's own XArray, and what it costs. */
static int fb_case_largest_range(struct fb_xb *xb)
{
	const unsigned long base = 1UL << 30, last = base + FB_XB_MAX_RANGE_BITS - 1;
	struct fb_xb_stats stats;
	struct fb_xb_run run;

	FB_CHECK(!fb_xb_set_range(xb, base, last));
	fb_xb_stats(xb, &stats);
	FB_CHECK(stats.nr_bits == FB_XB_MAX_RANGE_BITS && !stats.nr_bitmaps);
	FB_CHECK(fb_env_nodes(xb, 0) == stats.nr_nodes);
	FB_CHECK(stats.bytes <= FB_XB_MAX_RANGE_BITS / 1024 * 92 / 10 + 5 * sizeof(struct xa_node));
	FB_CHECK(fb_xb_next_run(xb, 0, 0, &run) && run.first == base && run.last == last);
	FB_CHECK(!fb_xb_clear_range(xb, 0, ULONG_MAX));
	FB_CHECK(xa_empty(&xb->chunks));
	return 0;
}

static const struct fb_case fb_kernel_case = {
	"the largest range on the kernel's XArray",
	fb_case_largest_range,
};

static bool fb_run(const struct fb_case *test)
{
	ktime_t start = ktime_get();
	int err = fb_case_run(test);

	pr_info(FB_PREFIX "%s: %s (%lld ms)\n", err ? "FAILED" : "ok", test->name,
		ktime_ms_delta(ktime_get(), start));
	cond_resched();
	return !err;
}

static int __init fb_selftest_init(void)
{
	unsigned int i, nr_passed, nr_cases = fb_nr_cases + 1;

	fb_random_operations = operations;
	nr_passed = fb_run(&fb_kernel_case);
	for (i = 0; i < fb_nr_cases; i++)
		nr_passed += fb_run(&fb_cases[i]);
	pr_info(FB_PREFIX "%u passed, %u failed\n", nr_passed, nr_cases - nr_passed);
	return nr_passed == nr_cases ? 0 : -EINVAL;
}

static void __exit fb_selftest_exit(void)
{
}

module_init(fb_selftest_init);
module_exit(fb_selftest_exit);
MODULE_DESCRIPTION("Tests of virtio_fastballoon's sparse bitmap");
MODULE_LICENSE("GPL");
