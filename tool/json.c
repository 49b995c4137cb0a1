// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * json.c - reading and writing members of JSON objects.
 *
 * What is read comes from a peer: a member that is missing or of another type is simply not
 * there. What is written is short; json-c aborts where memory for it cannot be had.
 */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>

/**
 * fb_json_child() - a member of any type.
 * @object: where to look; NULL and non-objects have no members.
 * @key: its name.
 *
 * Return: the member, owned by @object, or NULL.
 */
json_object *fb_json_child(const json_object *object, const char *key)
{
	json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, key, &value);
	return value;
}

/**
 * fb_json_get_u64() - a whole number.
 * @object: where to look.
 * @key: the member's name.
 * @value: receives the number; left alone where there is none.
 *
 * Return: whether there is a number; a negative one reads as 0.
 */
bool fb_json_get_u64(const json_object *object, const char *key, uint64_t *value)
{
	json_object *child = fb_json_child(object, key);

	if (!json_object_is_type(child, json_type_int))
		return false;
	*value = json_object_get_uint64(child);
	return true;
}

/**
 * fb_json_u64() - a whole number, or 0 where there is none.
 * @object: where to look.
 * @key: the member's name.
 *
 * Return: the number.
 */
uint64_t fb_json_u64(const json_object *object, const char *key)
{
	uint64_t value = 0;

	fb_json_get_u64(object, key, &value);
	return value;
}

/**
 * fb_json_double() - a number, or 0 where there is none.
 * @object: where to look.
 * @key: the member's name.
 *
 * Return: the number.
 */
double fb_json_double(const json_object *object, const char *key)
{
	json_object *child = fb_json_child(object, key);

	if (!json_object_is_type(child, json_type_double) &&
	    !json_object_is_type(child, json_type_int))
		return 0;
	return json_object_get_double(child);
}

/**
 * fb_json_text() - a string.
 * @object: where to look.
 * @key: the member's name.
 *
 * Return: the string, owned by @object, or NULL.
 */
const char *fb_json_text(const json_object *object, const char *key)
{
	json_object *child = fb_json_child(object, key);

	return json_object_is_type(child, json_type_string) ? json_object_get_string(child) : NULL;
}

/**
 * fb_json_true() - whether a member is the value true.
 * @object: where to look.
 * @key: the member's name.
 *
 * Return: true if it is.
 */
bool fb_json_true(const json_object *object, const char *key)
{
	json_object *child = fb_json_child(object, key);

	return json_object_is_type(child, json_type_boolean) && json_object_get_boolean(child);
}

/**
 * fb_json_add() - add a member.
 * @object: gains the member.
 * @key: its name.
 * @value: its value, whose reference passes to @object; NULL is JSON's null.
 */
void fb_json_add(json_object *object, const char *key, json_object *value)
{
	json_object_object_add(object, key, value);
}

/**
 * fb_json_add_u64() - add a whole number.
 * @object: gains the member.
 * @key: its name.
 * @value: its value.
 */
void fb_json_add_u64(json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

/**
 * fb_json_add_text() - add a string.
 * @object: gains the member.
 * @key: its name.
 * @value: its value, copied; NULL is JSON's null.
 */
void fb_json_add_text(json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, value ? json_object_new_string(value) : NULL);
}

/**
 * fb_json_add_bool() - add true or false.
 * @object: gains the member.
 * @key: its name.
 * @value: its value.
 */
void fb_json_add_bool(json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

/**
 * fb_json_add_ms() - add a duration in milliseconds, with three decimals.
 * @object: gains the member.
 * @key: its name.
 * @us: the duration in microseconds.
 */
void fb_json_add_ms(json_object *object, const char *key, uint64_t us)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%03" PRIu64, us / 1000, us % 1000);
	json_object_object_add(object, key, json_object_new_double_s((double)us / 1e3, text));
}
