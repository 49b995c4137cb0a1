// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * balloon.c - the virtio device type virtio-fastballoon-device.
 *
 * Queues are numbered as Linux and the stock device pack them: inflateq, deflateq, statsq,
 * then the free page queue, the reporting queue and the two control queues, each only where it is
 * offered.
 */
#include "abi.h"
#include "balloon.h"
#include "discard.h"
#include "precopy.h"
#include "dirty_log.h"

static bool fb_offers(const FbBalloon *balloon, unsigned int bit)
{
	return balloon->offered & BIT_ULL(bit);
}

static uint64_t fb_balloon_get_features(VirtIODevice *vdev, uint64_t features, Error **errp)
{
	FbBalloon *balloon = FB_BALLOON(vdev);

	features |= balloon->offered;
	virtio_add_feature(&features, VIRTIO_BALLOON_F_STATS_VQ);
	if (balloon->hint_logged && balloon->eager_clear && fb_dirty_log_exact() &&
	    fb_offers(balloon, VIRTIO_BALLOON_F_FREE_PAGE_HINT))
		virtio_add_feature(&features, VIRTIO_FASTBALLOON_F_HINT_LOGGED);
	return features;
}

static void fb_balloon_set_features(VirtIODevice *vdev, uint64_t features)
{
	fb_device_set_features(&FB_BALLOON(vdev)->core, features);
}

static void fb_balloon_get_config(VirtIODevice *vdev, uint8_t *data)
{
	FbBalloon *balloon = FB_BALLOON(vdev);
	struct virtio_balloon_config config;

	fb_device_get_config(&balloon->core, fb_offers(balloon, VIRTIO_BALLOON_F_FREE_PAGE_HINT),
			     &config);
	memcpy(data, &config, sizeof(config));
}

static void fb_balloon_set_config(VirtIODevice *vdev, const uint8_t *data)
{
	struct virtio_balloon_config config;

	memcpy(&config, data, sizeof(config));
	fb_device_set_config(&FB_BALLOON(vdev)->core, &config);
}

static void fb_balloon_to_target(void *opaque, ram_addr_t target_bytes)
{
	uint64_t ram = fb_current_ram_bytes();

	if (target_bytes)
		fb_device_set_target(opaque, (ram - MIN(target_bytes, ram)) >> FB_PAGE_SHIFT);
}

static void fb_balloon_info(void *opaque, BalloonInfo *info)
{
	info->actual = fb_guest_bytes(opaque);
}

static void fb_balloon_reset(VirtIODevice *vdev)
{
	FbBalloon *balloon = FB_BALLOON(vdev);

	fb_hinting_reset(balloon);
	fb_populate_reset(balloon);
	fb_statsq_reset(balloon);
	fb_device_reset(&balloon->core);
	fb_ctrlq_kick(balloon);
}

/* The driver resets one queue: the buffers of it that we hold are gone. */
static void fb_balloon_queue_reset(VirtIODevice *vdev, uint32_t index)
{
	FbBalloon *balloon = FB_BALLOON(vdev);
	VirtQueue *vq = virtio_get_queue(vdev, index);

	if (vq == balloon->hint.vq)
		fb_hinting_reset(balloon);
	else if (vq == balloon->deflate.vq)
		fb_populate_reset(balloon);
	else if (vq == balloon->stats.vq)
		fb_statsq_reset(balloon);
}

