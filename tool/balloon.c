// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * balloon.c - the balloon device of a virtual machine, as QMP shows it.
 */
#include "balloon.h"

#include <ctype.h>
#include <errno.h>
#include <linux/virtio_fastballoon.h>
#include <stdio.h>
#include <string.h>

#include "output.h"

#define FB_TYPE_OURS "virtio-fastballoon-"
#define FB_TYPE_STOCK "virtio-balloon-"
#define FB_BACKEND "virtio-backend"
#define FB_CHILD "child<"

/* How deep below a folder of devices a balloon is looked for. */
#define FB_FIND_DEPTH 2
/* How many objects are looked at, so that the search of any tree ends. */
#define FB_FIND_OBJECTS_MAX 1024

static const struct {
	unsigned int bit;
	const char *name;
} fb_features[] = {
	{ VIRTIO_BALLOON_F_MUST_TELL_HOST, "must-tell-host" },
	{ VIRTIO_BALLOON_F_STATS_VQ, "stats-vq" },
	{ VIRTIO_BALLOON_F_DEFLATE_ON_OOM, "deflate-on-oom" },
	{ VIRTIO_BALLOON_F_FREE_PAGE_HINT, "free-page-hint" },
	{ VIRTIO_BALLOON_F_PAGE_POISON, "page-poison" },
	{ VIRTIO_BALLOON_F_REPORTING, "reporting" },
	{ VIRTIO_FASTBALLOON_F_SG, "sg" },
	{ VIRTIO_FASTBALLOON_F_PAGE_BITMAP, "page-bitmap" },
	{ VIRTIO_FASTBALLOON_F_HINT_LOGGED, "hint-logged" },
	{ VIRTIO_FASTBALLOON_F_CTRL_VQ, "ctrl-vq" },
};

/* Copies the type from "child<TYPE>"; false if the member is no child object. */
static bool fb_child_type(const json_object *member, char *type, size_t size)
{
	const char *text = fb_json_text(member, "type");
	size_t len;

	if (!text || strncmp(text, FB_CHILD, strlen(FB_CHILD)))
		return false;
	text += strlen(FB_CHILD);
	len = strcspn(text, ">");
	return (size_t)snprintf(type, size, "%.*s", (int)len, text) < size;
}

static bool fb_is_balloon(const char *type)
{
	return !strncmp(type, FB_TYPE_OURS, strlen(FB_TYPE_OURS)) ||
	       !strncmp(type, FB_TYPE_STOCK, strlen(FB_TYPE_STOCK));
}

static int fb_qom_list(struct fb_qmp *qmp, const char *path, json_object **list)
{
	json_object *arguments = json_object_new_object();
	int rc;

	fb_json_add_text(arguments, "path", path);
	rc = fb_qmp_call(qmp, "qom-list", arguments, list);
	if (rc)
		return rc;
	if (json_object_is_type(*list, json_type_array))
		return 0;
	json_object_put(*list);
	*list = json_object_new_array();
	return 0;
}

static bool fb_listed(const json_object *list, const char *property)
{
	const char *name;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		name = fb_json_text(json_object_array_get_idx(list, i), "name");
		if (name && !strcmp(name, property))
			return true;
	}
	return false;
}

/* Fills in a balloon found at @path; returns 1 or a negative errno. */
static int fb_found(struct fb_qmp *qmp, struct fb_balloon *balloon, const char *path,
		    const char *type)
{
	bool backend;
	int rc;

	snprintf(balloon->type, sizeof(balloon->type), "%s", type);
	snprintf(balloon->path, sizeof(balloon->path), "%s", path);
	balloon->ours = !strncmp(type, FB_TYPE_OURS, strlen(FB_TYPE_OURS));
	rc = fb_qom_list(qmp, path, &balloon->properties);
	if (rc)
		return rc;
	backend = fb_listed(balloon->properties, FB_BACKEND);
	snprintf(balloon->backend, sizeof(balloon->backend), "%.200s%s", path,
		 backend ? "/" FB_BACKEND : "");
	return 1;
}

/* Looks for a balloon below @path; returns 1, 0 if there is none, or a negative errno. */
static int fb_find_below(struct fb_qmp *qmp, struct fb_balloon *balloon, const char *path,
			 int depth, int *objects)
{
	char child[200], type[64];
	json_object *list, *member;
	const char *name;
	int rc;

	rc = fb_qom_list(qmp, path, &list);
	if (rc)
		return rc == -EREMOTEIO ? 0 : rc;
	for (size_t i = 0; !rc && i < json_object_array_length(list); i++) {
		member = json_object_array_get_idx(list, i);
		name = fb_json_text(member, "name");
		if (!name || !fb_child_type(member, type, sizeof(type)) ||
		    (size_t)snprintf(child, sizeof(child), "%s/%s", path, name) >= sizeof(child))
			continue;
		if (++*objects > FB_FIND_OBJECTS_MAX)
			break;
		if (fb_is_balloon(type))
			rc = fb_found(qmp, balloon, child, type);
		else if (depth < FB_FIND_DEPTH && strncmp(type, "memory-region", 13))
			rc = fb_find_below(qmp, balloon, child, depth + 1, objects);
	}
	json_object_put(list);
	return rc;
}

