// SPDX-License-Identifier: GPL-2.0-or-later
/* cases.c - the xbitmap's test cases that name their bits; random.c has the others. */
#include "cases.h"

#define FB_TOP_BASE (ULONG_MAX - FB_MODEL_BITS + 1)
#define FB_MIDDLE_BASE (1UL << (BITS_PER_LONG - 2))
/* Levels of XArray nodes above the last chunk. */
#define FB_MAX_HEIGHT ((BITS_PER_LONG - 10 + XA_CHUNK_SHIFT - 1) / XA_CHUNK_SHIFT)

/* Bits at the ends of the range and at borders of chunks and of XArray nodes, ascending. */
static const unsigned long fb_edges[] = {
	0,
	1,
	1023,
	1024,
	1025,
	65535,
	65536,
	FB_MIDDLE_BASE - 1,
	FB_MIDDLE_BASE,
	FB_MIDDLE_BASE + 1,
	ULONG_MAX / 2,
	ULONG_MAX / 2 + 1,
	ULONG_MAX - 1024,
	ULONG_MAX - 1023,
	ULONG_MAX - 1,
	ULONG_MAX,
};

/* Places in a model at which ranges begin and end. */
static const unsigned long fb_borders[] = {
	0, 1, 63, 64, 1022, 1023, 1024, 1025, 1500, 2047, 2048, 3071, 5120, FB_MODEL_BITS - 1,
};

static int fb_check_empty(struct fb_xb *xb)
{
	struct fb_xb_stats stats;
	struct fb_xb_run run;
	unsigned long bit;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fb_edges); i++) {
		FB_CHECK(!fb_xb_test(xb, fb_edges[i]));
		FB_CHECK(!fb_xb_next_set(xb, fb_edges[i], &bit));
		FB_CHECK(!fb_xb_next_run(xb, fb_edges[i], 0, &run));
		FB_CHECK(fb_xb_next_zero(xb, fb_edges[i], &bit) && bit == fb_edges[i]);
	}
	fb_xb_stats(xb, &stats);
	FB_CHECK(!stats.nr_bits && !stats.nr_chunks && !stats.nr_bitmaps && !stats.bytes);
	FB_CHECK(xa_empty(&xb->chunks));
	FB_CHECK(!fb_env_live());
	return 0;
}

static int fb_case_empty(struct fb_xb *xb)
{
	FB_CHECK(!fb_xb_clear(xb, 0));
	FB_CHECK(!fb_xb_clear_range(xb, 0, ULONG_MAX));
	return fb_check_empty(xb);
}

static int fb_case_one_bit(struct fb_xb *xb)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(fb_edges); i++) {
		unsigned long edge = fb_edges[i], bit;
		struct fb_xb_stats stats;
		struct fb_xb_run run;

		FB_CHECK(!fb_xb_set(xb, edge));
		FB_CHECK(!fb_xb_set(xb, edge));
		FB_CHECK(xb->nr_bits == 1);
		for (k = 0; k < ARRAY_SIZE(fb_edges); k++) {
			FB_CHECK(fb_xb_test(xb, fb_edges[k]) == (i == k));
			FB_CHECK(fb_xb_next_set(xb, fb_edges[k], &bit) == (k <= i));
			FB_CHECK(k > i || bit == edge);
		}
		FB_CHECK(fb_xb_next_run(xb, 0, 0, &run) && run.first == edge && run.last == edge);
		FB_CHECK(fb_xb_next_zero(xb, edge, &bit) == (edge != ULONG_MAX));
		FB_CHECK(edge == ULONG_MAX || bit == edge + 1);
		fb_xb_stats(xb, &stats);
		FB_CHECK(!stats.nr_bitmaps && stats.nr_nodes <= FB_MAX_HEIGHT);
		FB_CHECK(fb_env_nodes(xb, stats.nr_nodes) == stats.nr_nodes);
		FB_CHECK(edge != ULONG_MAX || stats.nr_nodes == FB_MAX_HEIGHT);
		FB_CHECK(!fb_xb_clear(xb, edge));
		if (fb_check_empty(xb))
			return -EINVAL;
	}
	return 0;
}

