// SPDX-License-Identifier: GPL-2.0-or-later
/* random.c - random sequences of operations on an xbitmap and on a model of it. */
#include "cases.h"

unsigned int fb_random_operations = 1000;

static unsigned long fb_random_state = 88172645463325252ULL & ULONG_MAX;

/* A number from 0 to below @limit, from a linear congruence's upper half. */
static unsigned long fb_random_below(unsigned long limit)
{
	fb_random_state = fb_random_state * 2862933555777941757ULL + 3037000493ULL;
	return (fb_random_state >> BITS_PER_LONG / 2) % limit;
}

/* A range in a model: often one bit or few, at times whole chunks, at times anything. */
static struct fb_xb_run fb_random_range(void)
{
	static const unsigned int lengths[] = { 1, 1, 8, 64, 1024, 2100, FB_MODEL_BITS };
	unsigned long length = lengths[fb_random_below(ARRAY_SIZE(lengths))];
	struct fb_xb_run range;

	range.first = fb_random_below(FB_MODEL_BITS);
	if (length == FB_MODEL_CHUNK_BITS)
		range.first &= ~(FB_MODEL_CHUNK_BITS - 1UL);
	else
		length = fb_random_below(length) + 1;
	range.last = min(range.first + length - 1, FB_MODEL_BITS - 1UL);
	return range;
}

/* Changes the set, and the model where that succeeds. */
static int fb_random_change(struct fb_model *model, struct fb_xb *xb, struct fb_xb_run range,
			    bool set)
{
	unsigned long first = model->base + range.first, last = model->base + range.last;
	int err;

	if (first == last)
		err = set ? fb_xb_set(xb, first) : fb_xb_clear(xb, first);
	else
		err = set ? fb_xb_set_range(xb, first, last) : fb_xb_clear_range(xb, first, last);
	if (!err)
		fb_model_change(model, range.first, range.last, set);
	return err;
}

/* One operation; where @failing, its memory may run out. */
static int fb_random_step(struct fb_model *model, struct fb_xb *xb, bool failing)
{
	int err;

	if (failing)
		fb_env_fail_after(fb_random_below(4));
	err = fb_random_change(model, xb, fb_random_range(), fb_random_below(2));
	fb_env_fail_after(-1);
	FB_CHECK(!err || (failing && err == -ENOMEM));
	return 0;
}

static int fb_step_plain(struct fb_model *model, struct fb_xb *xb)
{
	return fb_random_step(model, xb, false);
}

static int fb_step_failing(struct fb_model *model, struct fb_xb *xb)
{
	return fb_random_step(model, xb, true);
}

/* A range is preloaded; after changes elsewhere, one inside it succeeds without memory. */
static int fb_step_preload(struct fb_model *model, struct fb_xb *xb)
{
	struct fb_xb_run range = fb_random_range(), inside, other;
	unsigned long nr_others = fb_random_below(4);
	int err;

	fb_env_fail_after(fb_random_below(6));
	err = fb_xb_preload(xb, model->base + range.first, model->base + range.last);
	fb_env_fail_after(-1);
	FB_CHECK(!err || err == -ENOMEM);
	if (err)
		return 0;
	while (nr_others--) {
		other = fb_random_range();
		if (other.first >= range.first && other.last <= range.last)
			continue;
		fb_env_fail_after(fb_random_below(4));
		err = fb_random_change(model, xb, other, fb_random_below(2));
		FB_CHECK(!err || err == -ENOMEM);
	}
	fb_env_fail_after(0);
	inside.first = range.first + fb_random_below(range.last - range.first + 1);
	inside.last = inside.first + fb_random_below(range.last - inside.first + 1);
	err = fb_random_change(model, xb, inside, fb_random_below(2));
	fb_xb_preload_end(xb);
	fb_env_fail_after(-1);
	FB_CHECK(!err);
	return 0;
}

static int fb_random_at(struct fb_xb *xb, unsigned long base,
			int (*step)(struct fb_model *model, struct fb_xb *xb))
{
	struct fb_model *model = fb_env_alloc(sizeof(*model));
	unsigned int i;
	int err = 0;

	model->base = base;
	for (i = 0; i < fb_random_operations && !err; i++) {
		err = step(model, xb);
		if (!err && i % 8 == 0)
			err = fb_model_compare(model, xb);
	}
	if (!err)
		err = fb_model_compare(model, xb);
	if (!err)
		err = fb_xb_clear_range(xb, base, base + FB_MODEL_BITS - 1);
	fb_model_change(model, 0, FB_MODEL_BITS - 1, false);
	if (!err)
		err = fb_model_compare(model, xb);
	fb_env_free(model);
	return err;
}

/* At the bottom, across the middle and at the top of the unsigned long range. */
static int fb_random_everywhere(struct fb_xb *xb,
				int (*step)(struct fb_model *model, struct fb_xb *xb))
{
	const unsigned long middle = ULONG_MAX / 2 + 1;

	return fb_random_at(xb, 0, step)                                        ?:
		       fb_random_at(xb, middle - 2 * FB_MODEL_CHUNK_BITS, step) ?:
		       fb_random_at(xb, ULONG_MAX - FB_MODEL_BITS + 1, step);
}

int fb_case_random(struct fb_xb *xb)
{
	return fb_random_everywhere(xb, fb_step_plain);
}

int fb_case_random_failures(struct fb_xb *xb)
{
	return fb_random_everywhere(xb, fb_step_failing);
}

int fb_case_random_preloads(struct fb_xb *xb)
{
	return fb_random_everywhere(xb, fb_step_preload);
}
