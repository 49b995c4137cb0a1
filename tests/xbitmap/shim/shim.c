// SPDX-License-Identifier: GPL-2.0-or-later
/* shim.c - an allocator that can fail and a simple XArray, for tests in userspace. */
#include <linux/slab.h>
#include <linux/xarray.h>

long fb_shim_fail_after = -1;
long fb_shim_live;

void *kzalloc(size_t size, gfp_t gfp)
{
	void *memory;

	if (gfp != (GFP_NOWAIT | __GFP_NOWARN))
		abort();
	if (!fb_shim_fail_after)
		return NULL;
	if (fb_shim_fail_after > 0)
		fb_shim_fail_after--;
	memory = calloc(1, size);
	if (!memory)
		abort();
	fb_shim_live++;
	return memory;
}

void kfree(const void *memory)
{
	if (!memory)
		return;
	fb_shim_live--;
	free((void *)memory);
}

/* The link to the first slot at or after a place. */
static struct fb_shim_slot **fb_shim_seek(struct xarray *xa, unsigned long index)
{
	struct fb_shim_slot **link = &xa->slots;

	while (*link && (*link)->index < index)
		link = &(*link)->next;
	return link;
}

static struct fb_shim_slot *fb_shim_slot(struct xarray *xa, unsigned long index)
{
	struct fb_shim_slot *slot = *fb_shim_seek(xa, index);

	return slot && slot->index == index ? slot : NULL;
}

static void *fb_shim_visible(void *entry)
{
	return entry == XA_ZERO_ENTRY ? NULL : entry;
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	struct fb_shim_slot *slot = fb_shim_slot(xa, index);

	return slot ? fb_shim_visible(slot->entry) : NULL;
}

void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	struct fb_shim_slot **link = fb_shim_seek(xa, index);
	struct fb_shim_slot *slot = *link;
	void *old;

	if (!entry)
		return xa_erase(xa, index);
	if (slot && slot->index == index) {
		old = slot->entry;
		slot->entry = entry;
		return fb_shim_visible(old);
	}
	slot = kzalloc(sizeof(*slot), gfp);
	if (!slot)
		return (void *)-2;
	*slot = (struct fb_shim_slot){ *link, index, entry };
	*link = slot;
	return NULL;
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	struct fb_shim_slot **link = fb_shim_seek(xa, index);
	struct fb_shim_slot *slot = *link;
	void *old;

	if (!slot || slot->index != index)
		return NULL;
	old = slot->entry;
	*link = slot->next;
	kfree(slot);
	return fb_shim_visible(old);
}

int xa_reserve(struct xarray *xa, unsigned long index, gfp_t gfp)
{
	if (fb_shim_slot(xa, index))
		return 0;
	return xa_err(xa_store(xa, index, XA_ZERO_ENTRY, gfp));
}

void xa_release(struct xarray *xa, unsigned long index)
{
	struct fb_shim_slot *slot = fb_shim_slot(xa, index);

	if (slot && slot->entry == XA_ZERO_ENTRY)
		xa_erase(xa, index);
}

void *xa_find(struct xarray *xa, unsigned long *index, unsigned long last, unsigned int filter)
{
	struct fb_shim_slot *slot = *fb_shim_seek(xa, *index);

	while (slot && slot->entry == XA_ZERO_ENTRY)
		slot = slot->next;
	if (!slot || slot->index > last)
		return NULL;
	*index = slot->index;
	return slot->entry;
}

void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long last,
		    unsigned int filter)
{
	unsigned long next = *index + 1;
	void *entry = next ? xa_find(xa, &next, last, filter) : NULL;

	if (entry)
		*index = next;
	return entry;
}

void xa_destroy(struct xarray *xa)
{
	while (xa->slots)
		xa_erase(xa, xa->slots->index);
}