static void fb_balloon_set_status(VirtIODevice *vdev, uint8_t status)
{
	FbBalloon *balloon = FB_BALLOON(vdev);

	/* A migration carries no buffer that we hold. */
	if (!vdev->vm_running)
		fb_populate_stop(balloon);
	if (!vdev->vm_running || !(status & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	fb_statsq_resume(balloon);
	fb_queue_kick(&balloon->inflate);
	fb_queue_kick(&balloon->deflate);
	fb_queue_kick(&balloon->hint);
	fb_queue_kick(&balloon->report);
	fb_queue_kick(&balloon->ctrlq.message);
	fb_ctrlq_kick(balloon);
}

static void fb_balloon_add_queues(FbBalloon *balloon)
{
	fb_queue_add(balloon, &balloon->inflate, fb_device_inflate);
	balloon->inflate.hold = fb_populate_is_busy;
	fb_queue_add(balloon, &balloon->deflate, fb_device_deflate);
	balloon->deflate.hold = fb_populate_is_busy;
	balloon->deflate.defer = fb_populate_defer;
	fb_statsq_realize(balloon);
	if (fb_offers(balloon, VIRTIO_BALLOON_F_FREE_PAGE_HINT)) {
		fb_queue_add(balloon, &balloon->hint, fb_device_hint);
		balloon->hint.defer = fb_hinting_defer;
		balloon->hint.after = fb_hinting_progress;
	}
	if (fb_offers(balloon, VIRTIO_BALLOON_F_REPORTING)) {
		fb_queue_add(balloon, &balloon->report, fb_device_report);
		balloon->report.hold = fb_populate_is_busy;
	}
	if (fb_offers(balloon, VIRTIO_FASTBALLOON_F_CTRL_VQ))
		fb_ctrlq_realize(balloon);
}

static void fb_balloon_realize(DeviceState *dev, Error **errp)
{
	VirtIODevice *vdev = VIRTIO_DEVICE(dev);
	FbBalloon *balloon = FB_BALLOON(dev);

	if (!fb_abi_check_ram()) {
		error_setg(errp, "RAM blocks are laid out otherwise than in the QEMU that "
				 "fastballoon.so was built for: rebuild it");
		return;
	}
	if (balloon->prealloc_on_deflate && !fb_populate_is_possible()) {
		error_setg(errp, "prealloc-on-deflate needs Linux 5.14 or later");
		return;
	}
	if (balloon->keep_huge_pages) {
		balloon->huge_page_bytes = fb_huge_page_bytes();
		if (!balloon->huge_page_bytes) {
			error_setg(errp, "keep-huge-pages needs a host kernel with transparent "
					 "huge pages: leave it off");
			return;
		}
	}
	/*
	 * Only a driver that has to tell waits for the answer before it uses the memory, and only
	 * with such a driver parts of huge pages can be remembered.
	 */
	if (balloon->prealloc_on_deflate || balloon->keep_huge_pages)
		balloon->offered |= BIT_ULL(VIRTIO_BALLOON_F_MUST_TELL_HOST);
	fb_host_ops_init(balloon);
	if (qemu_add_balloon_handler(fb_balloon_to_target, fb_balloon_info, &balloon->core) < 0) {
		error_setg(errp, "only one balloon device is supported: remove the other one");
		return;
	}
	if (fb_device_init(&balloon->core, &balloon->host_ops, balloon) < 0) {
		error_setg(errp, "out of memory");
		qemu_remove_balloon_handler(&balloon->core);
		return;
	}
	virtio_init(vdev, VIRTIO_ID_BALLOON, sizeof(struct virtio_balloon_config));
	fb_balloon_add_queues(balloon);
	if (fb_offers(balloon, VIRTIO_BALLOON_F_FREE_PAGE_HINT))
		fb_hinting_realize(balloon);
	fb_hole_skip_realize(balloon); /* last, so that it is the first to be notified */
	fb_precopy_realize(balloon);
	fb_page_runs_realize(balloon);
}

static void fb_balloon_unrealize(DeviceState *dev)
{
	FbBalloon *balloon = FB_BALLOON(dev);

	fb_incoming_poll_end(&balloon->incoming_poll);
	fb_page_runs_unrealize(balloon);
	fb_precopy_unrealize(balloon);
	fb_hole_skip_unrealize(balloon);
	if (balloon->hint.vq)
		fb_hinting_unrealize(balloon);
	qemu_remove_balloon_handler(&balloon->core);
	fb_populate_reset(balloon);
	fb_populate_unrealize(balloon);
	fb_queue_delete(&balloon->inflate);
	fb_queue_delete(&balloon->deflate);
	fb_statsq_unrealize(balloon);
	fb_queue_delete(&balloon->hint);
	fb_queue_delete(&balloon->report);
	fb_ctrlq_unrealize(balloon);
	fb_device_destroy(&balloon->core);
	virtio_cleanup(VIRTIO_DEVICE(dev));
}

static int fb_balloon_post_load(void *opaque, int version_id)
{
	FbBalloon *balloon = opaque;
	uint32_t *state = &balloon->core.hint.state;

	/* No migration is going on over here: what the driver still holds can go. */
	if (*state != FB_HINT_STOP)
		*state = FB_HINT_DONE;
	fb_ctrl_loaded(&balloon->core);
	fb_statsq_post_load(balloon);
	return 0;
}

static bool fb_vmstate_hint_needed(void *opaque)
{
	return virtio_vdev_has_feature(opaque, VIRTIO_BALLOON_F_FREE_PAGE_HINT);
}

static bool fb_vmstate_poison_needed(void *opaque)
{
	return virtio_vdev_has_feature(opaque, VIRTIO_BALLOON_F_PAGE_POISON);
}

static const VMStateDescription fb_vmstate_hint = {
	.name = "virtio-fastballoon-device/free-page-hint",
	.version_id = 1,
	.minimum_version_id = 1,
	.needed = fb_vmstate_hint_needed,
	.fields =
		(VMStateField[]){
			VMSTATE_UINT32(core.hint.state, FbBalloon),
			VMSTATE_UINT32(core.hint.cmd_id, FbBalloon),
			VMSTATE_END_OF_LIST(),
		},
};

static const VMStateDescription fb_vmstate_poison = {
	.name = "virtio-fastballoon-device/page-poison",
	.version_id = 1,
	.minimum_version_id = 1,
	.needed = fb_vmstate_poison_needed,
	.fields =
		(VMStateField[]){
			VMSTATE_UINT32(core.poison_val, FbBalloon),
			VMSTATE_END_OF_LIST(),
		},
};

static const VMStateDescription fb_vmstate_device = {
	.name = "virtio-fastballoon-device",
	.version_id = 1,
	.minimum_version_id = 1,
	.post_load = fb_balloon_post_load,
	.fields =
		(VMStateField[]){
			VMSTATE_UINT32(core.num_pages, FbBalloon),
			VMSTATE_UINT32(core.actual, FbBalloon),
			VMSTATE_END_OF_LIST(),
		},
	.subsections =
		(const VMStateDescription *[]){
			&fb_vmstate_hint,
			&fb_vmstate_poison,
			&fb_vmstate_ctrlq,
			NULL,
		},
};

static const VMStateDescription fb_vmstate = {
	.name = "virtio-fastballoon",
	.version_id = 1,
	.minimum_version_id = 1,
	.fields =
		(VMStateField[]){
			VMSTATE_VIRTIO_DEVICE,
			VMSTATE_END_OF_LIST(),
		},
};

static Property fb_balloon_properties[] = {
	DEFINE_PROP_BIT64("must-tell-host", FbBalloon, offered, VIRTIO_BALLOON_F_MUST_TELL_HOST,
			  false),
	DEFINE_PROP_BIT64("deflate-on-oom", FbBalloon, offered, VIRTIO_BALLOON_F_DEFLATE_ON_OOM,
			  false),
	DEFINE_PROP_BIT64("free-page-hint", FbBalloon, offered, VIRTIO_BALLOON_F_FREE_PAGE_HINT,
			  false),
	DEFINE_PROP_BIT64("page-poison", FbBalloon, offered, VIRTIO_BALLOON_F_PAGE_POISON, true),
	DEFINE_PROP_BIT64("free-page-reporting", FbBalloon, offered, VIRTIO_BALLOON_F_REPORTING,
			  false),
	DEFINE_PROP_BIT64("sg", FbBalloon, offered, VIRTIO_FASTBALLOON_F_SG, true),
	DEFINE_PROP_BIT64("page-bitmap", FbBalloon, offered, VIRTIO_FASTBALLOON_F_PAGE_BITMAP,
			  true),
	DEFINE_PROP_BIT64("ctrl-vq", FbBalloon, offered, VIRTIO_FASTBALLOON_F_CTRL_VQ, true),
	DEFINE_PROP_BOOL("hint-logged", FbBalloon, hint_logged, true),
	DEFINE_PROP_BOOL("eager-clear", FbBalloon, eager_clear, true),
	DEFINE_PROP_BOOL("density-map", FbBalloon, density.enabled, true),
	DEFINE_PROP_BOOL("page-runs", FbBalloon, page_runs.enabled, true),
	DEFINE_PROP_BOOL("page-series", FbBalloon, page_runs.series_enabled, true),
	DEFINE_PROP_UINT32("incoming-poll-us", FbBalloon, incoming_poll.poll_us, 100),
	DEFINE_PROP_BOOL("prealloc-on-deflate", FbBalloon, prealloc_on_deflate, false),
	DEFINE_PROP_BOOL("keep-huge-pages", FbBalloon, keep_huge_pages, false),
	DEFINE_PROP_LINK("iothread", FbBalloon, iothread, TYPE_IOTHREAD, IOThread *),
	DEFINE_PROP_END_OF_LIST(),
};

static void fb_balloon_class_init(ObjectClass *klass, void *data)
{
	VirtioDeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);
	DeviceClass *dc = DEVICE_CLASS(klass);

	device_class_set_props(dc, fb_balloon_properties);
	dc->vmsd = &fb_vmstate;
	dc->desc = "virtio balloon with ranges and exact free page hints";
	set_bit(DEVICE_CATEGORY_MISC, dc->categories);
	vdc->realize = fb_balloon_realize;
	vdc->unrealize = fb_balloon_unrealize;
	vdc->get_features = fb_balloon_get_features;
	vdc->set_features = fb_balloon_set_features;
	vdc->get_config = fb_balloon_get_config;
	vdc->set_config = fb_balloon_set_config;
	vdc->set_status = fb_balloon_set_status;
	vdc->reset = fb_balloon_reset;
	vdc->queue_reset = fb_balloon_queue_reset;
	vdc->vmsd = &fb_vmstate_device;
}

static void fb_balloon_instance_init(Object *obj)
{
	FbBalloon *balloon = FB_BALLOON(obj);

	fb_statsq_init(balloon);
	fb_properties_add(balloon);
}

static void fb_balloon_instance_finalize(Object *obj)
{
	fb_statsq_finalize(FB_BALLOON(obj));
}

static const TypeInfo fb_balloon_info_type = {
	.name = TYPE_FB_BALLOON,
	.parent = TYPE_VIRTIO_DEVICE,
	.instance_size = sizeof(FbBalloon),
	.instance_init = fb_balloon_instance_init,
	.instance_finalize = fb_balloon_instance_finalize,
	.class_init = fb_balloon_class_init,
};

void fb_balloon_register_types(void)
{
	type_register_static(&fb_balloon_info_type);
}
