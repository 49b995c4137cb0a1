// SPDX-License-Identifier: BSD-3-Clause
/*
 * hint.c - free page hinting, the device's half.
 *
 * Theory of operation. During a migration the hypervisor asks for the pages that are free, in
 * rounds. A round has a command id, from FB_HINT_CMD_ID_MIN upwards; after UINT32_MAX comes
 * FB_HINT_CMD_ID_MIN again. The driver sends the id, then hints, then CMD_ID_STOP.
 *
 *   state      fb_hint_begin  driver sends     driver sends     fb_hint_stop  fb_hint_done
 *                             the round's id   another id or
 *                                              CMD_ID_STOP
 *   STOP       REQUESTED      -                -                -             DONE
 *   REQUESTED  REQUESTED      START            -                STOP          DONE
 *   START      REQUESTED      STOP (*)         STOP (*)         STOP          DONE
 *   DONE       REQUESTED      -                -                -             -
 *
 *   -    no change. An id or a STOP that arrives here belongs to a round that the hypervisor
 *        has ended already; it is no fault of the driver.
 *   (*)  and driver_stopped is set. A driver sends its round's id once; a second one is
 *        answered as any unexpected id is, since losing hints is always safe.
 *
 * fb_hint_begin() makes a new id and clears driver_stopped. A device reset leads to STOP.
 *
 * Hints count in START only. The configuration shows the id in REQUESTED and in START: a
 * driver that looks again while it hints, because the configuration changed for another
 * reason, must find the id that it is answering. STOP shows CMD_ID_STOP, DONE CMD_ID_DONE.
 *
 * With F_PAGE_BITMAP the bits of a page bitmap are hints, too: a device-readable part that is no
 * id of four bytes. With F_CTRL_VQ the driver learns of the same states by requests (ctrl.c).
 *
 * A hint skips; it never discards. The hypervisor handles all buffers that are queued before
 * it begins a round: a driver that keeps the id in one place would otherwise put the new id in
 * front of hints of the old round.
 *
 * These functions use dev->hint and nothing else that changes, so that the hypervisor may
 * give hinting a lock and a thread of its own.
 */
#include <endian.h>

#include "bitmap.h"
#include "internal.h"
#include "iov.h"
#include "range.h"

void fb_hint_init(struct fb_hint *hint)
{
	*hint = (struct fb_hint){ .state = FB_HINT_STOP, .cmd_id = FB_HINT_CMD_ID_MIN };
}

void fb_hint_reset(struct fb_hint *hint)
{
	hint->state = FB_HINT_STOP;
	hint->driver_stopped = false;
}

uint32_t fb_hint_begin(struct fb_hint *hint)
{
	if (hint->cmd_id < FB_HINT_CMD_ID_MIN || hint->cmd_id == UINT32_MAX)
		hint->cmd_id = FB_HINT_CMD_ID_MIN;
	else
		hint->cmd_id++;
	hint->state = FB_HINT_REQUESTED;
	hint->driver_stopped = false;
	return hint->cmd_id;
}

void fb_hint_stop(struct fb_hint *hint)
{
	if (hint->state != FB_HINT_DONE)
		hint->state = FB_HINT_STOP;
}

void fb_hint_done(struct fb_hint *hint)
{
	hint->state = FB_HINT_DONE;
}

void fb_hint_set_args(struct fb_hint *hint, unsigned int min_order, bool held)
{
	hint->min_order = min_order < FB_HINT_MIN_ORDER_MAX ? min_order : FB_HINT_MIN_ORDER_MAX;
	hint->held = held;
}

uint32_t fb_hint_config(const struct fb_hint *hint)
{
	switch (hint->state) {
	case FB_HINT_REQUESTED:
	case FB_HINT_START:
		return hint->cmd_id;
	case FB_HINT_DONE:
		return VIRTIO_BALLOON_CMD_ID_DONE;
	default:
		return VIRTIO_BALLOON_CMD_ID_STOP;
	}
}

static void fb_hint_receive_id(struct fb_hint *hint, uint32_t id)
{
	if (hint->state == FB_HINT_REQUESTED && id == hint->cmd_id) {
		hint->state = FB_HINT_START;
	} else if (hint->state == FB_HINT_START) {
		hint->state = FB_HINT_STOP;
		hint->driver_stopped = true;
	}
}

