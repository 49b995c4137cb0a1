// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host.c - QEMU's services to the device core: guest RAM, discards, hints, events.
 */
#include "balloon.h"
#include "discard.h"

uint64_t fb_current_ram_bytes(void)
{
	MemoryDeviceInfoList *list = qmp_memory_device_list();
	uint64_t bytes = MACHINE(qdev_get_machine())->ram_size;
	MemoryDeviceInfoList *item;

	/* The stock device counts hot-plugged DIMMs and nothing else, and so do its managers. */
	for (item = list; item; item = item->next) {
		if (item->value->type == MEMORY_DEVICE_INFO_KIND_DIMM)
			bytes += item->value->u.dimm.data->size;
	}
	qapi_free_MemoryDeviceInfoList(list);
	return bytes;
}

bool fb_block_is_backend(const RAMBlock *rb)
{
	Object *owner = rb->mr ? memory_region_owner(rb->mr) : NULL;

	return owner && object_dynamic_cast(owner, TYPE_MEMORY_BACKEND);
}

bool fb_any_backend_is_migrated(void)
{
	RAMBlock *rb;

	RCU_READ_LOCK_GUARD();
	RAMBLOCK_FOREACH(rb) {
		if (fb_block_is_backend(rb) && !ramblock_is_ignored(rb))
			return true;
	}
	return false;
}

static bool fb_is_guest_ram(MemoryRegion *mr)
{
	return memory_region_is_ram(mr) && !memory_region_is_rom(mr) &&
	       !memory_region_is_romd(mr) && !memory_region_is_ram_device(mr);
}

/*
 * Find the RAM section that starts at @gpa and holds at most @len bytes. On success the
 * caller drops the reference to section->mr.
 */
static bool fb_find_section(uint64_t gpa, uint64_t len, MemoryRegionSection *section)
{
	*section = memory_region_find(get_system_memory(), gpa, len);
	if (!section->mr)
		return false;
	if (section->offset_within_address_space == gpa && fb_is_guest_ram(section->mr))
		return true;
	memory_region_unref(section->mr);
	return false;
}

/* The smallest piece of a RAM block that is given back, in bytes. */
static uint64_t fb_discard_unit(const FbBalloon *balloon, RAMBlock *rb)
{
	uint64_t unit = MAX(qemu_ram_pagesize(rb), FB_PAGE_SIZE);

	return fb_huge_pages_may_back(rb) ? MAX(unit, balloon->huge_page_bytes) : unit;
}

static int fb_host_find_ram(void *host, uint64_t gpa, struct fb_ram *ram)
{
	uint64_t page_size, skew, room = UINT64_MAX - gpa;
	MemoryRegionSection section;

	if (!fb_find_section(gpa, room, &section))
		return -ENOENT;
	page_size = fb_discard_unit(host, section.mr->ram_block);
	skew = section.offset_within_region & (page_size - 1);
	ram->gpa = gpa;
	ram->len = int128_get64(section.size);
	ram->host_page_size = page_size;
	memory_region_unref(section.mr);
	if (!skew)
		return 0;

	/* The piece starts with a whole host page, unless that one begins in another region. */
	if (skew <= gpa && fb_find_section(gpa - skew, room, &section)) {
		uint64_t len = int128_get64(section.size);

		memory_region_unref(section.mr);
		if (len > skew) {
			ram->gpa = gpa - skew;
			ram->len = len;
			return 0;
		}
	}
	/* Shorter than a host page: RAM that is never discarded. */
	ram->len = MIN(ram->len, page_size - skew);
	return 0;
}

/* Whether a second has passed since the last message of the kind. */
static bool fb_may_log(int64_t *quiet_until_ns)
{
	int64_t now_ns = get_clock();

	if (now_ns < *quiet_until_ns)
		return false;
	*quiet_until_ns = now_ns + NANOSECONDS_PER_SECOND;
	return true;
}

static void fb_warn_discard(RAMBlock *rb, int ret)
{
	static int64_t quiet_until_ns;

	if (!fb_may_log(&quiet_until_ns))
		return;
	warn_report("virtio-fastballoon: memory of %s is not given back: %s", rb->idstr,
		    ret == -EPERM ? "a file with data is mapped privately" : strerror(-ret));
}

