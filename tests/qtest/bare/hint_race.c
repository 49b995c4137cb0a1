// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hint_race.c - a guest that writes to a page between the dirty bitmap's sync and its hint.
 *
 * The page holds FB_PAGE_BEFORE when a migration begins. As soon as the device shows a command
 * id, the guest writes FB_PAGE_AFTER and then hints the page: what a driver does that found the
 * page free, while somebody else allocated it. The destination must read FB_PAGE_AFTER.
 */
#include "layout.h"
#include "virtio.h"

/* Queues are numbered as offered: inflateq, deflateq, statsq, free page queue. */
#define FB_HINT_QUEUE 3

#define FB_WANTED \
	(1ULL << VIRTIO_BALLOON_F_FREE_PAGE_HINT | 1ULL << VIRTIO_FASTBALLOON_F_HINT_LOGGED)

static volatile __u32 *fb_word(__u32 gpa)
{
	return (volatile __u32 *)gpa;
}

static void fb_command(struct fb_balloon *balloon, volatile struct fb_ring *ring, __u32 cmd_id)
{
	*fb_word(FB_COMMAND_GPA) = cmd_id;
	fb_balloon_send(balloon, FB_HINT_QUEUE, ring, FB_COMMAND_GPA, sizeof(cmd_id), 0);
}

static __u32 fb_wait_cmd_id(struct fb_balloon *balloon)
{
	__u32 cmd_id;

	do {
		cmd_id = balloon->config->free_page_hint_cmd_id;
	} while (cmd_id == VIRTIO_BALLOON_CMD_ID_STOP || cmd_id == VIRTIO_BALLOON_CMD_ID_DONE);
	return cmd_id;
}

static int fb_start(struct fb_balloon *balloon, volatile struct fb_ring *ring)
{
	if (fb_balloon_find(balloon) || fb_balloon_negotiate(balloon, FB_WANTED))
		return -1;
	if (!(balloon->features & 1ULL << VIRTIO_BALLOON_F_FREE_PAGE_HINT))
		return -1;
	fb_balloon_queue(balloon, FB_HINT_QUEUE, ring);
	fb_balloon_run(balloon);
	return 0;
}

void fb_main(void);
void fb_main(void)
{
	volatile struct fb_ring *ring = (void *)FB_RING_GPA;
	struct fb_balloon balloon;
	__u32 cmd_id;

	balloon.common = 0;
	balloon.config = 0;
	balloon.notify = 0;
	*fb_word(FB_PAGE_GPA) = FB_PAGE_BEFORE;
	if (fb_start(&balloon, ring)) {
		*fb_word(FB_PROGRESS_GPA) = FB_PROGRESS_FAILED;
		return;
	}
	*fb_word(FB_PROGRESS_GPA) = FB_PROGRESS_READY;

	cmd_id = fb_wait_cmd_id(&balloon);
	*fb_word(FB_PAGE_GPA) = FB_PAGE_AFTER;
	fb_command(&balloon, ring, cmd_id);
	fb_balloon_send(&balloon, FB_HINT_QUEUE, ring, FB_PAGE_GPA, FB_PAGE_BYTES,
			VRING_DESC_F_WRITE);
	fb_command(&balloon, ring, VIRTIO_BALLOON_CMD_ID_STOP);
	*fb_word(FB_PROGRESS_GPA) = FB_PROGRESS_HINTED;
}
