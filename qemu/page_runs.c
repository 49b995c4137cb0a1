// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * page_runs.c - neighbouring pages of guest memory cross in one piece.
 *
 * Theory of operation
 * -------------------
 * QEMU sends each page with a header of its own, 32 of them in a system call, and the destination
 * copies each through a buffer of 32 KiB. Free memory that is skipped leaves long runs of pages in
 * use; here such a run goes out with one header, and what of it is not in the buffer already is
 * read straight into guest memory.
 *
 * QEMU asks every section what is pending, in the migration thread, before each step of a
 * migration and outside of any section. That is when one of our own is written, complete with its
 * head, behind each bitmap sync: all dirty pages side by side, in runs of one kind. Pages of which a
 * few bytes say all (page_series.h) cross as those, and pages of zeros as their number. QEMU sends
 * the rest.
 *
 * Why nothing is lost: it is what QEMU does for a page, in the same order. The bits of a stretch
 * of dirty pages are cleared first, in the bitmap and in the dirty log behind it; only then is the
 * memory read. A write that comes later is logged, and the next sync marks the page again.
 *
 * Where something else follows each page, runs keep out: see fb_page_runs_off_reason().
 */
#include "balloon.h"
#include "page_runs.h"
#include "page_runs_format.h"
#include "page_series.h"

#define FB_RUNS_SECTION "virtio-fastballoon/page-runs"
/* Sections that are written whole are not looked up by number: any that QEMU does not use. */
#define FB_RUNS_SECTION_ID 0x46420001

/* Shorter stretches of dirty pages are left to QEMU. */
#define FB_RUN_PAGES_MIN 4
/* Room for the codes of a run. */
#define FB_RUN_CODES_BYTES (16 * KiB)
/* Fetched of a page ahead of the look at it. */
#define FB_RUN_FETCH_BYTES 256
#define FB_RUN_CACHE_LINE 64
/* Gathered before the next system call. */
#define FB_RUNS_FLUSH_BYTES (1 * MiB)
/* Longest step, in which RCU is held, as long as one of QEMU's. */
#define FB_RUNS_STEP_US 50000
/* A run takes at most one such part of what may be sent in a period of the rate limit. */
#define FB_RUNS_RATE_SHARE 8

/**
 * struct FbRunStep - one section.
 * @until_us: when it ends, by the monotonic clock.
 * @pages_max: longest run.
 * @unflushed: bytes since the last system call.
 * @kind: of the run that is yet to be sent.
 * @first: its first page.
 * @pages: its length, 0 for none.
 * @codes: that of its pages, where they are series.
 * @codes_len: their bytes.
 */
typedef struct FbRunStep {
	FbPageRuns *runs;
	QEMUFile *f;
	int64_t until_us;
	size_t pages_max;
	size_t unflushed;
	uint32_t kind;
	size_t first;
	size_t pages;
	uint8_t codes[FB_RUN_CODES_BYTES];
	size_t codes_len;
} FbRunStep;

/* Why a migration to @f sends no runs, or NULL. */
static const char *fb_page_runs_off_reason(const FbPageRuns *runs, QEMUFile *f)
{
	if (!runs->enabled)
		return "page-runs is switched off";
	if (runstate_check(RUN_STATE_SAVE_VM))
		return "a snapshot with savevm writes memory page by page";
	if (migrate_background_snapshot())
		return "a background snapshot has no dirty log";
	if (migrate_postcopy_ram())
		return "postcopy-ram follows each page";
	if (migrate_colo_enabled())
		return "COLO compares the memory of both sides";
	if (migrate_use_multifd())
		return "multifd sends pages on channels of its own";
	if (migrate_use_xbzrle() || migrate_use_compression())
		return "pages are compressed";
	if (migrate_use_block())
		return "disks are migrated first";
	if (object_dynamic_cast(OBJECT(qemu_file_get_ioc(f)), "qio-channel-rdma"))
		return "RDMA moves pages itself";
	return NULL;
}

static bool fb_run_may_send(RAMBlock *rb)
{
	return rb->bmap && fb_block_is_backend(rb) && !ramblock_is_ignored(rb);
}

/* Append the pages themselves, by reference. */
static void fb_run_put_content(FbRunStep *step, const uint8_t *pages, size_t len)
{
	qemu_put_buffer_async(step->f, pages, len, false);
	step->unflushed += len;
	if (step->unflushed >= FB_RUNS_FLUSH_BYTES) {
		qemu_fflush(step->f);
		step->unflushed = 0;
	}
}

