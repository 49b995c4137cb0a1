// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * page_runs_load.c - runs of pages arrive.
 *
 * Theory of operation
 * -------------------
 * What of a run is in the stream's buffer already is copied from there; the rest is read from the
 * channel straight into guest memory. To know that the buffer is empty, as many bytes are taken
 * through it as it ever holds, which fb_stream_buffer_bytes() finds out.
 *
 * Nothing that arrives is believed: names, offsets and lengths are checked against guest memory, and
 * a stream that breaks the format ends the migration.
 */
#include "balloon.h"
#include "page_runs.h"
#include "page_runs_format.h"
#include "page_series.h"

size_t fb_stream_buffer_bytes(void)
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

int fb_page_runs_load(QEMUFile *f, void *opaque, int version_id)
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
