// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * params.c - module parameters.
 */
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "compat/orders.h"
#include "params.h"

/**
 * struct fb_choice - a parameter that takes one of a few names.
 * @names: ends with NULL.
 * @value: index of the chosen one.
 */
struct fb_choice {
	const char *const *names;
	int value;
};

static int fb_choice_set(const char *text, const struct kernel_param *kp)
{
	struct fb_choice *choice = kp->arg;
	int i = __sysfs_match_string(choice->names, -1, text);

	if (i < 0) {
		pr_err("virtio_fastballoon: %s: no such choice: %s\n", kp->name, text);
		return -EINVAL;
	}
	choice->value = i;
	return 0;
}

static int fb_choice_get(char *text, const struct kernel_param *kp)
{
	const struct fb_choice *choice = kp->arg;

	return sysfs_emit(text, "%s\n", choice->names[choice->value]);
}

static const struct kernel_param_ops fb_choice_ops = {
	.set = fb_choice_set,
	.get = fb_choice_get,
};

/**
 * struct fb_bounded - a number between two others.
 * @min: least value that can be given.
 * @max: greatest value.
 * @value: the value; the default may be out of bounds to have a meaning of its own.
 */
struct fb_bounded {
	unsigned int min;
	unsigned int max;
	unsigned int value;
};

static int fb_bounded_set(const char *text, const struct kernel_param *kp)
{
	struct fb_bounded *bounded = kp->arg;
	unsigned int value;
	int err = kstrtouint(text, 0, &value);

	if (err)
		return err;
	if (value < bounded->min || value > bounded->max) {
		pr_err("virtio_fastballoon: %s must be from %u to %u\n", kp->name, bounded->min,
		       bounded->max);
		return -EINVAL;
	}
	bounded->value = value;
	return 0;
}

static int fb_bounded_get(char *text, const struct kernel_param *kp)
{
	const struct fb_bounded *bounded = kp->arg;

	return sysfs_emit(text, "%u\n", bounded->value);
}

static const struct kernel_param_ops fb_bounded_ops = {
	.set = fb_bounded_set,
	.get = fb_bounded_get,
};

static const char *const fb_source_names[] = { "auto", "buddy", "alloc", "conservative", NULL };
static struct fb_choice fb_source_choice = { .names = fb_source_names };
module_param_cb(page_source, &fb_choice_ops, &fb_source_choice, 0444);
MODULE_PARM_DESC(page_source, "where pages come from: auto (default), buddy (taken off the free "
			      "lists, where that is safe), alloc (allocated) or conservative "
			      "(allocated one by one, so that compaction can move each)");

static struct fb_bounded fb_inflate_min_order = { .min = 0, .max = FB_TOP_ORDER, .value = 0 };
module_param_cb(inflate_min_order, &fb_bounded_ops, &fb_inflate_min_order, 0444);
MODULE_PARM_DESC(inflate_min_order,
		 "smallest block that the balloon takes is 2 to the power of this pages (0 to 10, "
		 "default 0); 9 keeps the huge pages of the host whole, and gives it less where "
		 "free memory is fragmented");

static const char *const fb_transport_names[] = { "auto", "sg", "report", "bitmap", "pfn", NULL };
static struct fb_choice fb_transport_choice = { .names = fb_transport_names };
module_param_cb(transport, &fb_choice_ops, &fb_transport_choice, 0444);
MODULE_PARM_DESC(transport, "how pages are sent to the device: auto (default), sg (ranges on the "
			    "inflate queue), report (ranges on the reporting queue), bitmap (a "
			    "bit for each page) or pfn (page frame numbers); one that the device "
			    "lacks is replaced by the next");

static struct fb_bounded fb_bitmap_run_pages = { .min = 0, .max = 1 << 18, .value = 64 };
module_param_cb(bitmap_run_pages, &fb_bounded_ops, &fb_bitmap_run_pages, 0444);
MODULE_PARM_DESC(bitmap_run_pages, "longest run of pages that goes as bits of a bitmap where the "
				   "device takes ranges too (0 to 262144, default 64; 0: none)");

static bool fb_hints = true;
module_param_named(hints, fb_hints, bool, 0444);
MODULE_PARM_DESC(hints, "hint free pages to migrations: on (default) or off");

