// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hole_skip.c - a migration does not send memory that this host never backed.
 *
 * Theory of operation
 * -------------------
 * Memory that was never written, or given back by the balloon or by free page reporting, has no
 * page behind it. It reads zero here, and zero in the memory of a fresh QEMU over there. It is
 * taken out of the bitmap of the first round, between the first sync and the first page that is
 * sent (precopy.c), with no help of the guest:
 *
 *   1  the dirty log is made exact (dirty_log.c): from here on every write enters the log, and
 *      the next sync finds it there;
 *   2  look which pages have content;
 *   3  take the others out of the bitmap;
 *   4  look again: what of them has content now is marked dirty again.
 *
 * Why nothing is lost. Let a page be without content at the moment of 2. It reads zero then, so
 * whatever it holds later was written later, hence after 1, hence is in the log: it is sent in a
 * later round, at the latest in the last one, which begins with a sync while the guest stands
 * still. So 4 finds nothing that would be missing.
 *
 * 4 is for the log that is cleared late (eager-clear=off, the way of QEMU under KVM): step 3
 * clears the log of the chunk together with the bitmap's bits, and so wipes what was written
 * between 2 and 3. A page without content at the moment of 4 reads zero then; what is written
 * later is written after the chunk was cleared, and in the log. The others are marked. Since a
 * look costs little, it is done in any case, as a second barrier.
 *
 * Devices and vhost enter their writes in a log of their own after the write, and QEMU's own
 * bitmap is not touched by 1 or 3, so the same holds for them.
 *
 * What may be skipped is memory of a memory backend, and of these
 *   - private anonymous memory, by /proc/self/pagemap;
 *   - shared files without a name (memfd), by their holes.
 * Not files with a name, since one at the destination may have content from before, and private
 * mappings of files, whose content is in two places. ROMs and device memory are no backends.
 *
 * The destination is asked as well: ahead of the first page the stream names the RAM blocks of
 * which memory was skipped, and loading it fails where such a block is a file with a name. The
 * source then finds the connection closed, and goes on.
 */
#include "balloon.h"
#include "dirty_log.h"
#include "hole_skip.h"

/* Most RAM blocks that a stream may name. */
#define FB_HOLE_BLOCKS_MAX 256

/* A piece of a RAM block, offsets in bytes. */
typedef struct FbHole {
	uint64_t start;
	uint64_t end;
} FbHole;

/**
 * struct FbHolePass - one look at a RAM block.
 * @holes: of FbHole, ascending.
 * @at: first pass: all before was looked at.
 * @index: second pass: holes before this one end before what is left to look at.
 * @redirtied_bytes: second pass: marked dirty again.
 */
typedef struct FbHolePass {
	RAMBlock *rb;
	GArray *holes;
	uint64_t at;
	guint index;
	uint64_t redirtied_bytes;
} FbHolePass;

/* Why this migration has no hole skip, or NULL. */
static const char *fb_hole_off_reason(const FbBalloon *balloon)
{
	if (!balloon->hole_skip.enabled)
		return "hole-skip is switched off";
	if (runstate_check(RUN_STATE_SAVE_VM))
		return "a snapshot with savevm is loaded over memory that is not zero";
	if (migrate_background_snapshot())
		return "a background snapshot has no dirty log";
	if (migrate_postcopy_ram())
		return "postcopy-ram is enabled: a skipped page could not be fetched later";
	if (migrate_colo_enabled())
		return "COLO compares the memory of both sides";
	if (!fb_dirty_log_exact())
		return "tcg-flush=off: the dirty log is not exact under TCG";
	return NULL;
}

/* Whether the file behind a block has a name, by which it may be found with old content. */
static bool fb_hole_is_named_file(const RAMBlock *rb)
{
	struct stat st;

	return rb->fd >= 0 && (fstat(rb->fd, &st) < 0 || st.st_nlink);
}

/* Why the holes of a memory backend's block are not skipped, or NULL. */
static const char *fb_hole_block_reason(RAMBlock *rb)
{
	if (!rb->bmap || ramblock_is_ignored(rb))
		return "x-ignore-shared leaves this memory to the destination";
	if (rb->page_size != qemu_real_host_page_size())
		return "the memory is on pages of hugetlbfs";
	if (rb->fd < 0)
		return qemu_ram_is_shared(rb) ?
			       "the memory is shared, and no file tells its holes" :
			       NULL;
	if (!qemu_ram_is_shared(rb))
		return "the memory is a private mapping of a file";
	if (fb_hole_is_named_file(rb))
		return "the memory is a file, which may have old content at the destination";
	return NULL;
}

