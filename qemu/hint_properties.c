// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hint_properties.c - state of the hints, readable with qom-get.
 */
#include "balloon.h"

static char *fb_get_hint_state(Object *obj, Error **errp)
{
	static const char *const names[] = {
		[FB_HINT_STOP] = "stop",
		[FB_HINT_REQUESTED] = "requested",
		[FB_HINT_START] = "start",
		[FB_HINT_DONE] = "done",
	};

	return g_strdup(names[FB_BALLOON(obj)->core.hint.state]);
}

static char *fb_get_hint_off_reason(Object *obj, Error **errp)
{
	const char *reason = FB_BALLOON(obj)->hinting.off_reason;

	return g_strdup(reason ? reason : "");
}

void fb_hint_properties_add(FbBalloon *balloon)
{
	Object *obj = OBJECT(balloon);

	object_property_add_str(obj, "fastballoon-hint-state", fb_get_hint_state, NULL);
	object_property_add_str(obj, "fastballoon-hint-off-reason", fb_get_hint_off_reason, NULL);
}
