// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hint_properties.c - what the operator wants of the hints, and what became of it.
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

static const char *const fb_hint_modes[] = {
	[FB_HINTS_OFF] = "off",
	[FB_HINTS_ON] = "on",
	[FB_HINTS_HELD] = "held",
};

static char *fb_get_hints(Object *obj, Error **errp)
{
	return g_strdup(fb_hint_modes[FB_BALLOON(obj)->hinting.mode]);
}

/* Off ends the round in progress; the others take effect with the next one. */
static void fb_set_hints(Object *obj, const char *value, Error **errp)
{
	FbBalloon *balloon = FB_BALLOON(obj);
	size_t mode;

	for (mode = 0; mode < ARRAY_SIZE(fb_hint_modes); mode++) {
		if (!strcmp(value, fb_hint_modes[mode])) {
			balloon->hinting.mode = mode;
			fb_hinting_wish(balloon);
			return;
		}
	}
	error_setg(errp, "fastballoon-hints is on, off or held");
}

static void fb_get_hint_min_order(Object *obj, Visitor *v, const char *name, void *opaque,
				  Error **errp)
{
	visit_type_uint32(v, name, &FB_BALLOON(obj)->hinting.min_order, errp);
}

static void fb_set_hint_min_order(Object *obj, Visitor *v, const char *name, void *opaque,
				  Error **errp)
{
	FbBalloon *balloon = FB_BALLOON(obj);
	uint32_t order;

	if (!visit_type_uint32(v, name, &order, errp))
		return;
	if (order > FB_HINT_MIN_ORDER_HIGHEST) {
		error_setg(errp, "%s is 0 to %d", name, FB_HINT_MIN_ORDER_HIGHEST);
		return;
	}
	balloon->hinting.min_order = order;
	fb_hinting_wish(balloon);
}

void fb_hint_properties_add(FbBalloon *balloon)
{
	Object *obj = OBJECT(balloon);

	balloon->hinting.mode = FB_HINTS_ON;
	balloon->hinting.min_order = FB_HINT_MIN_ORDER_DEFAULT;
	object_property_add_str(obj, "fastballoon-hints", fb_get_hints, fb_set_hints);
	object_property_add(obj, "fastballoon-hint-min-order", "uint32", fb_get_hint_min_order,
			    fb_set_hint_min_order, NULL, NULL);
	object_property_add_str(obj, "fastballoon-hint-state", fb_get_hint_state, NULL);
	object_property_add_str(obj, "fastballoon-hint-off-reason", fb_get_hint_off_reason, NULL);
}