static const char *const fb_hint_mode_names[] = { "auto", "logged", "hold", "held", NULL };
static struct fb_choice fb_hint_mode_choice = { .names = fb_hint_mode_names };
module_param_cb(hint_mode, &fb_choice_ops, &fb_hint_mode_choice, 0444);
MODULE_PARM_DESC(hint_mode, "how hints are made safe: auto (default), logged (the device logs "
			    "every write), hold (blocks are held until the device has answered) or "
			    "held (until the migration is over); one that is not safe with the "
			    "device is replaced by the next");

static const char *const fb_hint_full_names[] = { "wait", "skip", NULL };
static struct fb_choice fb_hint_full_choice = { .names = fb_hint_full_names };
module_param_cb(hint_full, &fb_choice_ops, &fb_hint_full_choice, 0444);
MODULE_PARM_DESC(hint_full, "what to do with hints while the queue is full: wait (default) or "
			    "skip them");

static struct fb_bounded fb_hint_min_order = { .min = 0, .max = FB_TOP_ORDER, .value = 4 };
module_param_cb(hint_min_order, &fb_bounded_ops, &fb_hint_min_order, 0444);
MODULE_PARM_DESC(hint_min_order, "shortest run of free pages to hint is 2 to the power of this "
				 "(0 to 10, default 4); a host with control queues says it itself");

static struct fb_bounded fb_hint_hold_mib = { .min = 16, .max = 1 << 20, .value = 0 };
module_param_cb(hint_hold_mib, &fb_bounded_ops, &fb_hint_hold_mib, 0444);
MODULE_PARM_DESC(hint_hold_mib,
		 "most memory in MiB held back at a time while hinting to a device "
		 "that needs it (16 to 1048576; default 0: a quarter of what is spare)");

static struct fb_bounded fb_oom_deflate_mib = { .min = 1, .max = 65536, .value = 256 };
module_param_cb(oom_deflate_mib, &fb_bounded_ops, &fb_oom_deflate_mib, 0444);
MODULE_PARM_DESC(oom_deflate_mib, "memory in MiB given back each time the guest is out of it, if "
				  "the host allows that (1 to 65536, default 256)");

static const char *const fb_requests_names[] = { "all", "inflate", "none", NULL };
static struct fb_choice fb_requests_choice = { .names = fb_requests_names };
module_param_cb(ctrl_requests, &fb_choice_ops, &fb_requests_choice, 0444);
MODULE_PARM_DESC(ctrl_requests, "what the host may ask for: all (default), inflate (how to go to "
				"the target; neither drop caches nor compact memory) or none");

/** fb_param_source() - page_source. */
enum fb_source fb_param_source(void)
{
	return fb_source_choice.value;
}

/** fb_param_inflate_min_order() - inflate_min_order, up to FB_TOP_ORDER. */
unsigned int fb_param_inflate_min_order(void)
{
	return fb_inflate_min_order.value;
}

/** fb_param_transport() - transport. */
enum fb_transport fb_param_transport(void)
{
	return fb_transport_choice.value;
}

/** fb_param_bitmap_run_pages() - bitmap_run_pages. */
unsigned long fb_param_bitmap_run_pages(void)
{
	return fb_bitmap_run_pages.value;
}

/** fb_param_hints() - hints. */
bool fb_param_hints(void)
{
	return fb_hints;
}

/** fb_param_hint_mode() - hint_mode. */
enum fb_hint_want fb_param_hint_mode(void)
{
	return fb_hint_mode_choice.value;
}

/** fb_param_hint_full() - hint_full. */
enum fb_hint_full fb_param_hint_full(void)
{
	return fb_hint_full_choice.value;
}

/** fb_param_hint_min_order() - hint_min_order, up to FB_TOP_ORDER. */
unsigned int fb_param_hint_min_order(void)
{
	return fb_hint_min_order.value;
}

/** fb_param_hint_hold_mib() - hint_hold_mib. */
unsigned int fb_param_hint_hold_mib(void)
{
	return fb_hint_hold_mib.value;
}

/** fb_param_oom_mib() - oom_deflate_mib. */
unsigned int fb_param_oom_mib(void)
{
	return fb_oom_deflate_mib.value;
}

/** fb_param_ctrl_requests() - ctrl_requests. */
enum fb_requests fb_param_ctrl_requests(void)
{
	return fb_requests_choice.value;
}
