// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * precopy.c - what happens between the first bitmap sync and the first page.
 *
 * A migration begins with the setup of each section that is registered, in order of registration:
 * that of "ram", with the first bitmap sync in it, long before ours. So when ours is written, the
 * bitmap is there, no page has been sent, and what we write arrives before the first page. In it,
 * in this order:
 *
 *   1  holes are taken out of the bitmap (hole_skip.c): what is left tells whether hints pay;
 *   2  the guest is asked for hints, and they are waited for (hinting.c);
 *   3  what is left is described to the destination (density.c).
 *
 * In the migration thread, without the BQL; with it where a snapshot is saved (savevm).
 */
#include "balloon.h"
#include "precopy.h"

#define FB_PRECOPY_SECTION "virtio-fastballoon/precopy"
#define FB_PRECOPY_VERSION 1

static int fb_precopy_save_setup(QEMUFile *f, void *opaque)
{
	FbBalloon *balloon = opaque;

	fb_hole_skip_run(balloon, f);
	if (balloon->hint.vq)
		fb_hinting_first_round(balloon);
	fb_density_save(balloon, f);
	fb_page_runs_begin(balloon, f);
	return 0;
}

static int fb_precopy_load_state(QEMUFile *f, void *opaque, int version_id)
{
	FbBalloon *balloon = opaque;
	int ret = fb_hole_skip_load(f);

	if (runstate_check(RUN_STATE_INMIGRATE) && !migrate_postcopy_ram())
		fb_incoming_poll_begin(&balloon->incoming_poll, f);
	return ret ? ret : fb_density_load(balloon, f);
}

/* The load is over, whatever came of it: the stream is still open, and no guest runs yet. */
static int fb_precopy_load_cleanup(void *opaque)
{
	FbBalloon *balloon = opaque;

	fb_incoming_poll_end(&balloon->incoming_poll);
	fb_density_loaded(balloon);
	return 0;
}

static const SaveVMHandlers fb_precopy_handlers = {
	.save_setup = fb_precopy_save_setup,
	.load_state = fb_precopy_load_state,
	.load_cleanup = fb_precopy_load_cleanup,
};

void fb_precopy_realize(FbBalloon *balloon)
{
	register_savevm_live(FB_PRECOPY_SECTION, 0, FB_PRECOPY_VERSION, &fb_precopy_handlers,
			     balloon);
}

void fb_precopy_unrealize(FbBalloon *balloon)
{
	unregister_savevm(NULL, FB_PRECOPY_SECTION, balloon);
}
