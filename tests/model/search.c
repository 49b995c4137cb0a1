// SPDX-License-Identifier: GPL-2.0-or-later
/* search.c - breadth first over the states of the model, so that a trace is a shortest one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* How a state was reached; those that the search starts from have no parent. */
struct fb_m_node {
	struct fb_m_state state;
	uint32_t parent; /* index + 1 */
	uint8_t action;
	uint8_t page;
};

struct fb_m_set {
	struct fb_m_node *nodes;
	size_t count, room;
	uint32_t *slots; /* index + 1 of a node; a power of two of them */
	size_t slot_mask;
};

static const struct {
	const char *text;
	bool paged;
} fb_m_actions[] = {
#define FB_M_ACTION_ENTRY(name, paged, text) [FB_M_DO_##name] = { text, paged },
	FB_M_ACTIONS(FB_M_ACTION_ENTRY)
#undef FB_M_ACTION_ENTRY
};

static const char *const fb_m_step_names[] = {
	[FB_M_END] = "hints may begin",
	[FB_M_FLUSH] = "TCG's TLBs are flushed",
	[FB_M_CLEAR] = "all of the log is cleared",
	[FB_M_LOOK] = "the pages that are not populated are holes",
	[FB_M_SKIP_LOG] = "the log of chunks with holes is cleared",
	[FB_M_SKIP_BITS] = "the holes are taken out of the migration bitmap",
	[FB_M_RESCAN] = "holes that are populated now are dirty again",
};

static const char *fb_m_step_name(const struct fb_m_config *config, const struct fb_m_state *state)
{
	unsigned int step = config->steps[state->step];

	if (step >= FB_M_LOOK && state->syncs > 1)
		return "nothing, since holes are skipped in the first round only";
	return fb_m_step_names[step];
}

static void *fb_m_check(void *memory)
{
	if (!memory) {
		fprintf(stderr, "model: out of memory\n");
		abort();
	}
	return memory;
}

static size_t fb_m_hash(const struct fb_m_state *state)
{
	const unsigned char *bytes = (const unsigned char *)state;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < sizeof(*state); i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return (size_t)(hash ^ hash >> 29);
}

/* The slot that holds @state, or the one that it belongs into. */
static uint32_t *fb_m_slot(struct fb_m_set *set, const struct fb_m_state *state)
{
	size_t slot = fb_m_hash(state) & set->slot_mask;

	while (set->slots[slot] &&
	       memcmp(&set->nodes[set->slots[slot] - 1].state, state, sizeof(*state)) != 0)
		slot = (slot + 1) & set->slot_mask;
	return &set->slots[slot];
}

static void fb_m_grow(struct fb_m_set *set)
{
	set->room = set->room ? set->room * 2 : 1u << 14;
	set->nodes = fb_m_check(realloc(set->nodes, set->room * sizeof(*set->nodes)));
	free(set->slots);
	set->slot_mask = set->room * 4 - 1;
	set->slots = fb_m_check(calloc(set->slot_mask + 1, sizeof(*set->slots)));
	for (size_t i = 0; i < set->count; i++)
		*fb_m_slot(set, &set->nodes[i].state) = (uint32_t)(i + 1);
}

/*
 * Make equal what no later state can tell apart: the content of a page that nobody relies on, and
 * what KVM has shown of a chunk that needs no clearing.
 */
static void fb_m_normalise(const struct fb_m_config *config, struct fb_m_state *state)
{
	for (unsigned int i = 0; i < config->pages; i++) {
		struct fb_m_page *p = &state->page[i];

		if (!(state->pending >> (config->one_chunk ? 0 : i) & 1))
			p->flags &= (uint8_t)~FB_M_SEEN;
		if (config->zero_on_free)
			continue;
		if (p->owner != FB_M_USED)
			p->zero = 0;
		if (p->owner != FB_M_USED || p->copy != FB_M_COPY_LAST)
			p->copy = FB_M_COPY_OLD;
	}
}

static void fb_m_add(const struct fb_m_config *config, struct fb_m_set *set, struct fb_m_node *node)
{
	uint32_t *slot;

	fb_m_normalise(config, &node->state);
	if (set->count == set->room)
		fb_m_grow(set);
	slot = fb_m_slot(set, &node->state);
	if (*slot)
		return;
	set->nodes[set->count++] = *node;
	*slot = (uint32_t)set->count;
}

static unsigned int fb_m_print_trace(const struct fb_m_config *config, const struct fb_m_set *set,
				     size_t index)
{
	const struct fb_m_node *node = &set->nodes[index];
	unsigned int len;

	if (!node->parent) {
		printf("%s:\n      at first", config->name);
		for (unsigned int i = 0; i < config->pages; i++)
			printf(", page %u is %s%s", i,
			       node->state.page[i].owner == FB_M_USED ? "in use" : "free",
			       node->state.page[i].flags & FB_M_POPULATED ? "" : " and a hole");
		printf("\n");
		return 0;
	}
	len = fb_m_print_trace(config, set, node->parent - 1) + 1;
	printf("  %2u. %s", len, fb_m_actions[node->action].text);
	if (fb_m_actions[node->action].paged)
		printf(" (page %u)", node->page);
	if (node->action == FB_M_DO_after)
		printf(": %s", fb_m_step_name(config, &set->nodes[node->parent - 1].state));
	printf("\n");
	return len;
}

static void fb_m_expand(const struct fb_m_config *config, struct fb_m_set *set, size_t index,
			size_t *taken)
{
	for (unsigned int action = 0; action < FB_M_ACTION_COUNT; action++) {
		unsigned int pages = fb_m_actions[action].paged ? config->pages : 1;

		for (unsigned int page = 0; page < pages; page++) {
			struct fb_m_node node = {
				.state = set->nodes[index].state,
				.parent = (uint32_t)(index + 1),
				.action = (uint8_t)action,
				.page = (uint8_t)page,
			};
			bool done = action < FB_M_DO_pop ?
					    fb_m_guest(config, &node.state, action, page) :
					    fb_m_host(config, &node.state, action, page);

			if (done) {
				taken[action]++;
				fb_m_add(config, set, &node);
			}
		}
	}
}

struct fb_m_result fb_m_search(const struct fb_m_config *config, size_t *taken)
{
	struct fb_m_result result = { 0 };
	struct fb_m_set set = { 0 };
	unsigned int lost;

	for (unsigned int which = 0; which < 1u << 2 * FB_M_PAGES; which++) {
		struct fb_m_node node = { 0 };

		if (fb_m_start(config, which, &node.state))
			fb_m_add(config, &set, &node);
	}
	for (size_t i = 0; i < set.count && !result.lost; i++) {
		if (!fb_m_is_over(config, &set.nodes[i].state)) {
			fb_m_expand(config, &set, i, taken);
			continue;
		}
		result.ends++;
		lost = fb_m_lost_page(config, &set.nodes[i].state);
		if (!lost)
			continue;
		result.lost = true;
		result.trace_len = fb_m_print_trace(config, &set, i);
		printf("      the destination lacks the last content of page %u\n", lost - 1);
	}
	result.states = set.count;
	free(set.nodes);
	free(set.slots);
	return result;
}
