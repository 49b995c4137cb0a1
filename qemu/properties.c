// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * properties.c - counters and hinting state, readable with qom-get.
 */
#include "balloon.h"

static bool fb_visit_counter(Visitor *v, const char *name, uint64_t value, Error **errp)
{
	return visit_type_uint64(v, name, &value, errp);
}

static bool fb_visit_counters(Visitor *v, const struct fb_counters *c, const struct fb_hint *hint,
			      Error **errp)
{
	const struct {
		const char *name;
		uint64_t value;
	} fields[] = {
		{ "requests", c->requests },
		{ "ranges", c->ranges },
		{ "inflated-bytes", c->inflated_bytes },
		{ "deflated-bytes", c->deflated_bytes },
		{ "reported-bytes", c->reported_bytes },
		{ "discarded-bytes", c->discarded_bytes },
		{ "discard-failures", c->discard_failures },
		{ "inhibited-bytes", c->inhibited_bytes },
		{ "hinted-bytes", hint->hinted_bytes },
		{ "stale-hint-bytes", hint->stale_bytes },
		{ "refused", c->refused + hint->refused },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!fb_visit_counter(v, fields[i].name, fields[i].value, errp))
			return false;
	}
	return visit_check_struct(v, errp);
}

static void fb_get_counters(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	FbBalloon *balloon = FB_BALLOON(obj);

	if (!visit_start_struct(v, name, NULL, 0, errp))
		return;
	fb_visit_counters(v, &balloon->core.counters, &balloon->core.hint, errp);
	visit_end_struct(v, NULL);
}

static void fb_get_features(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	visit_type_uint64(v, name, &FB_BALLOON(obj)->core.features, errp);
}

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

void fb_properties_add(FbBalloon *balloon)
{
	Object *obj = OBJECT(balloon);

	object_property_add(obj, "fastballoon-counters", "struct", fb_get_counters, NULL, NULL,
			    NULL);
	object_property_add(obj, "fastballoon-features", "uint64", fb_get_features, NULL, NULL,
			    NULL);
	object_property_add_str(obj, "fastballoon-hint-state", fb_get_hint_state, NULL);
	object_property_add_str(obj, "fastballoon-hint-off-reason", fb_get_hint_off_reason, NULL);
}

void fb_properties_alias(Object *proxy, FbBalloon *balloon)
{
	static const char *const names[] = {
		"guest-stats",
		"guest-stats-polling-interval",
		"fastballoon-counters",
		"fastballoon-features",
		"fastballoon-hint-state",
		"fastballoon-hint-off-reason",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		object_property_add_alias(proxy, names[i], OBJECT(balloon), names[i]);
}