/* All edges at once; the holes between them are found over, and the runs come maximal. */
static int fb_case_edges_together(struct fb_xb *xb)
{
	unsigned long start = 0, nr_bits = 0, nr_runs = 0, bit;
	struct fb_xb_run run;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fb_edges); i++)
		FB_CHECK(!fb_xb_set(xb, fb_edges[i]));
	for (i = 0; i < ARRAY_SIZE(fb_edges); i++) {
		FB_CHECK(fb_xb_next_set(xb, start, &bit) && bit == fb_edges[i]);
		start = bit + 1;
	}
	for (start = 0; fb_xb_next_run(xb, start, 0, &run); start = run.last + 1) {
		FB_CHECK(run.first == 0 || !fb_xb_test(xb, run.first - 1));
		FB_CHECK(run.last == ULONG_MAX || !fb_xb_test(xb, run.last + 1));
		nr_bits += run.last - run.first + 1;
		nr_runs++;
		if (run.last == ULONG_MAX)
			break;
	}
	FB_CHECK(nr_bits == ARRAY_SIZE(fb_edges) && nr_runs == 7);
	FB_CHECK(!fb_xb_clear_range(xb, 1, ULONG_MAX - 1));
	FB_CHECK(xb->nr_bits == 2 && fb_xb_test(xb, 0) && fb_xb_test(xb, ULONG_MAX));
	FB_CHECK(!fb_xb_clear_range(xb, 0, ULONG_MAX));
	return fb_check_empty(xb);
}

/* Every range between two borders is set, has a hole made in it and is cleared. */
static int fb_ranges_at(struct fb_xb *xb, unsigned long base)
{
	struct fb_model *model = fb_env_alloc(sizeof(*model));
	unsigned int i, k;
	int err = 0;

	model->base = base;
	for (i = 0; i < ARRAY_SIZE(fb_borders) && !err; i++) {
		for (k = i; k < ARRAY_SIZE(fb_borders) && !err; k++) {
			unsigned long first = fb_borders[i], last = fb_borders[k];
			unsigned long third = (last - first) / 3;

			fb_model_change(model, first, last, true);
			err = fb_xb_set_range(xb, base + first, base + last) ?:
				      fb_model_compare(model, xb);
			if (err)
				break;
			fb_model_change(model, first + third, last - third, false);
			err = fb_xb_clear_range(xb, base + first + third, base + last - third) ?:
				      fb_model_compare(model, xb);
			if (err)
				break;
			fb_model_change(model, first, last, false);
			err = fb_xb_clear_range(xb, base + first, base + last) ?:
				      fb_model_compare(model, xb);
		}
	}
	fb_env_free(model);
	return err ?: fb_check_empty(xb);
}

static int fb_case_ranges(struct fb_xb *xb)
{
	return fb_ranges_at(xb, 0)                      ?:
		       fb_ranges_at(xb, FB_MIDDLE_BASE) ?:
							  fb_ranges_at(xb, FB_TOP_BASE);
}

static int fb_case_arguments(struct fb_xb *xb)
{
	FB_CHECK(fb_xb_set_range(xb, 1, 0) == -EINVAL);
	FB_CHECK(fb_xb_clear_range(xb, ULONG_MAX, 0) == -EINVAL);
	FB_CHECK(fb_xb_preload(xb, 2, 1) == -EINVAL);
	FB_CHECK(fb_xb_set_range(xb, 0, ULONG_MAX) == -E2BIG);
	FB_CHECK(fb_xb_set_range(xb, 5, 5 + FB_XB_MAX_RANGE_BITS) == -E2BIG);
	FB_CHECK(fb_xb_preload(xb, 5, 5 + FB_XB_MAX_RANGE_BITS) == -E2BIG);
	fb_xb_preload_end(xb);
	return fb_check_empty(xb);
}

