/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json.h - reading and writing members of JSON objects.
 */
#ifndef FB_JSON_H
#define FB_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

bool fb_json_get_u64(const json_object *object, const char *key, uint64_t *value);
uint64_t fb_json_u64(const json_object *object, const char *key);
double fb_json_double(const json_object *object, const char *key);
const char *fb_json_text(const json_object *object, const char *key);
bool fb_json_true(const json_object *object, const char *key);
json_object *fb_json_child(const json_object *object, const char *key);
void fb_json_add(json_object *object, const char *key, json_object *value);
void fb_json_add_u64(json_object *object, const char *key, uint64_t value);
void fb_json_add_text(json_object *object, const char *key, const char *value);
void fb_json_add_bool(json_object *object, const char *key, bool value);
void fb_json_add_ms(json_object *object, const char *key, uint64_t us);

#endif /* FB_JSON_H */