/**
 * fb_balloon_find() - find the VM's balloon device.
 * @qmp: the connection.
 * @balloon: receives it; to be released with fb_balloon_put() in any case.
 *
 * Return: 1; 0 if there is none; or a negative errno, see qmp.h.
 */
int fb_balloon_find(struct fb_qmp *qmp, struct fb_balloon *balloon)
{
	static const char *const folders[] = { "/machine/peripheral", "/machine/peripheral-anon" };
	int objects = 0, rc = 0;

	memset(balloon, 0, sizeof(*balloon));
	for (size_t i = 0; !rc && i < sizeof(folders) / sizeof(folders[0]); i++)
		rc = fb_find_below(qmp, balloon, folders[i], 1, &objects);
	return rc;
}

/**
 * fb_balloon_require() - find the VM's balloon device, and report where that fails.
 * @cli: the call.
 * @qmp: the connection.
 * @balloon: receives it; to be released with fb_balloon_put() in any case.
 *
 * Return: FB_EXIT_OK or the exit status.
 */
int fb_balloon_require(const struct fb_cli *cli, struct fb_qmp *qmp, struct fb_balloon *balloon)
{
	int rc = fb_balloon_find(qmp, balloon);

	if (rc < 0)
		return fb_fail_qmp(cli, qmp);
	if (!rc)
		return fb_fail(cli, NULL,
			       "add one to QEMU's command line: fastballoon qemu-args prints it",
			       "the VM has no balloon device");
	return FB_EXIT_OK;
}

/**
 * fb_balloon_put() - release what a balloon holds.
 * @balloon: the balloon, found or not.
 */
void fb_balloon_put(struct fb_balloon *balloon)
{
	json_object_put(balloon->properties);
}

/**
 * fb_balloon_get() - read a property of the device.
 * @qmp: the connection.
 * @balloon: the device.
 * @property: the property's name; looked for in the device and in its backend.
 * @value: receives the value, to be released by the caller, or NULL.
 *
 * Return: 1; 0 if the device has no such property; or a negative errno, see qmp.h.
 */
int fb_balloon_get(struct fb_qmp *qmp, const struct fb_balloon *balloon, const char *property,
		   json_object **value)
{
	json_object *arguments = json_object_new_object();
	bool here = fb_listed(balloon->properties, property);
	int rc;

	fb_json_add_text(arguments, "path", here ? balloon->path : balloon->backend);
	fb_json_add_text(arguments, "property", property);
	rc = fb_qmp_call(qmp, "qom-get", arguments, value);
	if (rc)
		return rc == -EREMOTEIO ? 0 : rc;
	return 1;
}

/**
 * fb_balloon_set() - write a property of the device.
 * @qmp: the connection.
 * @balloon: the device.
 * @property: the property's name.
 * @value: the value, whose reference is taken.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_balloon_set(struct fb_qmp *qmp, const struct fb_balloon *balloon, const char *property,
		   json_object *value)
{
	json_object *arguments = json_object_new_object();
	bool here = fb_listed(balloon->properties, property);

	fb_json_add_text(arguments, "path", here ? balloon->path : balloon->backend);
	fb_json_add_text(arguments, "property", property);
	fb_json_add(arguments, "value", value);
	return fb_qmp_call(qmp, "qom-set", arguments, NULL);
}

/**
 * fb_balloon_actual() - the memory that the balloon leaves to the guest.
 * @qmp: the connection.
 * @bytes: receives it.
 *
 * Return: 0 or a negative errno, see qmp.h; -EREMOTEIO where there is no balloon.
 */
int fb_balloon_actual(struct fb_qmp *qmp, uint64_t *bytes)
{
	json_object *reply;
	int rc = fb_qmp_call(qmp, "query-balloon", NULL, &reply);

	if (rc)
		return rc;
	*bytes = fb_json_u64(reply, "actual");
	json_object_put(reply);
	return 0;
}

