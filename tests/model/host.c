// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host.c - the host's half of the model: the device around device/hint.c, as qemu/hinting.c and
 * qemu/hint_worker.c run it, and what of QEMU's migration matters to it.
 */
#include <endian.h>
#include <string.h>

#include "../../device/fastballoon_device.h"
#include "../../device/internal.h"
#include "model.h"

/* The core's answer to the buffer in progress. */
static bool fb_m_skipped;

static int fb_m_find_ram(void *host, uint64_t gpa, struct fb_ram *ram)
{
	*ram = (struct fb_ram){ .gpa = 0,
				.len = FB_M_PAGES * FB_PAGE_SIZE,
				.host_page_size = FB_PAGE_SIZE };
	return 0;
}

static void fb_m_skip(void *host, uint64_t gpa, uint64_t len)
{
	fb_m_skipped = true;
}

static void fb_m_guest_error(void *host, const char *what)
{
}

static const struct fb_host_ops fb_m_ops = {
	.find_ram = fb_m_find_ram,
	.skip = fb_m_skip,
	.guest_error = fb_m_guest_error,
};

static struct fb_device fb_m_core = { .ops = &fb_m_ops };

static struct fb_hint *fb_m_load(const struct fb_m_state *state)
{
	fb_m_core.hint.state = state->hint_state;
	fb_m_core.hint.cmd_id = FB_HINT_CMD_ID_MIN + state->hint_id;
	return &fb_m_core.hint;
}

static void fb_m_save(struct fb_m_state *state)
{
	state->hint_state = (uint8_t)fb_m_core.hint.state;
	state->hint_id = (uint8_t)(fb_m_core.hint.cmd_id - FB_HINT_CMD_ID_MIN);
}

uint8_t fb_m_shown_id(const struct fb_m_state *state)
{
	uint32_t id = fb_hint_config(fb_m_load(state));

	if (id == VIRTIO_BALLOON_CMD_ID_DONE)
		return FB_M_ID_DONE;
	return id == VIRTIO_BALLOON_CMD_ID_STOP ? 0 : (uint8_t)(id - FB_HINT_CMD_ID_MIN);
}

bool fb_m_ring_is_empty(const struct fb_m_state *state)
{
	return !state->ring[0] && !state->work[0];
}

/* The buffer of a hint is returned, whatever came of it. */
static void fb_m_return(const struct fb_m_config *config, struct fb_m_state *state,
			unsigned int page)
{
	struct fb_m_page *p = &state->page[page];

	if (config->mode != FB_M_READ && p->owner == FB_M_HELD)
		p->owner = FB_M_ACKED;
}

/* fb_hint_worker_void(): what waits goes back without effect. Not while the thread is busy. */
static void fb_m_void(const struct fb_m_config *config, struct fb_m_state *state)
{
	for (unsigned int i = 0; i < FB_M_WORK; i++) {
		if (state->work[i])
			fb_m_return(config, state, state->work[i] - 1u);
		state->work[i] = 0;
	}
}

void fb_m_device_reset(struct fb_m_state *state)
{
	memset(state->ring, 0, sizeof(state->ring));
	memset(state->work, 0, sizeof(state->work));
	state->id_buffer = 0;
	fb_hint_reset(fb_m_load(state));
	fb_m_save(state);
}

/* The core judges an id, CMD_ID_STOP or the hint of a page. */
static void fb_m_judge(struct fb_m_state *state, unsigned int what)
{
	uint32_t id = htole32(state->id_buffer ? FB_HINT_CMD_ID_MIN + state->id_buffer : 0);
	uint32_t stop = htole32(VIRTIO_BALLOON_CMD_ID_STOP);
	struct iovec out = { what == FB_M_RING_ID ? &id : &stop, sizeof(id) };
	struct fb_range in = { (what - FB_M_RING_PAGE) * FB_PAGE_SIZE, FB_PAGE_SIZE };
	struct fb_buffer buffer = { 0 };

	if (what < FB_M_RING_PAGE) {
		buffer.out = &out;
		buffer.out_count = 1;
	} else {
		buffer.in = &in;
		buffer.in_count = 1;
	}
	fb_m_load(state);
	fb_m_skipped = false;
	fb_device_hint(&fb_m_core, &buffer);
	fb_m_save(state);
}