static int fb_case_cut_runs(struct fb_xb *xb)
{
	struct fb_xb_run run;

	FB_CHECK(!fb_xb_set_range(xb, 1000, 9999));
	FB_CHECK(fb_xb_next_run(xb, 0, 1, &run) && run.first == 1000 && run.last == 1000);
	FB_CHECK(fb_xb_next_run(xb, 0, 24, &run) && run.first == 1000 && run.last == 1023);
	FB_CHECK(fb_xb_next_run(xb, 0, 25, &run) && run.last == 1024);
	FB_CHECK(fb_xb_next_run(xb, 0, 8999, &run) && run.last == 9998);
	FB_CHECK(fb_xb_next_run(xb, 0, 9000, &run) && run.last == 9999);
	FB_CHECK(fb_xb_next_run(xb, 0, ULONG_MAX, &run) && run.last == 9999);
	FB_CHECK(fb_xb_next_run(xb, 5000, 10, &run) && run.first == 5000 && run.last == 5009);
	FB_CHECK(!fb_xb_set_range(xb, ULONG_MAX - 5000, ULONG_MAX));
	FB_CHECK(fb_xb_next_run(xb, 10000, 5000, &run) && run.last == ULONG_MAX - 1);
	FB_CHECK(fb_xb_next_run(xb, 10000, 5001, &run) && run.last == ULONG_MAX);
	FB_CHECK(fb_xb_next_run(xb, 10000, ULONG_MAX, &run) && run.last == ULONG_MAX);
	return 0;
}

/* Blocks of 4 MiB that make 3 GiB: no bitmap is held at any time, and little else. */
static int fb_case_unfragmented(struct fb_xb *xb)
{
	const unsigned long nr_blocks = 768, base = 1UL << 20;
	struct fb_xb_stats stats;
	unsigned long i;

	for (i = 0; i < nr_blocks; i++) {
		unsigned long first = base + i * 7 % nr_blocks * 1024;

		FB_CHECK(!fb_xb_set_range(xb, first, first + 1023));
		FB_CHECK(!xb->nr_bitmaps);
	}
	fb_xb_stats(xb, &stats);
	FB_CHECK(stats.nr_bits == nr_blocks * 1024 && stats.nr_chunks == nr_blocks);
	FB_CHECK(stats.bytes <= (stats.nr_bits << 12) / 10000);
	/* 12 leaves and the root above them. */
	FB_CHECK(stats.nr_nodes == 13 && fb_env_nodes(xb, 13) == 13);
	FB_CHECK(stats.bytes == stats.nr_nodes * sizeof(struct xa_node));
	FB_CHECK(!fb_xb_clear_range(xb, base, base + nr_blocks * 1024 - 1));
	return fb_check_empty(xb);
}

/* Every second bit of 64 chunks: the worst case that xbitmap.h names. */
static int fb_case_shattered(struct fb_xb *xb)
{
	const unsigned long nr_chunks = 64;
	struct fb_xb_stats stats;
	unsigned long bit;

	for (bit = 0; bit < nr_chunks * 1024; bit += 2)
		FB_CHECK(!fb_xb_set(xb, bit));
	fb_xb_stats(xb, &stats);
	FB_CHECK(stats.nr_bitmaps == nr_chunks && stats.nr_nodes == 1);
	FB_CHECK(stats.bytes * 10 <= 1372 * nr_chunks);
	for (bit = 1; bit < nr_chunks * 1024; bit += 2)
		FB_CHECK(!fb_xb_set(xb, bit));
	fb_xb_stats(xb, &stats);
	FB_CHECK(stats.nr_bits == nr_chunks * 1024 && !stats.nr_bitmaps);
	FB_CHECK(!fb_xb_clear_range(xb, 0, nr_chunks * 1024 - 1));
	return fb_check_empty(xb);
}

static int fb_case_destroy(struct fb_xb *xb)
{
	FB_CHECK(!fb_xb_set(xb, 1) && !fb_xb_set(xb, 5) && !fb_xb_set(xb, ULONG_MAX));
	FB_CHECK(!fb_xb_preload(xb, 4000, 70000));
	fb_xb_destroy(xb);
	if (fb_check_empty(xb))
		return -EINVAL;
	FB_CHECK(!fb_xb_set_range(xb, 10, 3000));
	FB_CHECK(!fb_xb_clear_range(xb, 10, 3000));
	return fb_check_empty(xb);
}

/* A model and a set with every shape of chunk: full, a run, a bitmap, empty, full, one bit. */
static int fb_make_shapes(struct fb_model *model, struct fb_xb *xb)
{
	static const struct fb_xb_run runs[] = {
		{ 0, 1023 },    { 1124, 1224 }, { 2049, 2060 },
		{ 2500, 2999 }, { 4096, 5119 }, { 5125, 5125 },
	};
	unsigned int i;

	FB_CHECK(!fb_xb_clear_range(xb, 0, ULONG_MAX));
	fb_model_change(model, 0, FB_MODEL_BITS - 1, false);
	for (i = 0; i < ARRAY_SIZE(runs); i++) {
		fb_model_change(model, runs[i].first, runs[i].last, true);
		FB_CHECK(!fb_xb_set_range(xb, model->base + runs[i].first,
					  model->base + runs[i].last));
	}
	return 0;
}