/* Send the run that is gathered. */
static void fb_run_end(FbRunStep *step, RAMBlock *rb)
{
	uint64_t offset = (uint64_t)step->first << TARGET_PAGE_BITS;
	size_t len = step->pages << TARGET_PAGE_BITS;
	size_t bytes = sizeof(uint32_t) + sizeof(uint64_t);

	if (!step->pages)
		return;
	if (step->kind != FB_RUN_ZEROS)
		step->runs->sent_bytes += len;
	qemu_put_be32(step->f, step->pages | step->kind);
	qemu_put_be64(step->f, offset);
	if (step->kind == FB_RUN_CONTENT) {
		bytes += len;
		ram_counters.normal += step->pages;
		fb_run_put_content(step, rb->host + offset, len);
	} else {
		/* What QEMU counts of pages that are told by less than their content. */
		ram_counters.duplicate += step->pages;
	}
	if (step->kind == FB_RUN_SERIES) {
		bytes += step->codes_len;
		step->runs->series_bytes += len;
		qemu_put_buffer(step->f, step->codes, step->codes_len);
	}
	ram_counters.transferred += bytes;
	if (runstate_is_running())
		ram_counters.precopy_bytes += bytes;
	else
		ram_counters.downtime_bytes += bytes;
	step->pages = 0;
	step->codes_len = 0;
}

/* Add a page to the run, or begin another with it. */
static void fb_run_add(FbRunStep *step, RAMBlock *rb, size_t page)
{
	const uint8_t *host = rb->host + ((uint64_t)page << TARGET_PAGE_BITS);
	uint32_t kind = FB_RUN_CONTENT;
	size_t code_len = 0;

	if (step->codes_len > sizeof(step->codes) - FB_SERIES_CODE_BYTES_MAX)
		fb_run_end(step, rb);
	if (fb_page_is_zero(host))
		kind = FB_RUN_ZEROS;
	else if (step->runs->series_enabled)
		code_len = fb_page_series_encode(host, step->codes + step->codes_len);
	if (code_len)
		kind = FB_RUN_SERIES;
	if (kind != step->kind)
		fb_run_end(step, rb);
	if (!step->pages++)
		step->first = page;
	step->kind = kind;
	step->codes_len += code_len;
}

/* Have the processor fetch what is looked at first of a page: guest memory is not in its cache. */
static void fb_run_fetch(const RAMBlock *rb, size_t page)
{
	const uint8_t *host = rb->host + ((uint64_t)page << TARGET_PAGE_BITS);
	size_t offset;

	for (offset = 0; offset < FB_RUN_FETCH_BYTES; offset += FB_RUN_CACHE_LINE)
		__builtin_prefetch(host + offset);
}

/* Send dirty pages side by side. */
static void fb_run_send(FbRunStep *step, RAMBlock *rb, size_t first, size_t end)
{
	size_t page;

	/* The order matters, see above. */
	qemu_guest_free_page_hint(rb->host + ((uint64_t)first << TARGET_PAGE_BITS),
				  (end - first) << TARGET_PAGE_BITS);
	for (page = first; page < end; page++) {
		if (page + 1 < end)
			fb_run_fetch(rb, page + 1);
		fb_run_add(step, rb, page);
	}
	fb_run_end(step, rb);
}

static bool fb_run_step_over(const FbRunStep *step)
{
	return qemu_file_rate_limit(step->f) || g_get_monotonic_time() >= step->until_us;
}

/* Return: whether the block was looked at to its end. */
static bool fb_run_send_block(FbRunStep *step, RAMBlock *rb)
{
	size_t pages = rb->used_length >> TARGET_PAGE_BITS;
	FbPageRuns *runs = step->runs;

	while (!fb_run_step_over(step)) {
		size_t start = find_next_bit(rb->bmap, pages, runs->page);
		size_t end;

		if (start >= pages) {
			runs->page = 0;
			return true;
		}
		end = find_next_zero_bit(rb->bmap, MIN(pages, start + step->pages_max), start);
		if (end - start >= FB_RUN_PAGES_MIN)
			fb_run_send(step, rb, start, end);
		runs->page = end;
	}
	return false;
}

/* Return: whether all blocks were looked at to their ends. */
static bool fb_run_send_blocks(FbRunStep *step)
{
	FbPageRuns *runs = step->runs;
	unsigned int block = 0;
	RAMBlock *rb;

	RAMBLOCK_FOREACH(rb) {
		bool through;

		if (!fb_run_may_send(rb) || block++ < runs->block)
			continue;
		qemu_put_counted_string(step->f, rb->idstr);
		through = fb_run_send_block(step, rb);
		qemu_put_be32(step->f, 0);
		if (!through)
			return false;
		runs->block++;
	}
	return true;
}