static int fb_host_discard(void *host, uint64_t gpa, uint64_t len)
{
	MemoryRegionSection section;
	int ret = -EINVAL;

	if (!fb_find_section(gpa, len, &section))
		return -ENOENT;
	if (int128_get64(section.size) == len)
		ret = fb_discard_ram(section.mr->ram_block, section.offset_within_region, len);
	if (ret)
		fb_warn_discard(section.mr->ram_block, ret);
	memory_region_unref(section.mr);
	return ret;
}

/* Only where QEMU may touch memory by itself: elsewhere a fault waits for a page or a snapshot. */
static int fb_host_populate(void *host, uint64_t gpa, uint64_t len)
{
	MemoryRegionSection section;

	if (migration_in_incoming_postcopy() || migration_in_bg_snapshot())
		return -EBUSY;
	if (!fb_find_section(gpa, len, &section))
		return -ENOENT;
	if (int128_get64(section.size) == len) {
		fb_populate_collect(host, &section);
		return -EINPROGRESS;
	}
	memory_region_unref(section.mr);
	return -EINVAL;
}

static bool fb_host_inhibited(void *host)
{
	return ram_block_discard_is_disabled() || migration_in_incoming_postcopy() ||
	       migration_in_bg_snapshot();
}

static void fb_host_skip(void *host, uint64_t gpa, uint64_t len)
{
	MemoryRegionSection section;
	RAMBlock *rb;

	if (!fb_find_section(gpa, len, &section))
		return;
	rb = section.mr->ram_block;
	/* QEMU's own function dereferences the bitmap that an ignored block lacks. */
	if (rb->bmap && !ramblock_is_ignored(rb))
		fb_hinting_skip(host,
				(uint8_t *)memory_region_get_ram_ptr(section.mr) +
					section.offset_within_region,
				int128_get64(section.size));
	memory_region_unref(section.mr);
}

static void fb_host_config_changed(void *host)
{
	virtio_notify_config(VIRTIO_DEVICE(host));
}

uint64_t fb_guest_bytes(const struct fb_device *core)
{
	uint64_t ballooned = (uint64_t)core->actual << FB_PAGE_SHIFT;
	uint64_t ram = fb_current_ram_bytes();

	return ram > ballooned ? ram - ballooned : 0;
}

/* The one event that managers know of a balloon: there is something to look at. */
static void fb_host_send_event(void *host)
{
	qapi_event_send_balloon_change(fb_guest_bytes(&FB_BALLOON(host)->core));
}

static void fb_host_actual_changed(void *host, uint32_t actual_pages)
{
	fb_host_send_event(host);
}

static void fb_host_progress_changed(void *host, const struct fb_ctrl_progress *progress)
{
	fb_host_send_event(host);
}

static void fb_host_request_done(void *host, const struct fb_ctrl_request *request)
{
	/* Those before are the migration's own. */
	if (request->type > VIRTIO_FASTBALLOON_REQ_HINT_DONE)
		fb_host_send_event(host);
}

static uint64_t fb_host_now_ms(void *host)
{
	return fb_ctrlq_now_ms();
}

static void fb_host_guest_error(void *host, const char *what)
{
	static int64_t quiet_until_ns;

	if (fb_may_log(&quiet_until_ns))
		warn_report("virtio-fastballoon: the guest broke a rule: %s", what);
}

static const struct fb_host_ops fb_host_ops = {
	.find_ram = fb_host_find_ram,
	.discard = fb_host_discard,
	.inhibited = fb_host_inhibited,
	.skip = fb_host_skip,
	.config_changed = fb_host_config_changed,
	.actual_changed = fb_host_actual_changed,
	.guest_error = fb_host_guest_error,
	.now_ms = fb_host_now_ms,
	.progress_changed = fb_host_progress_changed,
	.request_done = fb_host_request_done,
};

void fb_host_ops_init(FbBalloon *balloon)
{
	balloon->host_ops = fb_host_ops;
	if (balloon->prealloc_on_deflate)
		balloon->host_ops.populate = fb_host_populate;
}