static void fb_hole_collect(void *opaque, uint64_t start, uint64_t len)
{
	FbHolePass *pass = opaque;
	FbHole hole = { .start = pass->at, .end = start };

	if (hole.start < hole.end)
		g_array_append_val(pass->holes, hole);
	pass->at = start + len;
}

static void fb_hole_redirty(void *opaque, uint64_t start, uint64_t len)
{
	FbHolePass *pass = opaque;
	uint64_t end = start + len;

	for (; pass->index < pass->holes->len; pass->index++) {
		FbHole *hole = &g_array_index(pass->holes, FbHole, pass->index);
		uint64_t from = MAX(hole->start, start);
		uint64_t to = MIN(hole->end, end);

		if (from < to) {
			memory_region_set_dirty(pass->rb->mr, from, to - from);
			pass->redirtied_bytes += to - from;
		}
		if (hole->end > end)
			break; /* the next run may touch it, too */
	}
}

/* Take the holes out of the migration's bitmap. Return: bytes. */
static uint64_t fb_hole_take_out(const FbHolePass *pass)
{
	uint64_t bytes = 0;
	guint i;

	for (i = 0; i < pass->holes->len; i++) {
		FbHole *hole = &g_array_index(pass->holes, FbHole, i);

		qemu_guest_free_page_hint(pass->rb->host + hole->start, hole->end - hole->start);
		bytes += hole->end - hole->start;
	}
	return bytes;
}

/* Return: 0, or a negative errno if nothing is known of the block and nothing was skipped. */
static int fb_hole_skip_block(RAMBlock *rb, struct fb_hole_scan *scan, FbHoleResult *result)
{
	struct fb_hole_memory memory = { .host = rb->host, .len = rb->used_length, .fd = rb->fd };
	g_autoptr(GArray) holes = g_array_new(false, false, sizeof(FbHole));
	FbHolePass pass = { .rb = rb, .holes = holes };
	int ret = fb_hole_scan_run(scan, &memory, fb_hole_collect, &pass);

	if (ret < 0)
		return ret;
	result->method = scan->method;
	fb_hole_collect(&pass, rb->used_length, 0);
	result->skipped_bytes += fb_hole_take_out(&pass);
	if (fb_hole_scan_run(scan, &memory, fb_hole_redirty, &pass) < 0) {
		pass.index = 0;
		fb_hole_redirty(&pass, 0, rb->used_length);
	}
	result->redirtied_bytes += pass.redirtied_bytes;
	return 0;
}

/* Look at all blocks. Those with memory skipped are named to the destination. */
static void fb_hole_skip_blocks(struct fb_hole_scan *scan, FbHoleResult *result, QEMUFile *f)
{
	const char *reason = "there is no memory backend";
	bool looked = false;
	RAMBlock *rb;

	RCU_READ_LOCK_GUARD();
	RAMBLOCK_FOREACH(rb) {
		uint64_t before = result->skipped_bytes;
		const char *why;

		if (!fb_block_is_backend(rb))
			continue;
		why = fb_hole_block_reason(rb);
		if (!why && fb_hole_skip_block(rb, scan, result) < 0)
			why = "the kernel or a security policy does not tell which memory is "
			      "backed";
		if (why)
			reason = why;
		else
			looked = true;
		if (result->skipped_bytes > before)
			qemu_put_counted_string(f, rb->idstr);
	}
	if (!looked)
		result->off_reason = reason;
}

static void fb_hole_publish(FbHoleSkip *hole_skip, const FbHoleResult *result)
{
	bool must_lock = !qemu_mutex_iothread_locked();

	if (must_lock)
		qemu_mutex_lock_iothread();
	hole_skip->result = *result;
	hole_skip->skipped_bytes += result->skipped_bytes;
	if (must_lock)
		qemu_mutex_unlock_iothread();
}

void fb_hole_skip_run(FbBalloon *balloon, QEMUFile *f)
{
	int64_t began_us = g_get_monotonic_time();
	FbHoleResult result = { .off_reason = fb_hole_off_reason(balloon) };

	if (!result.off_reason) {
		struct fb_hole_scan scan;

		fb_hole_scan_open(&scan);
		if (balloon->eager_clear)
			fb_dirty_log_clear();
		fb_hole_skip_blocks(&scan, &result, f);
		fb_hole_scan_close(&scan);
		result.scan_us = g_get_monotonic_time() - began_us;
	}
	qemu_put_byte(f, 0);
	result.state = result.off_reason ? FB_HOLE_OFF : FB_HOLE_ACTIVE;
	fb_hole_publish(&balloon->hole_skip, &result);
}