/* Write one section. */
static void fb_run_step(FbPageRuns *runs, QEMUFile *f, size_t pages_max)
{
	FbRunStep step = { .runs = runs,
			   .f = f,
			   .until_us = g_get_monotonic_time() + FB_RUNS_STEP_US,
			   .pages_max = pages_max };

	qemu_put_byte(f, QEMU_VM_SECTION_FULL);
	qemu_put_be32(f, FB_RUNS_SECTION_ID);
	qemu_put_counted_string(f, FB_RUNS_SECTION);
	qemu_put_be32(f, 0); /* instance */
	qemu_put_be32(f, FB_RUNS_VERSION);
	WITH_RCU_READ_LOCK_GUARD()
	{
		runs->due = !fb_run_send_blocks(&step);
		qemu_put_byte(f, 0);
		/* While the memory that it refers to is sure to be there. */
		qemu_fflush(f);
	}
	if (migrate_get_current()->send_section_footer) {
		qemu_put_byte(f, QEMU_VM_SECTION_FOOTER);
		qemu_put_be32(f, FB_RUNS_SECTION_ID);
	}
}

/* Longest run that keeps to the rate limit. */
static size_t fb_run_pages_max(QEMUFile *f)
{
	int64_t limit = qemu_file_get_rate_limit(f);

	if (limit <= 0)
		return FB_RUN_PAGES_MAX;
	return MIN(FB_RUN_PAGES_MAX, (limit / FB_RUNS_RATE_SHARE) >> TARGET_PAGE_BITS);
}

static void fb_page_runs_pending(QEMUFile *f, void *opaque, uint64_t max_size,
				 uint64_t *precopy_only, uint64_t *compatible,
				 uint64_t *postcopy_only)
{
	FbPageRuns *runs = &((FbBalloon *)opaque)->page_runs;
	MigrationState *s = migrate_get_current();

	while (runs->due && migration_is_active(s) && !qemu_file_get_error(f)) {
		size_t pages_max = fb_run_pages_max(f);

		if (pages_max < FB_RUN_PAGES_MIN)
			return;
		if (qemu_file_rate_limit(f))
			migration_rate_limit();
		else
			fb_run_step(runs, f, pages_max);
	}
}

static const SaveVMHandlers fb_page_runs_handlers = {
	.save_live_pending = fb_page_runs_pending,
	.load_state = fb_page_runs_load,
};

static int fb_page_runs_notify(NotifierWithReturn *notifier, void *data)
{
	FbPageRuns *runs = container_of(notifier, FbPageRuns, notifier);
	PrecopyNotifyData *precopy = data;

	switch (precopy->reason) {
	case PRECOPY_NOTIFY_AFTER_BITMAP_SYNC:
		runs->due = !runs->off_reason;
		runs->block = 0;
		runs->page = 0;
		break;
	case PRECOPY_NOTIFY_COMPLETE:
	case PRECOPY_NOTIFY_CLEANUP:
		runs->due = false;
		break;
	default:
		break;
	}
	return 0;
}

static char *fb_get_page_runs_off(Object *obj, Error **errp)
{
	const char *reason = FB_BALLOON(obj)->page_runs.off_reason;

	return g_strdup(reason ? reason : "");
}

void fb_page_runs_properties_add(FbBalloon *balloon)
{
	balloon->page_runs.off_reason = "there was no migration";
	object_property_add_str(OBJECT(balloon), "fastballoon-page-runs-off", fb_get_page_runs_off,
				NULL);
}

void fb_page_runs_begin(FbBalloon *balloon, QEMUFile *f)
{
	balloon->page_runs.off_reason = fb_page_runs_off_reason(&balloon->page_runs, f);
	balloon->page_runs.due = !balloon->page_runs.off_reason;
}

void fb_page_runs_realize(FbBalloon *balloon)
{
	FbPageRuns *runs = &balloon->page_runs;

	runs->stream_buffer_bytes = fb_stream_buffer_bytes();
	runs->notifier.notify = fb_page_runs_notify;
	precopy_add_notifier(&runs->notifier);
	register_savevm_live(FB_RUNS_SECTION, 0, FB_RUNS_VERSION, &fb_page_runs_handlers, balloon);
}

void fb_page_runs_unrealize(FbBalloon *balloon)
{
	precopy_remove_notifier(&balloon->page_runs.notifier);
	unregister_savevm(NULL, FB_RUNS_SECTION, balloon);
}
