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
 *
 * Format
 * ------
 * A section has, for each RAM block of which pages are sent, its name as a counted string, its runs,
 * and 32 bits of zero; a byte of zero follows the last block. A run is, in big-endian numbers,
 *
 *   be32   number of pages, 1 to FB_RUN_PAGES_MAX, and in the highest bits the kind
 *   be64   offset of the first page in the block, in bytes
 *   ...    the pages; or the code of each, see page_series.h; or, for zeros, nothing
 */
#include "balloon.h"
#include "page_runs.h"
#include "page_series.h"

#define FB_RUNS_SECTION "virtio-fastballoon/page-runs"
/* 1: no kinds. */
#define FB_RUNS_VERSION 2
/* Sections that are written whole are not looked up by number: any that QEMU does not use. */
#define FB_RUNS_SECTION_ID 0x46420001

/* Shorter stretches of dirty pages are left to QEMU, longer ones are cut. */
#define FB_RUN_PAGES_MIN 4
#define FB_RUN_PAGES_MAX 512
/* Kinds of runs, in the number of pages: what follows the head. */
#define FB_RUN_CONTENT 0U         /* the pages */
#define FB_RUN_ZEROS 0x40000000U  /* nothing */
#define FB_RUN_SERIES 0x80000000U /* their codes */
#define FB_RUN_KINDS 0xc0000000U
/* Room for the codes of a run. */
#define FB_RUN_CODES_BYTES (16 * KiB)
/* Fetched of a page ahead of the look at it. */
#define FB_RUN_FETCH_BYTES 256
#define FB_RUN_CACHE_LINE 64
/* Gathered before the next system call. */
#define FB_RUNS_FLUSH_BYTES (1 * MiB)
/* Longest step, in which RCU is held, as long as one of QEMU's. */
#define FB_RUNS_STEP_US 50000
/* Blocks in a section. */
#define FB_RUNS_BLOCKS_MAX 256
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

static bool fb_page_is_zero(const void *page)
{
	return !*(const uint64_t *)page && buffer_is_zero(page, TARGET_PAGE_SIZE);
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

/* Bytes that QEMU reads ahead of what was asked for, where they are there. */
static size_t fb_stream_buffer_bytes(void)
{
	QIOChannelBuffer *channel = qio_channel_buffer_new(1 * MiB);
	size_t read_ahead;
	QEMUFile *f;

	channel->usage = channel->capacity;
	f = qemu_file_new_input(QIO_CHANNEL(channel));
	qemu_get_byte(f);
	read_ahead = channel->offset;
	qemu_fclose(f);
	object_unref(OBJECT(channel));
	return read_ahead < 1 * MiB ? read_ahead : 0;
}

/* Read into guest memory. Return: 0 or a negative errno. */
static int fb_run_receive(FbBalloon *balloon, QEMUFile *f, uint8_t *host, size_t len)
{
	size_t buffered = balloon->page_runs.stream_buffer_bytes;
	Error *err = NULL;

	/* As many bytes as the buffer holds at most empty it, to the byte. */
	if (!buffered || len < 2 * buffered)
		buffered = len;
	if (qemu_get_buffer(f, host, buffered) != buffered)
		return -EIO;
	if (buffered == len)
		return 0;
	if (qio_channel_read_all(qemu_file_get_ioc(f), (char *)host + buffered, len - buffered,
				 &err) < 0) {
		error_reportf_err(err,
				  "virtio-fastballoon: the stream ends within a run of pages: ");
		return -EIO;
	}
	fb_incoming_poll_received(&balloon->incoming_poll, len - buffered);
	return 0;
}

/* Return: 0 or a negative errno. */
static int fb_run_receive_series(FbBalloon *balloon, QEMUFile *f, uint8_t *host, size_t pages)
{
	uint8_t code[FB_SERIES_CODE_BYTES_MAX];
	size_t i, len, codes_len = 0;

	for (i = 0; i < pages; i++) {
		code[0] = qemu_get_byte(f);
		if (code[0] > FB_SERIES_EXCEPTIONS_MAX)
			break;
		len = FB_SERIES_CODE_BYTES(code[0]);
		if (qemu_get_buffer(f, code + 1, len - 1) != len - 1)
			return -EIO;
		if (!fb_page_series_decode(code, host + (i << TARGET_PAGE_BITS)))
			break;
		codes_len += len;
	}
	if (i < pages) {
		error_report("virtio-fastballoon: malformed series of records in a run of pages");
		return -EINVAL;
	}
	fb_incoming_poll_received(&balloon->incoming_poll, (pages << TARGET_PAGE_BITS) - codes_len);
	return 0;
}

/* As QEMU does: what reads zero is not written, so that it takes no memory. */
static void fb_run_receive_zeros(uint8_t *host, size_t pages)
{
	for (; pages; pages--, host += TARGET_PAGE_SIZE)
		if (!fb_page_is_zero(host))
			memset(host, 0, TARGET_PAGE_SIZE);
}

/* Return: 0 behind the last run of the block, or a negative errno. */
static int fb_page_runs_load_block(FbBalloon *balloon, QEMUFile *f, RAMBlock *rb)
{
	uint32_t pages;
	int ret = 0;

	while (!ret && (pages = qemu_get_be32(f))) {
		uint32_t kind = pages & FB_RUN_KINDS;
		uint64_t offset = qemu_get_be64(f);
		uint64_t len;

		pages &= ~FB_RUN_KINDS;
		len = (uint64_t)pages << TARGET_PAGE_BITS;

		if (!pages || pages > FB_RUN_PAGES_MAX || kind == FB_RUN_KINDS ||
		    offset & ~TARGET_PAGE_MASK || offset > rb->used_length ||
		    len > rb->used_length - offset) {
			error_report("virtio-fastballoon: malformed run of pages in '%s': %" PRIu32
				     " pages at offset %" PRIu64,
				     rb->idstr, pages, offset);
			return -EINVAL;
		}
		if (kind == FB_RUN_ZEROS)
			fb_run_receive_zeros(rb->host + offset, pages);
		else if (kind == FB_RUN_SERIES)
			ret = fb_run_receive_series(balloon, f, rb->host + offset, pages);
		else
			ret = fb_run_receive(balloon, f, rb->host + offset, len);
		ramblock_recv_bitmap_set_range(rb, rb->host + offset, pages);
	}
	return ret ? ret : qemu_file_get_error(f);
}

static int fb_page_runs_load_state(QEMUFile *f, void *opaque, int version_id)
{
	int blocks, ret;
	char name[256];

	RCU_READ_LOCK_GUARD();
	for (blocks = 0; blocks < FB_RUNS_BLOCKS_MAX; blocks++) {
		RAMBlock *rb;

		if (!qemu_get_counted_string(f, name))
			return qemu_file_get_error(f);
		rb = qemu_ram_block_by_name(name);
		if (!rb || !fb_block_is_backend(rb) || ramblock_is_ignored(rb)) {
			error_report("virtio-fastballoon: runs of pages for '%s', which is no "
				     "guest memory here",
				     name);
			return -EINVAL;
		}
		ret = fb_page_runs_load_block(opaque, f, rb);
		if (ret)
			return ret;
	}
	error_report("virtio-fastballoon: malformed runs of pages: more than %d blocks",
		     FB_RUNS_BLOCKS_MAX);
	return -EINVAL;
}

static const SaveVMHandlers fb_page_runs_handlers = {
	.save_live_pending = fb_page_runs_pending,
	.load_state = fb_page_runs_load_state,
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