static unsigned int fb_m_ring_take(struct fb_m_state *state)
{
	unsigned int what = state->ring[0];

	memmove(state->ring, state->ring + 1, FB_M_RING - 1);
	state->ring[FB_M_RING - 1] = FB_M_RING_NONE;
	return what;
}

/* fb_queue_handle_one() */
static bool fb_m_pop(const struct fb_m_config *config, struct fb_m_state *state)
{
	unsigned int slot = 0, what = fb_m_ring_take(state);
	bool stale = config->bad & FB_M_BAD_STALE;

	if (what == FB_M_RING_NONE)
		return false;
	fb_m_judge(state, what);
	if (!memchr(state->ring, FB_M_RING_ID, FB_M_RING))
		state->id_buffer = 0;
	if (what < FB_M_RING_PAGE)
		return true;
	if (!fb_m_skipped && !stale) {
		fb_m_return(config, state, what - FB_M_RING_PAGE);
		return true;
	}
	while (slot < FB_M_WORK && state->work[slot])
		slot++;
	if (slot == FB_M_WORK)
		return false;
	state->work[slot] = (uint8_t)(what - FB_M_RING_PAGE + 1);
	return true;
}

static unsigned int fb_m_chunk(const struct fb_m_config *config, unsigned int page)
{
	return config->one_chunk ? 0 : page;
}

/* KVM_CLEAR_DIRTY_LOG: of the bits in the kernel, those go that QEMU has seen. */
static void fb_m_clear_log(const struct fb_m_config *config, struct fb_m_state *state,
			   unsigned int chunk)
{
	if (!(state->pending >> chunk & 1))
		return;
	state->pending &= (uint8_t) ~(1u << chunk);
	for (unsigned int i = 0; i < config->pages; i++) {
		struct fb_m_page *p = &state->page[i];

		if (fb_m_chunk(config, i) != chunk)
			continue;
		if (p->flags & FB_M_SEEN)
			p->flags &= (uint8_t) ~(FB_M_KERNEL | FB_M_SEEN);
	}
}

/* qemu_guest_free_page_hint(), the thread's first half. */
static bool fb_m_clear_chunk(const struct fb_m_config *config, struct fb_m_state *state)
{
	if (!state->work[0] || state->busy)
		return false;
	state->busy = true;
	fb_m_clear_log(config, state, fb_m_chunk(config, state->work[0] - 1u));
	return true;
}

static bool fb_m_clear_bit(const struct fb_m_config *config, struct fb_m_state *state)
{
	unsigned int page = state->work[0] - 1u;

	if (!state->busy)
		return false;
	state->busy = false;
	state->page[page].flags &= (uint8_t)~FB_M_DIRTY;
	memmove(state->work, state->work + 1, FB_M_WORK - 1);
	state->work[FB_M_WORK - 1] = 0;
	fb_m_return(config, state, page);
	return true;
}

/* PRECOPY_NOTIFY_BEFORE_BITMAP_SYNC */
static bool fb_m_stop_hints(const struct fb_m_config *config, struct fb_m_state *state)
{
	bool keep = config->bad & FB_M_BAD_VOID;

	if (state->phase != FB_M_BEFORE || (state->busy && !keep))
		return false;
	if (!keep)
		fb_m_void(config, state);
	fb_hint_stop(fb_m_load(state));
	fb_m_save(state);
	state->phase = FB_M_SYNC;
	return true;
}

static bool fb_m_sync(const struct fb_m_config *config, struct fb_m_state *state)
{
	if (state->phase != FB_M_SYNC)
		return false;
	for (unsigned int i = 0; i < config->pages; i++) {
		struct fb_m_page *p = &state->page[i];

		p->flags &= (uint8_t)~FB_M_SEEN;
		if (p->flags & FB_M_KERNEL)
			p->flags |= FB_M_LOGGED | FB_M_SEEN;
		if (p->flags & FB_M_LOGGED)
			p->flags |= FB_M_DIRTY;
		p->flags &= (uint8_t)~FB_M_LOGGED;
		if (config->log == FB_M_LOG_MANUAL)
			state->pending |= (uint8_t)(1u << fb_m_chunk(config, i));
	}
	state->syncs++;
	state->phase = FB_M_AFTER;
	state->step = 0;
	return true;
}

