// SPDX-License-Identifier: GPL-2.0-or-later
/* model.c - what the device has to do with a buffer, written as plainly as possible. */
#include <string.h>

#include "model.h"

void fb_model_init(struct fb_model *model, const struct fb_mock *mock)
{
	memset(model, 0, sizeof(*model));
	model->mock = mock;
	for (unsigned int i = 0; i < mock->ram_count; i++) {
		uint64_t first = mock->ram[i].gpa / FB_SECTOR;

		for (uint64_t s = 0; s < mock->ram[i].len / FB_SECTOR; s++)
			model->ram[first + s] = i + 1;
	}
}

void fb_model_begin(struct fb_model *model)
{
	memset(model->named, 0, sizeof(model->named));
	memset(model->wanted, 0, sizeof(model->wanted));
	memset(model->again, 0, sizeof(model->again));
	model->refused = 0;
	model->named_bytes = 0;
}

static bool fb_model_is_ram(const struct fb_model *model, uint64_t gpa)
{
	return gpa < FB_MODEL_BYTES && model->ram[gpa / FB_SECTOR];
}

static void fb_model_name(struct fb_model *model, uint64_t sector)
{
	if (!model->named[sector])
		model->named_bytes += FB_SECTOR;
	model->named[sector] = true;
}

void fb_model_pfn(struct fb_model *model, uint64_t pfn)
{
	uint64_t gpa = pfn * FB_PAGE_SIZE;

	if (!fb_model_is_ram(model, gpa)) {
		model->refused++;
		return;
	}
	for (uint64_t s = 0; s < FB_PAGE_SECTORS; s++)
		fb_model_name(model, gpa / FB_SECTOR + s);
}

static bool fb_model_range_is_good(const struct fb_model *model, const struct fb_range *range,
				   uint64_t align)
{
	if (!range->len || range->gpa % align || range->len % align)
		return false;
	for (uint64_t done = 0; done < range->len; done += FB_SECTOR) {
		if (!fb_model_is_ram(model, range->gpa + done))
			return false;
	}
	return true;
}

void fb_model_range(struct fb_model *model, const struct fb_range *range, uint64_t align)
{
	if (!fb_model_range_is_good(model, range, align)) {
		model->refused++;
		return;
	}
	for (uint64_t done = 0; done < range->len; done += FB_SECTOR)
		fb_model_name(model, (range->gpa + done) / FB_SECTOR);
}

static bool fb_model_page_is_named(const struct fb_model *model, uint64_t page)
{
	for (uint64_t s = 0; s < FB_PAGE_SECTORS; s++) {
		if (!model->named[page * FB_PAGE_SECTORS + s])
			return false;
	}
	return true;
}

/* The host page of @size pages from @page is discarded. */
static void fb_model_take(struct fb_model *model, uint64_t page, uint64_t size)
{
	uint64_t named = 0;

	while (named < size && fb_model_page_is_named(model, page + named))
		named++;
	memset(&model->wanted[page], true, size);
	memset(&model->held[page], false, size);
	memset(&model->maybe[page], false, size);
	if (named < size)
		memcpy(&model->maybe[page], &model->again[page], size);
}

/* Want each whole host page of which every page satisfies @counts. */
static void fb_model_want(struct fb_model *model,
			  bool (*counts)(const struct fb_model *, uint64_t page))
{
	for (unsigned int i = 0; i < model->mock->ram_count; i++) {
		const struct fb_ram *ram = &model->mock->ram[i];
		uint64_t size = ram->host_page_size / FB_PAGE_SIZE;
		uint64_t page = ram->gpa / FB_PAGE_SIZE;
		uint64_t end = page + ram->len / FB_PAGE_SIZE;

		for (; page + size <= end; page += size) {
			uint64_t full = 0;

			while (full < size && counts(model, page + full))
				full++;
			if (full == size)
				fb_model_take(model, page, size);
		}
	}
}

static bool fb_model_counts_held(const struct fb_model *model, uint64_t page)
{
	return model->held[page];
}

void fb_model_inflate(struct fb_model *model)
{
	if (model->mock->inhibited)
		return;
	for (uint64_t page = 0; page < FB_MODEL_PAGES; page++) {
		if (!fb_model_page_is_named(model, page))
			continue;
		model->again[page] = model->held[page] || model->maybe[page];
		model->held[page] = true;
		model->maybe[page] = false;
	}
	fb_model_want(model, fb_model_counts_held);
	if (model->mock->dev.features & FB_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST))
		return;
	memset(model->held, 0, sizeof(model->held));
	memset(model->maybe, 0, sizeof(model->maybe));
}

