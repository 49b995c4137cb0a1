/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * counters.h - what the driver has done, for debugfs.
 */
#ifndef FB_COUNTERS_H
#define FB_COUNTERS_H

#include <linux/atomic.h>

/* clang-format off */
/* name: as shown. Sums count since probe; those ending in _max or _last are no sums. */
#define FB_COUNTERS(x)                                                                             \
	x(inflated_pages) x(deflated_pages) x(oom_deflated_pages) x(reported_pages)                \
	x(migrated_pages) x(yielded_pages) x(offline_deflated_pages)                               \
	x(hinted_pages) x(buffers) x(ranges) x(bitmap_runs) x(bitmap_records)               \
	x(bitmap_words) x(kicks) x(slow_waits) x(queue_full)                                       \
	x(buddy_blocks) x(alloc_blocks) x(split_blocks) x(alloc_failures) x(inflate_stalls)        \
	x(size_runs) x(freed_wakes)                                                                \
	x(ctrl_requests) x(ctrl_refused) x(ctrl_replies) x(ctrl_progresses)                        \
	x(stats_requests) x(oom_events)                                                            \
	x(hint_skipped_pages) x(hint_rounds) x(hint_rounds_cut) x(hint_blocks_held) x(hint_held_pages_max)               \
	x(hint_walk_us_last) x(hint_round_us_last) x(hint_shrunk_pages) x(inflate_us_last)         \
	x(inflate_take_us_last) x(inflate_send_us_last) x(inflate_mark_us_last)                    \
	x(inflate_wait_us_last) x(deflate_us_last)
/* clang-format on */

enum fb_counter {
#define FB_COUNTER_ENUM(name) FB_C_##name,
	FB_COUNTERS(FB_COUNTER_ENUM)
#undef FB_COUNTER_ENUM
		FB_NR_COUNTERS
};

struct fb_counters {
	atomic64_t values[FB_NR_COUNTERS];
};

/** fb_count() - add @n to a counter. */
static inline void fb_count(struct fb_counters *counters, enum fb_counter which, u64 n)
{
	atomic64_add(n, &counters->values[which]);
}

/** fb_count_set() - store @n in a counter. */
static inline void fb_count_set(struct fb_counters *counters, enum fb_counter which, u64 n)
{
	atomic64_set(&counters->values[which], n);
}

/** fb_count_max() - raise a counter to @n; two at once may lose the smaller gain. */
static inline void fb_count_max(struct fb_counters *counters, enum fb_counter which, u64 n)
{
	if (n > (u64)atomic64_read(&counters->values[which]))
		atomic64_set(&counters->values[which], n);
}

#endif