/* A change fails at its first, second, ... allocation and changes nothing, until it succeeds. */
static int fb_fail_change(struct fb_model *model, struct fb_xb *xb, unsigned long first,
			  unsigned long last, bool set)
{
	int err = -ENOMEM, nr_allocations;

	for (nr_allocations = 0; err; nr_allocations++) {
		long live = fb_env_live();

		fb_env_fail_after(nr_allocations);
		err = set ? fb_xb_set_range(xb, model->base + first, model->base + last) :
			    fb_xb_clear_range(xb, model->base + first, model->base + last);
		fb_env_fail_after(-1);
		FB_CHECK(!err || err == -ENOMEM);
		FB_CHECK(!err || fb_env_live() == live);
		if (!err)
			fb_model_change(model, first, last, set);
		if (fb_model_compare(model, xb))
			return -EINVAL;
	}
	return 0;
}

static int fb_case_failures(struct fb_xb *xb)
{
	struct fb_model *model = fb_env_alloc(sizeof(*model));
	unsigned int i, k, set;
	int err = 0;

	model->base = FB_TOP_BASE;
	for (i = 0; i < ARRAY_SIZE(fb_borders); i++)
		for (k = i; k < ARRAY_SIZE(fb_borders); k++)
			for (set = 0; set <= 1 && !err; set++)
				err = fb_make_shapes(model, xb) ?:
					      fb_fail_change(model, xb, fb_borders[i],
							     fb_borders[k], set);
	fb_env_free(model);
	if (!err)
		err = fb_xb_clear_range(xb, 0, ULONG_MAX) ?: fb_check_empty(xb);
	return err;
}

/* What next_run names can be cleared, whole or from the front, when no memory is left. */
static int fb_case_give_back_without_memory(struct fb_xb *xb)
{
	struct fb_model *model = fb_env_alloc(sizeof(*model));
	unsigned long max_bits;
	struct fb_xb_run run;
	int err = 0;

	model->base = 0;
	for (max_bits = 0; max_bits < 1100 && !err; max_bits = max_bits * 3 + 1) {
		err = fb_make_shapes(model, xb);
		fb_env_fail_after(0);
		while (!err && fb_xb_next_run(xb, 0, max_bits, &run))
			err = fb_xb_clear_range(xb, run.first, run.last);
		fb_env_fail_after(-1);
	}
	fb_env_free(model);
	return err ?: fb_check_empty(xb);
}

/* The preload itself fails at each allocation and leaves nothing behind. */
static int fb_fail_preload(struct fb_model *model, struct fb_xb *xb, unsigned long first,
			   unsigned long last)
{
	int err = -ENOMEM, nr_allocations;

	for (nr_allocations = 0; err; nr_allocations++) {
		long live = fb_env_live();

		fb_env_fail_after(nr_allocations);
		err = fb_xb_preload(xb, model->base + first, model->base + last);
		fb_env_fail_after(-1);
		FB_CHECK(!err || err == -ENOMEM);
		if (err && (fb_env_live() != live || fb_model_compare(model, xb)))
			return -EINVAL;
	}
	return 0;
}

static int fb_preloaded_change(struct fb_model *model, struct fb_xb *xb, unsigned long first,
			       unsigned long last, bool set)
{
	/* Not all of the preloaded bits, so that runs are split. */
	unsigned long fourth = (last - first) / 4;
	int err;

	err = fb_make_shapes(model, xb) ?: fb_fail_preload(model, xb, first, last);
	if (err)
		return err;
	FB_CHECK(fb_xb_preload(xb, first, last) == -EBUSY);
	fb_env_fail_after(0);
	first += fourth;
	last -= fourth;
	err = set ? fb_xb_set_range(xb, model->base + first, model->base + last) :
		    fb_xb_clear_range(xb, model->base + first, model->base + last);
	fb_xb_preload_end(xb);
	fb_env_fail_after(-1);
	FB_CHECK(!err);
	fb_model_change(model, first, last, set);
	return fb_model_compare(model, xb);
}

