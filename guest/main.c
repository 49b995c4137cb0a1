// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - binding to the device: features, queues, start and stop.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/poison.h>
#include <linux/slab.h>

#include "compat/vqs.h"
#include "fastballoon.h"

enum {
	FB_VQ_INFLATE,
	FB_VQ_DEFLATE,
	FB_VQ_STATS,
	FB_VQ_HINT,
	FB_VQ_REPORT,
	FB_VQ_REQUEST,
	FB_VQ_MESSAGE,
	FB_NR_VQS,
};

/**
 * fb_fail() - the device does not work as it should: let the balloon grow no more.
 * @fb: the balloon.
 * @err: an error of fb_queue_wait(); those that stopping the driver brings are no fault.
 */
void fb_fail(struct fb_balloon *fb, int err)
{
	if (fb_stopping(fb) || fb_dead(fb))
		return;
	if (!xchg(&fb->failed, true))
		dev_err(&fb->vdev->dev,
			"the device failed (%d): no inflation until the driver is bound anew\n",
			err);
}

/** fb_queue_work() - queue work unless the driver is being stopped. Any context. */
void fb_queue_work(struct fb_balloon *fb, struct workqueue_struct *wq, struct work_struct *work)
{
	unsigned long flags;

	spin_lock_irqsave(&fb->stop_lock, flags);
	if (!fb->stopping)
		queue_work(wq, work);
	spin_unlock_irqrestore(&fb->stop_lock, flags);
}

/** fb_requeue_delayed_work() - the same for delayed work; the new time replaces an old one. */
void fb_requeue_delayed_work(struct fb_balloon *fb, struct delayed_work *work,
			     unsigned int delay_ms)
{
	unsigned long flags;

	spin_lock_irqsave(&fb->stop_lock, flags);
	if (!fb->stopping)
		mod_delayed_work(fb->wq, work, msecs_to_jiffies(delay_ms));
	spin_unlock_irqrestore(&fb->stop_lock, flags);
}

/** fb_queue_delayed_work() - the same; an old time stays, unless the work shall run now. */
void fb_queue_delayed_work(struct fb_balloon *fb, struct delayed_work *work, unsigned int delay_ms)
{
	unsigned long flags;

	if (!delay_ms) {
		fb_requeue_delayed_work(fb, work, 0);
		return;
	}
	spin_lock_irqsave(&fb->stop_lock, flags);
	if (!fb->stopping)
		queue_delayed_work(fb->wq, work, msecs_to_jiffies(delay_ms));
	spin_unlock_irqrestore(&fb->stop_lock, flags);
}

/* What the device is told that freed pages contain, before it may run. */
static void fb_write_poison(struct fb_balloon *fb)
{
	fb->poison_val = 0;
	if (!virtio_has_feature(fb->vdev, VIRTIO_BALLOON_F_PAGE_POISON))
		return;
	if (!want_init_on_free())
		memset(&fb->poison_val, PAGE_POISON, sizeof(fb->poison_val));
	virtio_cwrite_le(fb->vdev, struct virtio_balloon_config, poison_val, &fb->poison_val);
}

/*
 * Find the queues. A queue that is not named gets no number, so the numbers are packed as
 * QEMU packs them, by the features that it offers; fb_validate() accepts all that matter, but
 * for reporting, whose number the control queues follow: it is named where it is offered.
 */
static int fb_find_queues(struct fb_balloon *fb, struct virtqueue *vqs[FB_NR_VQS])
{
	struct fb_vq_want want[FB_NR_VQS] = {
		[FB_VQ_INFLATE] = { "inflate", fb_queue_callback },
		[FB_VQ_DEFLATE] = { "deflate", fb_queue_callback },
	};
	bool reports = virtio_has_feature(fb->vdev, VIRTIO_BALLOON_F_REPORTING);

	if (virtio_has_feature(fb->vdev, VIRTIO_BALLOON_F_STATS_VQ))
		want[FB_VQ_STATS] = (struct fb_vq_want){ "stats", fb_stats_callback };
	if (virtio_has_feature(fb->vdev, VIRTIO_BALLOON_F_FREE_PAGE_HINT))
		want[FB_VQ_HINT] = (struct fb_vq_want){ "free_page", fb_queue_callback };
	if (virtio_has_feature(fb->vdev, VIRTIO_FASTBALLOON_F_CTRL_VQ)) {
		want[FB_VQ_REQUEST] = (struct fb_vq_want){ "request", fb_ctrl_callback };
		want[FB_VQ_MESSAGE] = (struct fb_vq_want){ "message", fb_ctrl_callback };
		reports |= fb->vdev->config->get_features(fb->vdev) &
			   BIT_ULL(VIRTIO_BALLOON_F_REPORTING);
	}
	if (reports)
		want[FB_VQ_REPORT] = (struct fb_vq_want){ "reporting", fb_queue_callback };
	return fb_find_vqs(fb->vdev, FB_NR_VQS, vqs, want);
}

