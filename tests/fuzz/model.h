/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * model.h - what the device has to do with a buffer, written as plainly as possible: an array
 * with an entry for each sector of guest memory, no ranges, no coalescing, no tables.
 *
 * One thing is left open. A buffer may complete a host page and name some of its pages that the
 * balloon held before once more. Whether the device remembers these afterwards depends on the
 * order in which it handles the runs; both are right, since they are in the balloon.
 */
#ifndef FB_MODEL_H
#define FB_MODEL_H

#include "../unit/mock_host.h"

/* Memory is modelled in sectors, so that misaligned reports can be told apart. */
#define FB_SECTOR 512
#define FB_MODEL_BYTES (32 * FB_MIB)
#define FB_MODEL_SECTORS (FB_MODEL_BYTES / FB_SECTOR)
#define FB_MODEL_PAGES (FB_MODEL_BYTES / FB_PAGE_SIZE)
#define FB_PAGE_SECTORS (FB_PAGE_SIZE / FB_SECTOR)

/**
 * struct fb_model - expected state, and the expected answer to the last buffer.
 * @ram: index of the piece of RAM plus one for each sector, 0 where there is none.
 * @held: pages of large host pages that the balloon is known to hold.
 * @maybe: pages that it holds, but which the device need not remember.
 * @again: pages in @held or @maybe that the buffer names once more.
 * @named: sectors that the buffer names.
 * @wanted: pages that the device must discard, skip or populate.
 * @refused: entries and ranges that it must refuse.
 * @named_bytes: by how much inflated, deflated or reported bytes must grow.
 */
struct fb_model {
	const struct fb_mock *mock;
	uint8_t ram[FB_MODEL_SECTORS];
	bool held[FB_MODEL_PAGES];
	bool maybe[FB_MODEL_PAGES];
	bool again[FB_MODEL_PAGES];
	bool named[FB_MODEL_SECTORS];
	bool wanted[FB_MODEL_PAGES];
	uint64_t refused;
	uint64_t named_bytes;
	uint32_t hint_state;
};

/** fb_model_init() - learn the layout of @mock's RAM, which must lie below FB_MODEL_BYTES. */
void fb_model_init(struct fb_model *model, const struct fb_mock *mock);

/** fb_model_begin() - start on another buffer: nothing is named, wanted or refused. */
void fb_model_begin(struct fb_model *model);

/** fb_model_pfn() - the buffer names a page; call once for each distinct number. */
void fb_model_pfn(struct fb_model *model, uint64_t pfn);

/** fb_model_range() - the buffer names a range whose ends must be multiples of @align. */
void fb_model_range(struct fb_model *model, const struct fb_range *range, uint64_t align);

/** fb_model_inflate() - the named pages go into the balloon. */
void fb_model_inflate(struct fb_model *model);

/** fb_model_deflate() - the named pages leave the balloon, and are backed if the host can. */
void fb_model_deflate(struct fb_model *model);

/** fb_model_report() - the named sectors are free. */
void fb_model_report(struct fb_model *model);

/** fb_model_hint() - a hint arrives: its pages up to the first hole are to be skipped. */
void fb_model_hint(struct fb_model *model, const struct fb_range *range);

/** fb_model_check_waiting() - @bytes must be what the balloon holds of incomplete host pages. */
void fb_model_check_waiting(const struct fb_model *model, uint64_t bytes);

/** fb_model_reset() - the device was reset. */
void fb_model_reset(struct fb_model *model);

/** fb_model_check() - the operations of the mock host must cover @model's wanted pages. */
void fb_model_check(struct fb_model *model, int kind);

#endif /* FB_MODEL_H */