/* Want each whole host page of which a page is named. */
static void fb_model_populate(struct fb_model *model)
{
	for (unsigned int i = 0; i < model->mock->ram_count; i++) {
		const struct fb_ram *ram = &model->mock->ram[i];
		uint64_t size = ram->host_page_size / FB_PAGE_SIZE;
		uint64_t page = ram->gpa / FB_PAGE_SIZE;
		uint64_t end = page + ram->len / FB_PAGE_SIZE;

		for (; page + size <= end; page += size) {
			for (uint64_t n = 0; n < size; n++) {
				if (fb_model_page_is_named(model, page + n))
					memset(&model->wanted[page], true, size);
			}
		}
	}
}

void fb_model_deflate(struct fb_model *model)
{
	for (uint64_t page = 0; page < FB_MODEL_PAGES; page++) {
		if (!fb_model_page_is_named(model, page))
			continue;
		model->held[page] = false;
		model->maybe[page] = false;
	}
	if (model->mock->host_ops.populate)
		fb_model_populate(model);
}

void fb_model_report(struct fb_model *model)
{
	if (!model->mock->inhibited && !model->mock->dev.poison_val)
		fb_model_want(model, fb_model_page_is_named);
}

void fb_model_hint(struct fb_model *model, const struct fb_range *range)
{
	uint64_t end = range->gpa + range->len;
	uint64_t page = (range->gpa + FB_PAGE_SIZE - 1) / FB_PAGE_SIZE;

	if (!range->len || end < range->gpa) {
		model->refused++;
		return;
	}
	if (model->hint_state != FB_HINT_START)
		return;
	for (; (page + 1) * FB_PAGE_SIZE <= end; page++) {
		if (!fb_model_is_ram(model, page * FB_PAGE_SIZE)) {
			model->refused++;
			return;
		}
		model->wanted[page] = true;
	}
}

void fb_model_check_waiting(const struct fb_model *model, uint64_t bytes)
{
	uint64_t held = 0, maybe = 0;

	for (unsigned int i = 0; i < model->mock->ram_count; i++) {
		const struct fb_ram *ram = &model->mock->ram[i];
		uint64_t page = ram->gpa / FB_PAGE_SIZE;
		/* What follows the last whole host page waits for nothing. */
		uint64_t end = page + (ram->len & ~(ram->host_page_size - 1)) / FB_PAGE_SIZE;

		for (; page < end; page++) {
			held += model->held[page];
			maybe += model->maybe[page];
		}
	}
	assert_in_range(bytes, held * FB_PAGE_SIZE, (held + maybe) * FB_PAGE_SIZE);
}

void fb_model_reset(struct fb_model *model)
{
	memset(model->held, 0, sizeof(model->held));
	memset(model->maybe, 0, sizeof(model->maybe));
	model->hint_state = FB_HINT_STOP;
}

/* Runs of wanted pages, cut where one piece of RAM ends and the next begins. */
static unsigned int fb_model_count_runs(const struct fb_model *model)
{
	unsigned int runs = 0;
	unsigned int last = 0;

	for (uint64_t page = 0; page < FB_MODEL_PAGES; page++) {
		unsigned int here = model->wanted[page] ? model->ram[page * FB_PAGE_SECTORS] : 0;

		runs += here && here != last;
		last = here;
	}
	return runs;
}

/* Accept the discard of a host page that the device may have remembered to be complete. */
static void fb_model_accept(struct fb_model *model, uint64_t page)
{
	const struct fb_ram *ram = &model->mock->ram[model->ram[page * FB_PAGE_SECTORS] - 1];
	uint64_t size = ram->host_page_size / FB_PAGE_SIZE;
	uint64_t origin = ram->gpa / FB_PAGE_SIZE;
	uint64_t full = 0;

	page -= (page - origin) % size;
	while (full < size && (model->held[page + full] || model->maybe[page + full]))
		full++;
	if (full == size)
		fb_model_take(model, page, size);
}

void fb_model_check(struct fb_model *model, int kind)
{
	static bool done[FB_MODEL_PAGES];
	const struct fb_mock *mock = model->mock;
	bool joins = true;

	memset(done, 0, sizeof(done));
	for (unsigned int i = 0; i < mock->op_count; i++) {
		const struct fb_range *range = &mock->ops[i].range;
		uint64_t page = range->gpa / FB_PAGE_SIZE;

		assert_int_equal(mock->ops[i].kind, kind);
		for (uint64_t n = 0; n < range->len / FB_PAGE_SIZE; n++, page++) {
			assert_true(kind != FB_MOCK_DISCARD || !done[page]);
			done[page] = true;
			if (kind == FB_MOCK_DISCARD && !model->wanted[page])
				fb_model_accept(model, page);
			/* Host pages completed by different runs need not join. */
			joins &= mock->ram[model->ram[page * FB_PAGE_SECTORS] - 1].host_page_size ==
				 FB_PAGE_SIZE;
		}
	}
	assert_memory_equal(done, model->wanted, sizeof(done));
	if (kind == FB_MOCK_DISCARD && joins)
		assert_int_equal(mock->op_count, fb_model_count_runs(model));
}
