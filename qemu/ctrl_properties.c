// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ctrl_properties.c - the control queues for the operator: requests (qom-set), what became of them
 * and how far the driver is (qom-get).
 */
#include "balloon.h"

static bool fb_visit_number(Visitor *v, const char *name, uint64_t value, Error **errp)
{
	return visit_type_uint64(v, name, &value, errp);
}

static bool fb_visit_pages(Visitor *v, const char *name, uint32_t pages, Error **errp)
{
	return fb_visit_number(v, name, (uint64_t)pages << FB_PAGE_SHIFT, errp);
}

static bool fb_visit_flag(Visitor *v, const char *name, bool value, Error **errp)
{
	return visit_type_bool(v, name, &value, errp);
}

static bool fb_visit_word(Visitor *v, const char *name, const char *word, Error **errp)
{
	char *value = (char *)word;

	return visit_type_str(v, name, &value, errp);
}

static void fb_get_progress(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	const struct fb_ctrl_progress *progress = &FB_BALLOON(obj)->core.ctrl.progress;
	bool settled = progress->flags & VIRTIO_FASTBALLOON_PROGRESS_SETTLED;

	if (!visit_start_struct(v, name, NULL, 0, errp))
		return;
	if (fb_visit_flag(v, "known", progress->known, errp) &&
	    fb_visit_pages(v, "target-bytes", progress->target_pages, errp) &&
	    fb_visit_pages(v, "actual-bytes", progress->actual_pages, errp) &&
	    fb_visit_pages(v, "reachable-bytes", progress->reachable_pages, errp) &&
	    fb_visit_word(v, "reason", fb_ctrl_reason_name(progress->reason), errp) &&
	    fb_visit_flag(v, "settled", settled, errp))
		visit_check_struct(v, errp);
	visit_end_struct(v, NULL);
}

static bool fb_visit_request(Visitor *v, const struct fb_ctrl_request *request, Error **errp)
{
	bool done = request->state == FB_CTRL_DONE;
	bool made = request->state != FB_CTRL_NONE;
	uint64_t age_ms = made ? fb_ctrlq_now_ms() - request->asked_ms : 0;
	const char *status = done ? fb_ctrl_status_name(request->status) : "";
	bool ok;

	if (!visit_start_struct(v, fb_ctrl_type_name(request->type), NULL, 0, errp))
		return false;
	ok = fb_visit_word(v, "state", fb_ctrl_state_name(request->state), errp) &&
	     fb_visit_number(v, "id", request->id, errp) &&
	     fb_visit_word(v, "status", status, errp) &&
	     fb_visit_number(v, "figure-bytes", done ? request->figure_bytes : 0, errp) &&
	     fb_visit_number(v, "age-ms", age_ms, errp) && visit_check_struct(v, errp);
	visit_end_struct(v, NULL);
	return ok;
}

static void fb_get_requests(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	const struct fb_device *core = &FB_BALLOON(obj)->core;
	unsigned int type;
	bool ok = true;

	if (!visit_start_struct(v, name, NULL, 0, errp))
		return;
	for (type = VIRTIO_FASTBALLOON_REQ_DROP_CACHES; ok && type < FB_CTRL_TYPES; type++)
		ok = fb_visit_request(v, fb_ctrl_last(core, type), errp);
	if (ok)
		visit_check_struct(v, errp);
	visit_end_struct(v, NULL);
}

/* The type of that name, or 0. */
static unsigned int fb_request_type(const char *word)
{
	unsigned int type;

	for (type = VIRTIO_FASTBALLOON_REQ_DROP_CACHES; type < FB_CTRL_TYPES; type++) {
		if (!strcmp(word, fb_ctrl_type_name(type)))
			return type;
	}
	return 0;
}