static int fb_hole_skip_notify(NotifierWithReturn *notifier, void *data)
{
	FbHoleSkip *hole_skip = container_of(notifier, FbHoleSkip, notifier);
	PrecopyNotifyData *precopy = data;

	if (precopy->reason == PRECOPY_NOTIFY_CLEANUP && hole_skip->result.state == FB_HOLE_ACTIVE)
		hole_skip->result.state = FB_HOLE_DONE;
	return 0;
}

/* Whether a block was zero when this QEMU began, whatever it was that the source skipped. */
static int fb_hole_check_destination(const char *name)
{
	RAMBlock *rb;

	RCU_READ_LOCK_GUARD();
	rb = qemu_ram_block_by_name(name);
	if (!rb) {
		error_report("virtio-fastballoon: the source skipped memory of '%s', which is "
			     "not here",
			     name);
		return -EINVAL;
	}
	if (!fb_hole_is_named_file(rb))
		return 0;
	error_report(
		"virtio-fastballoon: the source skipped memory of '%s' that was never written; "
		"here it is a file, which may have old content: set hole-skip=off at the "
		"source",
		name);
	return -EINVAL;
}

int fb_hole_skip_load(QEMUFile *f)
{
	char name[256];
	int blocks, ret;

	for (blocks = 0; blocks < FB_HOLE_BLOCKS_MAX; blocks++) {
		if (!qemu_get_counted_string(f, name))
			return qemu_file_get_error(f);
		ret = fb_hole_check_destination(name);
		if (ret)
			return ret;
	}
	error_report("virtio-fastballoon: malformed list of skipped memory: more than %d blocks",
		     FB_HOLE_BLOCKS_MAX);
	return -EINVAL;
}

static bool fb_visit_text(Visitor *v, const char *name, const char *text, Error **errp)
{
	char *copy = (char *)(text ? text : "");

	return visit_type_str(v, name, &copy, errp);
}

static bool fb_visit_hole_result(Visitor *v, FbHoleResult *result, Error **errp)
{
	static const char *const states[] = {
		[FB_HOLE_IDLE] = "idle",
		[FB_HOLE_OFF] = "off",
		[FB_HOLE_ACTIVE] = "active",
		[FB_HOLE_DONE] = "done",
	};

	return fb_visit_text(v, "state", states[result->state], errp) &&
	       fb_visit_text(v, "off-reason", result->off_reason, errp) &&
	       fb_visit_text(v, "method", fb_hole_method_name(result->method), errp) &&
	       visit_type_uint64(v, "skipped-bytes", &result->skipped_bytes, errp) &&
	       visit_type_uint64(v, "redirtied-bytes", &result->redirtied_bytes, errp) &&
	       visit_type_uint64(v, "scan-us", &result->scan_us, errp) &&
	       visit_check_struct(v, errp);
}

static void fb_get_hole_result(Object *obj, Visitor *v, const char *name, void *opaque,
			       Error **errp)
{
	FbHoleResult result = FB_BALLOON(obj)->hole_skip.result;

	if (!visit_start_struct(v, name, NULL, 0, errp))
		return;
	fb_visit_hole_result(v, &result, errp);
	visit_end_struct(v, NULL);
}

static bool fb_get_hole_skip(Object *obj, Error **errp)
{
	return FB_BALLOON(obj)->hole_skip.enabled;
}

/* Takes effect with the next migration. */
static void fb_set_hole_skip(Object *obj, bool enabled, Error **errp)
{
	FB_BALLOON(obj)->hole_skip.enabled = enabled;
}

void fb_hole_properties_add(FbBalloon *balloon)
{
	Object *obj = OBJECT(balloon);

	balloon->hole_skip.enabled = true;
	object_property_add_bool(obj, "hole-skip", fb_get_hole_skip, fb_set_hole_skip);
	object_property_add(obj, "fastballoon-hole-skip", "struct", fb_get_hole_result, NULL, NULL,
			    NULL);
}

void fb_hole_skip_realize(FbBalloon *balloon)
{
	balloon->hole_skip.notifier.notify = fb_hole_skip_notify;
	precopy_add_notifier(&balloon->hole_skip.notifier);
	fb_dirty_log_attach();
}

void fb_hole_skip_unrealize(FbBalloon *balloon)
{
	precopy_remove_notifier(&balloon->hole_skip.notifier);
}
