// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * properties.c - counters and features, readable with qom-get; every property on both objects.
 */
#include "balloon.h"

static bool fb_visit_counter(Visitor *v, const char *name, uint64_t value, Error **errp)
{
	return visit_type_uint64(v, name, &value, errp);
}

static bool fb_visit_counters(Visitor *v, const FbBalloon *balloon, Error **errp)
{
	const struct fb_device *core = &balloon->core;
	const struct fb_counters *c = &core->counters;
	const struct fb_hint *hint = &core->hint;
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
		{ "failed-bytes", c->failed_bytes },
		{ "inhibited-bytes", c->inhibited_bytes },
		{ "waiting-bytes", fb_device_waiting_bytes(core) },
		{ "populated-bytes", c->populated_bytes },
		{ "populate-failures", c->populate_failures },
		{ "hinted-bytes", hint->hinted_bytes },
		{ "stale-hint-bytes", hint->stale_bytes },
		{ "hole-skipped-bytes", balloon->hole_skip.skipped_bytes },
		{ "run-sent-bytes", balloon->page_runs.sent_bytes },
		{ "series-bytes", balloon->page_runs.series_bytes },
		{ "small-page-bytes", balloon->density.small_page_bytes },
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
	fb_visit_counters(v, balloon, errp);
	visit_end_struct(v, NULL);
}

static void fb_get_features(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	visit_type_uint64(v, name, &FB_BALLOON(obj)->core.features, errp);
}

void fb_properties_add(FbBalloon *balloon)
{
	Object *obj = OBJECT(balloon);

	object_property_add(obj, "fastballoon-counters", "struct", fb_get_counters, NULL, NULL,
			    NULL);
	object_property_add(obj, "fastballoon-features", "uint64", fb_get_features, NULL, NULL,
			    NULL);
	fb_hint_properties_add(balloon);
	fb_ctrl_properties_add(balloon);
	fb_hole_properties_add(balloon);
	fb_page_runs_properties_add(balloon);
}

static bool fb_property_is_ours(const char *name)
{
	return g_str_has_prefix(name, "fastballoon-") || g_str_has_prefix(name, "guest-stats") ||
	       !strcmp(name, "hole-skip");
}

void fb_properties_alias(Object *proxy, FbBalloon *balloon)
{
	ObjectPropertyIterator iter;
	ObjectProperty *property;

	object_property_iter_init(&iter, OBJECT(balloon));
	while ((property = object_property_iter_next(&iter))) {
		if (fb_property_is_ours(property->name))
			object_property_add_alias(proxy, property->name, OBJECT(balloon),
						  property->name);
	}
}