/* Read a command id of exactly four bytes from the device-readable parts. */
static bool fb_hint_read_id(const struct fb_buffer *buffer, uint32_t *id)
{
	uint32_t wire = 0;
	struct fb_iov it;

	fb_iov_init(&it, buffer->out, buffer->out_count);
	if (fb_iov_left(&it) != sizeof(wire))
		return false;
	fb_iov_read(&it, &wire, sizeof(wire));
	*id = le32toh(wire);
	return true;
}

/* Skip what of a hint is RAM, up to the first hole. Return: whether all of it was. */
static bool fb_hint_skip(struct fb_device *dev, const struct fb_range *whole)
{
	uint64_t gpa = whole->gpa;
	uint64_t end = whole->gpa + whole->len;
	struct fb_ram ram;

	while (gpa < end) {
		uint64_t len = fb_ram_extent(dev, gpa, end, &ram);

		if (!len)
			return false;
		dev->ops->skip(dev->host, gpa, len);
		dev->hint.hinted_bytes += len;
		gpa += len;
	}
	return true;
}

static const char *fb_hint_range(struct fb_device *dev, const struct fb_range *range)
{
	struct fb_range whole;

	if (!fb_range_is_valid(range, 1))
		return "hint is empty or overflows";
	if (dev->hint.state != FB_HINT_START) {
		dev->hint.stale_bytes += range->len;
		return NULL;
	}
	whole = fb_range_whole(range, 0, FB_PAGE_SIZE);
	return fb_hint_skip(dev, &whole) ? NULL : "hint is not wholly guest RAM";
}

/* Count what was wrong with a hint, if anything, and remember it in @reason. */
static void fb_hint_judge(struct fb_device *dev, const char *why, const char **reason)
{
	if (!why)
		return;
	dev->hint.refused++;
	*reason = why;
}

/* Return: why the last of the hints that were refused was, or NULL. */
static const char *fb_hint_bitmap(struct fb_device *dev, const struct fb_buffer *buffer)
{
	struct virtio_fastballoon_pages header;
	const char *reason = NULL;
	struct fb_bitmap bitmap;
	struct fb_range run;
	struct fb_iov it;

	fb_iov_init(&it, buffer->out, buffer->out_count);
	if (buffer->in_count)
		reason = "page bitmap with device-writable hints";
	else if (!fb_pages_read_header(&it, &header) ||
		 header.format != VIRTIO_FASTBALLOON_PAGES_BITMAP)
		reason = "neither a hint command id nor a page bitmap";
	else
		reason = fb_bitmap_open(&bitmap, &it, header.count);
	if (reason) {
		dev->hint.refused++;
		return reason;
	}
	while (fb_bitmap_next(&bitmap, &run))
		fb_hint_judge(dev, fb_hint_range(dev, &run), &reason);
	dev->hint.refused += bitmap.refused;
	return bitmap.refused ? "page bitmap names pages that no guest has" : reason;
}

static const char *fb_hint_ranges(struct fb_device *dev, const struct fb_buffer *buffer)
{
	const char *reason = NULL;

	for (unsigned int i = 0; i < buffer->in_count; i++)
		fb_hint_judge(dev, fb_hint_range(dev, &buffer->in[i]), &reason);
	return reason;
}

static const char *fb_hint_buffer(struct fb_device *dev, const struct fb_buffer *buffer)
{
	uint32_t id;

	if (!buffer->out_count)
		return fb_hint_ranges(dev, buffer);
	if (fb_hint_read_id(buffer, &id)) {
		fb_hint_receive_id(&dev->hint, id);
		return fb_hint_ranges(dev, buffer);
	}
	if (fb_device_has(dev, VIRTIO_FASTBALLOON_F_PAGE_BITMAP))
		return fb_hint_bitmap(dev, buffer);
	dev->hint.refused++;
	return "hint command id is not four bytes long";
}

void fb_device_hint(struct fb_device *dev, const struct fb_buffer *buffer)
{
	const char *reason = fb_hint_buffer(dev, buffer);

	if (reason)
		dev->ops->guest_error(dev->host, reason);
}