/* qemu/hole_skip.c, a step at a time */
static void fb_m_skip_holes(const struct fb_m_config *config, struct fb_m_state *state,
			    unsigned int page, unsigned int step)
{
	struct fb_m_page *p = &state->page[page];

	if (step == FB_M_LOOK && !(p->flags & FB_M_POPULATED))
		p->flags |= FB_M_HOLE;
	if (!(p->flags & FB_M_HOLE))
		return;
	if (step == FB_M_SKIP_LOG)
		fb_m_clear_log(config, state, fb_m_chunk(config, page));
	else if (step == FB_M_SKIP_BITS)
		p->flags &= (uint8_t)~FB_M_DIRTY;
	else if (step == FB_M_RESCAN && p->flags & FB_M_POPULATED)
		p->flags |= FB_M_DIRTY;
}

/* PRECOPY_NOTIFY_AFTER_BITMAP_SYNC and, at first, _SETUP */
static bool fb_m_after(const struct fb_m_config *config, struct fb_m_state *state)
{
	unsigned int step = config->steps[state->step];

	if (state->phase != FB_M_AFTER)
		return false;
	for (unsigned int i = 0; i < config->pages; i++) {
		if (step == FB_M_FLUSH)
			state->page[i].flags &= (uint8_t)~FB_M_TLB;
		else if (step == FB_M_CLEAR)
			fb_m_clear_log(config, state, fb_m_chunk(config, i));
		else if (state->syncs == 1)
			fb_m_skip_holes(config, state, i, step);
	}
	state->step++;
	if (step == FB_M_END) {
		for (unsigned int i = 0; i < config->pages; i++)
			state->page[i].flags &= (uint8_t)~FB_M_HOLE;
		state->step = 0;
		state->phase = state->stopped ? FB_M_SENDING : FB_M_BEGIN;
	}
	return true;
}

/* fb_hinting_begin() */
static bool fb_m_begin(const struct fb_m_config *config, struct fb_m_state *state)
{
	if (state->phase != FB_M_BEGIN)
		return false;
	while (!config->no_drain && state->ring[0]) {
		if (!fb_m_pop(config, state))
			return false;
	}
	fb_hint_begin(fb_m_load(state));
	fb_m_save(state);
	state->phase = FB_M_SENDING;
	return true;
}

/* ram_save_host_page(): the log around the page is cleared, and its bit, then it is read. */
static bool fb_m_take(const struct fb_m_config *config, struct fb_m_state *state, unsigned int page)
{
	struct fb_m_page *p = &state->page[page];

	if (state->phase != FB_M_SENDING || state->sending || !(p->flags & FB_M_DIRTY))
		return false;
	fb_m_clear_log(config, state, fb_m_chunk(config, page));
	p->flags &= (uint8_t)~FB_M_DIRTY;
	state->sending = (uint8_t)(page + 1);
	return true;
}

static bool fb_m_send(struct fb_m_state *state)
{
	struct fb_m_page *p;

	if (!state->sending)
		return false;
	p = &state->page[state->sending - 1];
	p->copy = p->zero ? FB_M_COPY_ZERO : FB_M_COPY_LAST;
	state->sending = 0;
	return true;
}

static bool fb_m_neighbour(const struct fb_m_config *config, struct fb_m_state *state,
			   unsigned int page)
{
	if (!config->neighbour || state->phase != FB_M_SENDING ||
	    !(state->pending >> fb_m_chunk(config, page) & 1))
		return false;
	fb_m_clear_log(config, state, fb_m_chunk(config, page));
	return true;
}

/* Whether the rounds may end here; the last sync is kept for the stopped guest. */
static bool fb_m_next_sync(struct fb_m_state *state, bool stop)
{
	if (state->phase != FB_M_SENDING || state->sending || state->stopped)
		return false;
	state->phase = FB_M_BEFORE;
	state->stopped = stop;
	return true;
}

