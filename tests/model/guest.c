// SPDX-License-Identifier: GPL-2.0-or-later
/* guest.c - the guest's half of the model: processes, and the driver's hinting. */
#include <string.h>

#include "model.h"

void fb_m_guest_write(const struct fb_m_config *config, struct fb_m_page *page, bool zero)
{
	page->zero = zero;
	if (page->copy == FB_M_COPY_LAST)
		page->copy = FB_M_COPY_OLD;
	page->flags |= FB_M_POPULATED;
	if (config->log == FB_M_LOG_MANUAL)
		page->flags |= FB_M_KERNEL;
	else if (!(page->flags & FB_M_TLB))
		page->flags |= FB_M_LOGGED;
	if (config->log == FB_M_LOG_STALE)
		page->flags |= FB_M_TLB;
}

static bool fb_m_free_page(const struct fb_m_config *config, struct fb_m_page *page)
{
	if (page->owner != FB_M_ALLOC && page->owner != FB_M_USED)
		return false;
	if (config->zero_on_free)
		fb_m_guest_write(config, page, true);
	page->owner = FB_M_FREE;
	return true;
}

/* The host takes memory of a page that the balloon or reporting holds. No log sees that. */
static bool fb_m_discard(const struct fb_m_config *config, struct fb_m_page *page)
{
	if (!config->holes || page->owner != FB_M_FREE || !(page->flags & FB_M_POPULATED))
		return false;
	page->flags &= (uint8_t)~FB_M_POPULATED;
	page->zero = true;
	if (page->copy == FB_M_COPY_LAST)
		page->copy = FB_M_COPY_OLD;
	return true;
}

static bool fb_m_reboot(const struct fb_m_config *config, struct fb_m_state *state)
{
	if (state->reboots == config->reboots || state->busy)
		return false;
	state->reboots++;
	for (unsigned int i = 0; i < config->pages; i++) {
		state->page[i].owner = FB_M_FREE;
		state->page[i].flags &= (uint8_t)~FB_M_BATCH;
	}
	state->driver = FB_M_IDLE;
	state->pos = 0;
	state->watched = 0;
	state->answered = 0;
	fb_m_device_reset(state);
	return true;
}

/* Append to the ring; false where it is full. */
static bool fb_m_ring_put(struct fb_m_state *state, unsigned int what)
{
	for (unsigned int i = 0; i < FB_M_RING; i++) {
		if (state->ring[i] == FB_M_RING_NONE) {
			state->ring[i] = (uint8_t)what;
			return true;
		}
	}
	return false;
}

/* fb_hint_step() sees an id that it has not answered. */
static bool fb_m_read_id(struct fb_m_state *state)
{
	uint8_t id = fb_m_shown_id(state);

	if (state->driver != FB_M_IDLE || !id || id == FB_M_ID_DONE || id == state->answered)
		return false;
	state->driver = FB_M_DRAIN;
	state->watched = id;
	return true;
}

/* fb_hint_drain() has ended, or the driver is one that does not drain. */
static bool fb_m_put_id(const struct fb_m_config *config, struct fb_m_state *state)
{
	if (state->driver != FB_M_DRAIN)
		return false;
	if (!(config->bad & FB_M_BAD_DRAIN) && !fb_m_ring_is_empty(state))
		return false;
	if (!fb_m_ring_put(state, FB_M_RING_ID))
		return false;
	state->id_buffer = state->watched;
	state->answered = state->watched;
	state->driver = FB_M_WALK;
	state->pos = 0;
	return true;
}

static bool fb_m_give_up(struct fb_m_state *state)
{
	if (state->driver != FB_M_DRAIN || fb_m_shown_id(state) == state->watched)
		return false;
	state->driver = FB_M_IDLE;
	state->watched = 0;
	return true;
}