/* Adds the name of each bit of ours and of the standard device's that is set. */
static void fb_name_bits(uint64_t bits, json_object *names)
{
	for (size_t i = 0; i < sizeof(fb_features) / sizeof(fb_features[0]); i++) {
		if (bits >> fb_features[i].bit & 1)
			json_object_array_add(names, json_object_new_string(fb_features[i].name));
	}
}

/* Turns QEMU's "VIRTIO_BALLOON_F_STATS_VQ: explanation" into "stats-vq". */
static void fb_name_stock(const char *text, json_object *names)
{
	static const char prefix[] = "VIRTIO_BALLOON_F_";
	char name[64];
	size_t len = 0;

	if (!strncmp(text, prefix, strlen(prefix)))
		text += strlen(prefix);
	for (; *text && *text != ':' && len < sizeof(name); text++)
		name[len++] = *text == '_' ? '-' : (char)tolower((unsigned char)*text);
	json_object_array_add(names, json_object_new_string_len(name, (int)len));
}

static bool fb_starts(const json_object *text, const char *start)
{
	return json_object_is_type(text, json_type_string) &&
	       !strncmp(json_object_get_string((json_object *)text), start, strlen(start));
}

/* Reads the driver's state and the features from a reply of x-query-virtio-status. */
static enum fb_driver fb_virtio_status(const json_object *reply, json_object *names)
{
	const json_object *statuses = fb_json_child(fb_json_child(reply, "status"), "statuses");
	const json_object *features =
		fb_json_child(fb_json_child(reply, "guest-features"), "dev-features");
	enum fb_driver driver = FB_DRIVER_ABSENT;
	json_object *entry;

	if (!json_object_is_type(statuses, json_type_array))
		return FB_DRIVER_UNKNOWN;
	for (size_t i = 0; i < json_object_array_length(statuses); i++) {
		if (fb_starts(json_object_array_get_idx(statuses, i), "VIRTIO_CONFIG_S_DRIVER_OK"))
			driver = FB_DRIVER_PRESENT;
	}
	for (size_t i = 0; json_object_is_type(features, json_type_array) &&
			   i < json_object_array_length(features);
	     i++) {
		entry = json_object_array_get_idx(features, i);
		if (json_object_is_type(entry, json_type_string))
			fb_name_stock(json_object_get_string(entry), names);
	}
	return driver;
}

/* Asks QEMU's debugging command for virtio devices, which not every version has. */
static int fb_stock_driver(struct fb_qmp *qmp, const struct fb_balloon *balloon,
			   enum fb_driver *driver, json_object *names)
{
	json_object *arguments = json_object_new_object(), *reply;
	int rc;

	fb_json_add_text(arguments, "path", balloon->backend);
	rc = fb_qmp_call(qmp, "x-query-virtio-status", arguments, &reply);
	if (rc)
		return rc == -EREMOTEIO ? 0 : rc;
	*driver = fb_virtio_status(reply, names);
	json_object_put(reply);
	return 0;
}

/**
 * fb_balloon_driver() - whether the guest has a driver for the balloon, and what they agreed on.
 * @qmp: the connection.
 * @balloon: the device.
 * @driver: receives the answer.
 * @features: receives an array with the names of the balloon's features in use, to be released
 *            by the caller; may be NULL.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_balloon_driver(struct fb_qmp *qmp, const struct fb_balloon *balloon, enum fb_driver *driver,
		      json_object **features)
{
	json_object *names = json_object_new_array(), *bits;
	int rc;

	*driver = FB_DRIVER_UNKNOWN;
	rc = fb_balloon_get(qmp, balloon, "fastballoon-features", &bits);
	if (rc > 0) {
		uint64_t negotiated = json_object_get_uint64(bits);

		*driver = negotiated ? FB_DRIVER_PRESENT : FB_DRIVER_ABSENT;
		fb_name_bits(negotiated, names);
		json_object_put(bits);
		rc = 0;
	} else if (!rc) {
		rc = fb_stock_driver(qmp, balloon, driver, names);
	}
	if (features && !rc)
		*features = names;
	else
		json_object_put(names);
	return rc;
}

/**
 * fb_balloon_spared() - what the device has counted of memory that migrations did not send.
 * @qmp: the connection.
 * @balloon: the device.
 * @spared: receives it.
 *
 * Return: 1; 0 if the device does not count it; or a negative errno, see qmp.h.
 */
int fb_balloon_spared(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		      struct fb_balloon_spared *spared)
{
	json_object *counters;
	int rc = fb_balloon_get(qmp, balloon, "fastballoon-counters", &counters);

	if (rc <= 0)
		return rc;
	rc = fb_json_get_u64(counters, "hinted-bytes", &spared->hinted);
	spared->series = fb_json_u64(counters, "series-bytes");
	json_object_put(counters);
	return rc;
}
