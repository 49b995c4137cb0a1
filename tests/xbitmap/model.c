// SPDX-License-Identifier: GPL-2.0-or-later
/* model.c - a plain reference model of an xbitmap, and the comparison with it. */
#include "model.h"

/* Sets or clears bits; @first and @last count from the model's base. */
void fb_model_change(struct fb_model *model, unsigned long first, unsigned long last, bool set)
{
	unsigned long i;

	for (i = first; i <= last; i++)
		model->bits[i] = set;
}

/* The end of the bits from @i on that are as @i is. */
static unsigned long fb_model_end(const struct fb_model *model, unsigned long i)
{
	bool set = model->bits[i];

	while (i < FB_MODEL_BITS && model->bits[i] == set)
		i++;
	return i;
}

/* The runs, found with next_run, next_zero and next_set, and test at their ends. */
static int fb_model_compare_runs(const struct fb_model *model, struct fb_xb *xb)
{
	unsigned long i, end, bit;
	struct fb_xb_run run;

	for (i = 0; i < FB_MODEL_BITS; i = end) {
		unsigned long first = model->base + i, last;

		end = fb_model_end(model, i);
		last = model->base + end - 1;
		FB_CHECK(fb_xb_test(xb, first) == model->bits[i]);
		FB_CHECK(fb_xb_test(xb, last) == model->bits[i]);
		if (model->bits[i]) {
			FB_CHECK(fb_xb_next_set(xb, first, &bit) && bit == first);
			FB_CHECK(fb_xb_next_run(xb, first, 0, &run));
			FB_CHECK(run.first == first && run.last == last);
			FB_CHECK(fb_xb_next_run(xb, last, 0, &run));
			FB_CHECK(run.first == last && run.last == last);
			FB_CHECK(fb_xb_next_zero(xb, first, &bit) == (last != ULONG_MAX));
			FB_CHECK(last == ULONG_MAX || bit == last + 1);
		} else {
			FB_CHECK(fb_xb_next_zero(xb, last, &bit) && bit == last);
			FB_CHECK(fb_xb_next_set(xb, first, &bit) == (end < FB_MODEL_BITS));
			FB_CHECK(end == FB_MODEL_BITS || bit == last + 1);
		}
	}
	return 0;
}

/* Memory follows from the bits alone: a bitmap for each chunk of more than one run. */
static int fb_model_compare_memory(const struct fb_model *model, struct fb_xb *xb)
{
	unsigned long nr_bits = 0, nr_chunks = 0, nr_bitmaps = 0, i;
	unsigned int chunk;
	struct fb_xb_stats stats;

	for (chunk = 0; chunk < FB_MODEL_CHUNKS; chunk++) {
		const bool *bits = model->bits + chunk * FB_MODEL_CHUNK_BITS;
		unsigned int nr_runs = 0;

		for (i = 0; i < FB_MODEL_CHUNK_BITS; i++) {
			nr_bits += bits[i];
			nr_runs += bits[i] && (!i || !bits[i - 1]);
		}
		nr_chunks += nr_runs > 0;
		nr_bitmaps += nr_runs > 1;
	}
	fb_xb_stats(xb, &stats);
	FB_CHECK(stats.nr_bits == nr_bits);
	FB_CHECK(stats.nr_chunks == nr_chunks);
	FB_CHECK(stats.nr_bitmaps == nr_bitmaps);
	FB_CHECK(stats.bytes ==
		 stats.nr_nodes * sizeof(struct xa_node) + nr_bitmaps * FB_MODEL_CHUNK_BITS / 8);
	FB_CHECK(fb_env_nodes(xb, stats.nr_nodes) == stats.nr_nodes);
	FB_CHECK(nr_chunks || (xa_empty(&xb->chunks) && !stats.bytes));
	return 0;
}

/* 0 where a set of bits, with nothing preloaded, holds the model's bits and no others. */
int fb_model_compare(const struct fb_model *model, struct fb_xb *xb)
{
	int err = fb_model_compare_runs(model, xb);
	unsigned long bit;

	if (err)
		return err;
	if (fb_xb_next_set(xb, 0, &bit))
		FB_CHECK(bit >= model->base);
	return fb_model_compare_memory(model, xb);
}