static int fb_case_preload(struct fb_xb *xb)
{
	struct fb_model *model = fb_env_alloc(sizeof(*model));
	unsigned int i, k, set;
	int err = 0;

	model->base = FB_MIDDLE_BASE;
	for (i = 0; i < ARRAY_SIZE(fb_borders); i++)
		for (k = i; k < ARRAY_SIZE(fb_borders); k++)
			for (set = 0; set <= 1 && !err; set++)
				err = fb_preloaded_change(model, xb, fb_borders[i], fb_borders[k],
							  set);
	fb_env_free(model);
	if (!err)
		err = fb_xb_clear_range(xb, 0, ULONG_MAX) ?: fb_check_empty(xb);
	return err;
}

/* As a page moves: its old place is preloaded, its new one in the same chunk is set first. */
static int fb_case_move(struct fb_xb *xb)
{
	FB_CHECK(!fb_xb_set_range(xb, 100, 300));
	FB_CHECK(!fb_xb_preload(xb, 200, 200));
	FB_CHECK(!fb_xb_set(xb, 301));
	fb_env_fail_after(0);
	FB_CHECK(!fb_xb_clear(xb, 200));
	fb_xb_preload_end(xb);
	fb_env_fail_after(-1);
	FB_CHECK(xb->nr_bits == 201 && !fb_xb_test(xb, 200) && fb_xb_test(xb, 301));
	FB_CHECK(!fb_xb_clear_range(xb, 0, 1023));

	/* A chunk emptied while its entry is preloaded keeps the place. */
	FB_CHECK(!fb_xb_set(xb, 5));
	FB_CHECK(!fb_xb_preload(xb, 7, 8));
	FB_CHECK(!fb_xb_clear(xb, 5));
	FB_CHECK(!xb->nr_bits && !xb->nr_chunks);
	fb_env_fail_after(0);
	FB_CHECK(!fb_xb_set(xb, 7));
	fb_xb_preload_end(xb);
	fb_env_fail_after(-1);
	FB_CHECK(xb->nr_bits == 1 && xb->nr_chunks == 1);
	FB_CHECK(!fb_xb_clear(xb, 7));
	return fb_check_empty(xb);
}

const struct fb_case fb_cases[] = {
	{ "an empty set has no bit and no memory", fb_case_empty },
	{ "one bit at each edge of the range, a chunk and a node", fb_case_one_bit },
	{ "bits at all edges, with holes between", fb_case_edges_together },
	{ "ranges within and across chunks", fb_case_ranges },
	{ "arguments that are refused", fb_case_arguments },
	{ "runs are cut where that is asked for", fb_case_cut_runs },
	{ "unfragmented 3 GiB cost at most 0.01 %", fb_case_unfragmented },
	{ "shattered chunks cost what is documented", fb_case_shattered },
	{ "destroy frees all, the set is usable again", fb_case_destroy },
	{ "a change that lacks memory changes nothing", fb_case_failures },
	{ "runs are given back without memory", fb_case_give_back_without_memory },
	{ "a preloaded change does not fail", fb_case_preload },
	{ "a bit moves, and a preloaded chunk is emptied", fb_case_move },
	{ "random operations", fb_case_random },
	{ "random operations with failing allocations", fb_case_random_failures },
	{ "random preloads with failing allocations", fb_case_random_preloads },
};
const unsigned int fb_nr_cases = ARRAY_SIZE(fb_cases);

/* Runs a case on a set of its own; 0 where all checks hold and all memory came back. */
int fb_case_run(const struct fb_case *test)
{
	struct fb_xb *xb = fb_env_alloc(sizeof(*xb));
	struct mutex *lock = fb_env_alloc(sizeof(*lock));
	int err;

	mutex_init(lock);
	fb_xb_init(xb, lock);
	mutex_lock(lock);
	err = test->run(xb);
	fb_env_fail_after(-1);
	fb_xb_destroy(xb);
	mutex_unlock(lock);
	if (!err && fb_env_live()) {
		fb_env_say(__FILE__, __LINE__, "memory is left over");
		err = -EINVAL;
	}
	fb_env_free(lock);
	fb_env_free(xb);
	return err;
}