/* fb_hinting_done(); a new migration finds all pages dirty and an empty destination. */
static bool fb_m_cancel(const struct fb_m_config *config, struct fb_m_state *state)
{
	if (state->cancels == config->cancels || state->phase != FB_M_SENDING || state->stopped ||
	    state->busy || state->sending)
		return false;
	state->cancels++;
	fb_m_void(config, state);
	fb_hint_done(fb_m_load(state));
	fb_m_save(state);
	state->phase = FB_M_BEFORE;
	state->syncs = 0;
	state->pending = 0;
	for (unsigned int i = 0; i < config->pages; i++) {
		struct fb_m_page *p = &state->page[i];

		p->copy = FB_M_COPY_ZERO;
		p->flags &= FB_M_POPULATED | FB_M_TLB | FB_M_BATCH;
		p->flags |= FB_M_DIRTY | (config->log == FB_M_LOG_MANUAL ? FB_M_KERNEL : 0);
	}
	return true;
}

bool fb_m_host(const struct fb_m_config *config, struct fb_m_state *state, enum fb_m_action action,
	       unsigned int page)
{
	switch (action) {
	case FB_M_DO_pop:
		return !state->stopped && fb_m_pop(config, state);
	case FB_M_DO_clear_chunk:
		return fb_m_clear_chunk(config, state);
	case FB_M_DO_clear_bit:
		return fb_m_clear_bit(config, state);
	case FB_M_DO_stop_hints:
		return fb_m_stop_hints(config, state);
	case FB_M_DO_sync:
		return fb_m_sync(config, state);
	case FB_M_DO_after:
		return fb_m_after(config, state);
	case FB_M_DO_begin:
		return fb_m_begin(config, state);
	case FB_M_DO_take:
		return fb_m_take(config, state, page);
	case FB_M_DO_send:
		return fb_m_send(state);
	case FB_M_DO_neighbour:
		return fb_m_neighbour(config, state, page);
	case FB_M_DO_next_round:
		return state->syncs + 1 < config->syncs && fb_m_next_sync(state, false);
	case FB_M_DO_stop_guest:
		return fb_m_next_sync(state, true);
	case FB_M_DO_cancel:
		return fb_m_cancel(config, state);
	default:
		return false;
	}
}

bool fb_m_start(const struct fb_m_config *config, unsigned int which, struct fb_m_state *state)
{
	if (which >> (2 * config->pages))
		return false;
	*state = (struct fb_m_state){ .hint_state = FB_HINT_STOP };
	for (unsigned int i = 0; i < config->pages; i++, which >>= 2) {
		struct fb_m_page *p = &state->page[i];
		bool used = which & 1, populated = which & 2;

		if ((used || !config->holes) && !populated)
			return false;
		p->owner = used ? FB_M_USED : FB_M_FREE;
		p->zero = !used;
		p->flags = FB_M_DIRTY;
		if (populated)
			p->flags |= FB_M_POPULATED;
		if (config->log == FB_M_LOG_MANUAL)
			p->flags |= FB_M_KERNEL;
		else
			p->flags |= FB_M_LOGGED;
		if (config->log == FB_M_LOG_STALE && populated)
			p->flags |= FB_M_TLB;
	}
	return true;
}

bool fb_m_is_over(const struct fb_m_config *config, const struct fb_m_state *state)
{
	if (state->phase != FB_M_SENDING || !state->stopped || state->sending)
		return false;
	for (unsigned int i = 0; i < config->pages; i++) {
		if (state->page[i].flags & FB_M_DIRTY)
			return false;
	}
	return true;
}

unsigned int fb_m_lost_page(const struct fb_m_config *config, const struct fb_m_state *state)
{
	for (unsigned int i = 0; i < config->pages; i++) {
		const struct fb_m_page *p = &state->page[i];
		bool matters = p->owner == FB_M_USED ||
			       (config->zero_on_free && p->owner == FB_M_FREE && p->zero);

		if (matters && (p->zero ? p->copy != FB_M_COPY_ZERO : p->copy != FB_M_COPY_LAST))
			return i + 1;
	}
	return 0;
}