static bool fb_parse_caches(const char *word, uint32_t *caches, Error **errp)
{
	if (!strcmp(word, "pages")) {
		*caches = VIRTIO_FASTBALLOON_CACHE_PAGES;
	} else if (!strcmp(word, "slab")) {
		*caches = VIRTIO_FASTBALLOON_CACHE_SLAB;
	} else if (!strcmp(word, "all")) {
		*caches = VIRTIO_FASTBALLOON_CACHE_PAGES | VIRTIO_FASTBALLOON_CACHE_SLAB;
	} else {
		error_setg(errp, "caches must be pages, slab or all, not '%s'", word);
		return false;
	}
	return true;
}

static bool fb_is_given(Visitor *v, const char *name)
{
	bool given = false;

	return visit_optional(v, name, &given);
}

static bool fb_visit_caches(Visitor *v, uint32_t *caches, Error **errp)
{
	char *word = NULL;
	bool ok;

	if (!fb_is_given(v, "caches"))
		return true;
	ok = visit_type_str(v, "caches", &word, errp) && fb_parse_caches(word, caches, errp);
	g_free(word);
	return ok;
}

static bool fb_visit_optional_args(Visitor *v, struct fb_ctrl_args *args, Error **errp)
{
	if (!fb_visit_caches(v, &args->caches, errp))
		return false;
	if (fb_is_given(v, "best-effort") &&
	    !visit_type_bool(v, "best-effort", &args->best_effort, errp))
		return false;
	if (fb_is_given(v, "timeout-ms") &&
	    !visit_type_uint32(v, "timeout-ms", &args->timeout_ms, errp))
		return false;
	return visit_check_struct(v, errp);
}

/* Return: the request's type, or 0 with an error set. */
static unsigned int fb_visit_args(Visitor *v, struct fb_ctrl_args *args, Error **errp)
{
	unsigned int type;
	char *word = NULL;

	if (!visit_type_str(v, "type", &word, errp))
		return 0;
	type = fb_request_type(word);
	if (!type)
		error_setg(errp, "type must be drop-caches, compact or inflate, not '%s'", word);
	g_free(word);
	if (!type || !fb_visit_optional_args(v, args, errp))
		return 0;
	if (type == VIRTIO_FASTBALLOON_REQ_DROP_CACHES && !args->caches)
		fb_parse_caches("all", &args->caches, errp);
	return type;
}

static void fb_set_request_error(const FbBalloon *balloon, unsigned int type, int ret, Error **errp)
{
	const char *name = fb_ctrl_type_name(type);

	if (ret == -EBUSY)
		error_setg(errp, "a %s request is still in progress", name);
	else if (ret == -EINVAL)
		error_setg(errp, "%s does not take these arguments", name);
	else if (balloon->core.features & BIT_ULL(VIRTIO_FASTBALLOON_F_CTRL_VQ))
		error_setg(errp, "the guest's driver does not support %s", name);
	else
		error_setg(errp, "no driver in the guest takes requests: it needs "
				 "virtio_fastballoon, and the device ctrl-vq=on");
}

static void fb_set_request(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	FbBalloon *balloon = FB_BALLOON(obj);
	struct fb_ctrl_args args = { 0 };
	unsigned int type;
	int ret;

	if (!visit_start_struct(v, name, NULL, 0, errp))
		return;
	type = fb_visit_args(v, &args, errp);
	visit_end_struct(v, NULL);
	if (!type)
		return;
	ret = fb_ctrl_request(&balloon->core, type, &args);
	if (ret < 0)
		fb_set_request_error(balloon, type, ret, errp);
	else
		fb_ctrlq_kick(balloon);
}

void fb_ctrl_properties_add(FbBalloon *balloon)
{
	Object *obj = OBJECT(balloon);

	object_property_add(obj, "fastballoon-progress", "struct", fb_get_progress, NULL, NULL,
			    NULL);
	object_property_add(obj, "fastballoon-request", "struct", NULL, fb_set_request, NULL, NULL);
	object_property_add(obj, "fastballoon-requests", "struct", fb_get_requests, NULL, NULL,
			    NULL);
}