/* Under the zone's lock: see the page free and, unless the mode only reads, take it. */
static bool fb_m_find(const struct fb_m_config *config, struct fb_m_state *state, unsigned int page)
{
	struct fb_m_page *p = &state->page[page];

	if (state->driver != FB_M_WALK || state->pos != page || p->owner != FB_M_FREE)
		return false;
	p->flags |= FB_M_BATCH;
	if (config->mode != FB_M_READ)
		p->owner = FB_M_HELD;
	state->pos++;
	return true;
}

static bool fb_m_pass(const struct fb_m_config *config, struct fb_m_state *state, unsigned int page)
{
	if (state->driver != FB_M_WALK || state->pos != page || page >= config->pages)
		return false;
	state->pos++;
	return true;
}

/* A buffer of hints goes out when it is full, or at the end. */
static bool fb_m_put_page(struct fb_m_state *state, unsigned int page)
{
	struct fb_m_page *p = &state->page[page];

	if (state->driver == FB_M_IDLE || !(p->flags & FB_M_BATCH))
		return false;
	p->flags &= (uint8_t)~FB_M_BATCH;
	return fb_m_ring_put(state, FB_M_RING_PAGE + page);
}

/* All pages are seen, or the driver has seen another id: what it has found goes out still. */
static bool fb_m_cut(struct fb_m_state *state)
{
	if (state->driver != FB_M_WALK)
		return false;
	state->driver = FB_M_SEND;
	state->pos = 0;
	return true;
}

static bool fb_m_put_stop(const struct fb_m_config *config, struct fb_m_state *state)
{
	if (state->driver != FB_M_SEND)
		return false;
	for (unsigned int i = 0; i < config->pages; i++) {
		if (state->page[i].flags & FB_M_BATCH)
			return false;
	}
	state->driver = FB_M_IDLE;
	state->watched = 0;
	return fb_m_ring_put(state, FB_M_RING_STOP);
}

/* Completion in the mode that holds; the shrinker in the one that keeps until DONE. */
static bool fb_m_give_back(const struct fb_m_config *config, struct fb_m_page *page)
{
	bool may = page->owner == FB_M_ACKED;

	if (config->bad & FB_M_BAD_SHRINKER)
		may |= page->owner == FB_M_HELD && !(page->flags & FB_M_BATCH);
	page->owner = FB_M_FREE;
	return may;
}

static bool fb_m_alloc(struct fb_m_page *page)
{
	bool may = page->owner == FB_M_FREE;

	page->owner = FB_M_ALLOC;
	return may;
}

static bool fb_m_write(const struct fb_m_config *config, struct fb_m_page *page)
{
	bool may = page->owner == FB_M_ALLOC || page->owner == FB_M_USED;

	fb_m_guest_write(config, page, false);
	page->owner = FB_M_USED;
	return may;
}

bool fb_m_guest(const struct fb_m_config *config, struct fb_m_state *state, enum fb_m_action action,
		unsigned int page)
{
	struct fb_m_page *p = &state->page[page];

	if (state->stopped)
		return false;
	switch (action) {
	case FB_M_DO_alloc:
		return fb_m_alloc(p);
	case FB_M_DO_write:
		return fb_m_write(config, p);
	case FB_M_DO_free:
		return fb_m_free_page(config, p);
	case FB_M_DO_discard:
		return fb_m_discard(config, p);
	case FB_M_DO_reboot:
		return fb_m_reboot(config, state);
	case FB_M_DO_read_id:
		return fb_m_read_id(state);
	case FB_M_DO_give_up:
		return fb_m_give_up(state);
	case FB_M_DO_put_id:
		return fb_m_put_id(config, state);
	case FB_M_DO_find:
		return fb_m_find(config, state, page);
	case FB_M_DO_pass:
		return fb_m_pass(config, state, page);
	case FB_M_DO_put_page:
		return fb_m_put_page(state, page);
	case FB_M_DO_cut:
		return fb_m_cut(state);
	case FB_M_DO_put_stop:
		return fb_m_put_stop(config, state);
	case FB_M_DO_give_back:
		return fb_m_give_back(config, p);
	default:
		return false;
	}
}