static void fb_release_queues(struct fb_balloon *fb)
{
	fb_transport_release(fb);
	fb->stats.vq = NULL;
	fb->vdev->config->del_vqs(fb->vdev);
}

static int fb_setup_queues(struct fb_balloon *fb, struct virtqueue *vqs[FB_NR_VQS])
{
	int err = fb_find_queues(fb, vqs);

	if (err)
		return err;
	if (!virtio_has_feature(fb->vdev, VIRTIO_BALLOON_F_REPORTING))
		vqs[FB_VQ_REPORT] = NULL;
	fb_transport_choose(fb);
	err = fb_transport_setup(fb, vqs[FB_VQ_INFLATE], vqs[FB_VQ_DEFLATE], vqs[FB_VQ_REPORT]);
	if (!err)
		err = fb_hint_start(fb, vqs[FB_VQ_HINT]);
	if (err) {
		fb_release_queues(fb);
		return err;
	}
	fb->stats.vq = vqs[FB_VQ_STATS];
	return 0;
}

static void fb_reset_device(struct fb_balloon *fb)
{
	if (fb_dead(fb))
		return;
	virtio_reset_device(fb->vdev);
	WRITE_ONCE(fb->dead, true);
	wake_up_all(&fb->acked);
}

static void fb_forbid_work(struct fb_balloon *fb)
{
	unsigned long flags;

	spin_lock_irqsave(&fb->stop_lock, flags);
	WRITE_ONCE(fb->stopping, true);
	spin_unlock_irqrestore(&fb->stop_lock, flags);
	atomic_inc(&fb->config_seq);
	wake_up_all(&fb->acked);
	wake_up_all(&fb->movable.room);
}

/*
 * A report that is not answered cannot be given up: Linux would use the pages. Wait for its
 * end; when the device does not answer, reset it first.
 */
static void fb_settle_reports(struct fb_balloon *fb)
{
	unsigned int waited_ms;

	if (!fb_queue_exists(&fb->report))
		return;
	for (waited_ms = 0; waited_ms < 2 * FB_STOP_WAIT_MS; waited_ms += 10) {
		if (mutex_trylock(&fb->report.lock)) {
			mutex_unlock(&fb->report.lock);
			return;
		}
		msleep(10);
	}
	dev_warn(&fb->vdev->dev, "the device does not answer: it is reset\n");
	fb_reset_device(fb);
}

/* Nobody but the caller uses the balloon or the device any more. */
static void fb_quiesce(struct fb_balloon *fb)
{
	fb_forbid_work(fb);
	fb_config_stop(fb);
	fb_settle_reports(fb);
	fb_yield_stop(fb);
	cancel_delayed_work_sync(&fb->size.work);
	fb_wake_stop(fb);
	fb_ctrl_quiesce(fb);
	cancel_work_sync(&fb->movable.work);
	cancel_work_sync(&fb->stats.work);
	cancel_work_sync(&fb->hint.work);
	fb_oom_stop(fb);
	fb_report_stop(fb);
}

/* Undo fb_start(), also a failed one: no worker, no ballooned page, no queue. */
static void fb_stop(struct fb_balloon *fb)
{
	fb_quiesce(fb);
	if (!fb_dead(fb)) {
		fb_deflate(fb, fb_blocks_pages(&fb->blocks));
		fb_size_write_actual(fb);
	}
	fb_reset_device(fb);
	fb_deflate_after_reset(fb);
	fb_hint_stop(fb);
	fb_ctrl_stop(fb);
	fb_release_queues(fb);
}

/* From features agreed on to a working balloon; also after a suspend. */
static int fb_start(struct fb_balloon *fb)
{
	struct virtqueue *vqs[FB_NR_VQS] = {};
	int err;

	fb->failed = false;
	fb->dead = false;
	fb_size_start(fb);
	fb_goal_start(fb);
	fb_progress_start(fb);
	fb_source_choose(fb);
	fb_write_poison(fb);
	err = fb_setup_queues(fb, vqs);
	if (err)
		return err;
	virtio_device_ready(fb->vdev);
	WRITE_ONCE(fb->stopping, false);
	err = fb_stats_start(fb);
	if (!err)
		err = fb_oom_start(fb);
	if (err) {
		fb_stop(fb);
		return err;
	}
	fb_report_start(fb);
	fb_ctrl_start(fb, vqs[FB_VQ_REQUEST], vqs[FB_VQ_MESSAGE]);
	fb_yield_start(fb);
	fb_config_start(fb);
	fb_hint_wake(fb);
	fb_size_wake(fb);
	return 0;
}

