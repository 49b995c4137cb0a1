// SPDX-License-Identifier: GPL-2.0-or-later
/* fail.c - allocations that fail on demand, and the other things that the test cases need. */
#include <linux/mm.h>

#include "env.h"
#include "fail.h"

static long fb_fail_after = -1;
static long fb_fail_live;

void fb_env_fail_after(long nr_allocations)
{
	fb_fail_after = nr_allocations;
}

long fb_env_live(void)
{
	return fb_fail_live;
}

void fb_env_say(const char *file, int line, const char *check)
{
	pr_err("%s:%d: does not hold: %s\n", kbasename(file), line, check);
}

/* Not on the stack, which a model would half fill. */
void *fb_env_alloc(size_t size)
{
	return kvzalloc(size, GFP_KERNEL | __GFP_NOFAIL);
}

void fb_env_free(void *memory)
{
	kvfree(memory);
}

/* Nodes below an entry; the tree is at most 11 levels high. */
static unsigned long fb_count_nodes(struct xarray *xa, void *entry)
{
	unsigned long nr_nodes = 1;
	unsigned int i;

	if (!xa_is_node(entry))
		return 0;
	for (i = 0; i < XA_CHUNK_SIZE; i++)
		nr_nodes += fb_count_nodes(xa, xa_entry_locked(xa, xa_to_node(entry), i));
	return nr_nodes;
}

unsigned long fb_env_nodes(struct fb_xb *xb, unsigned long expected)
{
	unsigned long nr_nodes;

	xa_lock(&xb->chunks);
	nr_nodes = fb_count_nodes(&xb->chunks, xa_head_locked(&xb->chunks));
	xa_unlock(&xb->chunks);
	return nr_nodes;
}

static bool fb_fail_now(void)
{
	if (!fb_fail_after)
		return true;
	if (fb_fail_after > 0)
		fb_fail_after--;
	return false;
}

/* Whether a store in that place may allocate nodes. */
static bool fb_fail_is_new(struct xarray *xa, unsigned long index)
{
	XA_STATE(xas, xa, index);
	bool is_new;

	rcu_read_lock();
	is_new = !xas_load(&xas);
	rcu_read_unlock();
	return is_new;
}

void *fb_fail_kzalloc(size_t size, gfp_t gfp)
{
	void *memory = fb_fail_now() ? NULL : kzalloc(size, gfp);

	if (memory)
		fb_fail_live++;
	return memory;
}

void fb_fail_kfree(const void *memory)
{
	if (memory)
		fb_fail_live--;
	kfree(memory);
}

void *fb_fail_xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	if (entry && fb_fail_is_new(xa, index) && fb_fail_now())
		return xa_mk_internal(-ENOMEM);
	return xa_store(xa, index, entry, gfp);
}

int fb_fail_xa_reserve(struct xarray *xa, unsigned long index, gfp_t gfp)
{
	if (fb_fail_is_new(xa, index) && fb_fail_now())
		return -ENOMEM;
	return xa_reserve(xa, index, gfp);
}