static int fb_probe(struct virtio_device *vdev)
{
	struct fb_balloon *fb;
	int err = -ENOMEM;

	if (!vdev->config->get) {
		dev_err(&vdev->dev, "the device has no configuration space\n");
		return -EINVAL;
	}
	fb = kzalloc(sizeof(*fb), GFP_KERNEL);
	if (!fb)
		return -ENOMEM;
	vdev->priv = fb;
	fb->vdev = vdev;
	fb->stopping = true;
	fb->next_node = first_online_node;
	spin_lock_init(&fb->stop_lock);
	init_waitqueue_head(&fb->acked);
	fb_blocks_init(&fb->blocks);
	fb_batch_init(&fb->unacked);
	mutex_init(&fb->taking);
	fb_movable_init(fb);
	fb_yield_init(fb);
	fb_holds_init(&fb->holds);
	fb_config_init(fb);
	fb_size_init(fb);
	fb_goal_init(fb);
	fb_progress_init(fb);
	fb_ctrl_init(fb);
	fb_caches_init(fb);
	fb_stats_init(fb);
	fb->wq = alloc_workqueue("fastballoon", WQ_FREEZABLE | WQ_UNBOUND, 0);
	if (!fb->wq)
		goto free;
	err = fb_wake_create(fb);
	if (err)
		goto destroy_wq;
	err = fb_hint_create(fb);
	if (err)
		goto destroy_wake;
	err = fb_start(fb);
	if (err)
		goto destroy_hint;
	fb_debugfs_add(fb);
	return 0;

destroy_hint:
	fb_hint_destroy(fb);
destroy_wake:
	fb_wake_destroy(fb);
destroy_wq:
	destroy_workqueue(fb->wq);
free:
	kfree(fb);
	return err;
}

static void fb_remove(struct virtio_device *vdev)
{
	struct fb_balloon *fb = vdev->priv;

	fb_debugfs_remove(fb);
	fb_stop(fb);
	fb_hint_destroy(fb);
	fb_wake_destroy(fb);
	destroy_workqueue(fb->wq);
	fb_blocks_destroy(&fb->blocks);
	kfree(fb);
}

#ifdef CONFIG_PM_SLEEP
/* Workqueues are frozen already. All pages come back, for the image must not lack them. */
static int fb_freeze(struct virtio_device *vdev)
{
	fb_stop(vdev->priv);
	return 0;
}

static int fb_restore(struct virtio_device *vdev)
{
	return fb_start(vdev->priv);
}
#endif

/*
 * Page poison matters only where freed pages have known contents. Without it such a guest
 * cannot have reported pages discarded. Memory is passed by guest-physical address always.
 */
static int fb_validate(struct virtio_device *vdev)
{
	if (!want_init_on_free() && !page_poisoning_enabled_static())
		__virtio_clear_bit(vdev, VIRTIO_BALLOON_F_PAGE_POISON);
	else if (!virtio_has_feature(vdev, VIRTIO_BALLOON_F_PAGE_POISON))
		__virtio_clear_bit(vdev, VIRTIO_BALLOON_F_REPORTING);
	__virtio_clear_bit(vdev, VIRTIO_F_ACCESS_PLATFORM);
	return 0;
}

static const unsigned int fb_features[] = {
	VIRTIO_BALLOON_F_MUST_TELL_HOST,  VIRTIO_BALLOON_F_STATS_VQ,
	VIRTIO_BALLOON_F_DEFLATE_ON_OOM,  VIRTIO_BALLOON_F_FREE_PAGE_HINT,
	VIRTIO_BALLOON_F_PAGE_POISON,     VIRTIO_BALLOON_F_REPORTING,
	VIRTIO_FASTBALLOON_F_SG,          VIRTIO_FASTBALLOON_F_PAGE_BITMAP,
	VIRTIO_FASTBALLOON_F_HINT_LOGGED, VIRTIO_FASTBALLOON_F_CTRL_VQ,
};

static const struct virtio_device_id fb_ids[] = {
	{ VIRTIO_ID_BALLOON, VIRTIO_DEV_ANY_ID },
	{ 0 },
};

static struct virtio_driver fb_driver = {
	.driver.name = KBUILD_MODNAME,
	.driver.owner = THIS_MODULE,
	.feature_table = fb_features,
	.feature_table_size = ARRAY_SIZE(fb_features),
	.id_table = fb_ids,
	.validate = fb_validate,
	.probe = fb_probe,
	.remove = fb_remove,
	.config_changed = fb_config_changed,
#ifdef CONFIG_PM_SLEEP
	.freeze = fb_freeze,
	.restore = fb_restore,
#endif
};

static int __init fb_init(void)
{
	int err;

	fb_debugfs_init();
	fb_wake_find();
	err = register_virtio_driver(&fb_driver);
	if (err)
		fb_debugfs_exit();
	return err;
}
module_init(fb_init);

static void __exit fb_exit(void)
{
	unregister_virtio_driver(&fb_driver);
	fb_debugfs_exit();
}
module_exit(fb_exit);

MODULE_DEVICE_TABLE(virtio, fb_ids);
MODULE_ALIAS("fastballoon");
MODULE_DESCRIPTION("Virtio balloon driver that gives memory back and hints migrations fast");
MODULE_AUTHOR("The fastballoon authors");
MODULE_LICENSE("GPL");
