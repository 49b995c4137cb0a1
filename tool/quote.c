// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * quote.c - words for a shell and for QEMU's option parser; pure functions.
 */
#include "quote.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Bytes, besides letters and digits, that no POSIX shell treats as special inside a word. */
#define FB_SHELL_SAFE "_-+=./:,@%"
/* A single quote inside a single-quoted word: end the word, an escaped quote, begin again. */
#define FB_SHELL_QUOTE "'\\''"

static bool fb_shell_plain(const char *word)
{
	if (!*word)
		return false;
	for (; *word; word++) {
		if (!isalnum((unsigned char)*word) && !strchr(FB_SHELL_SAFE, *word))
			return false;
	}
	return true;
}

/**
 * fb_quote_shell() - write a word so that a POSIX shell reads it back unchanged.
 * @word: any text.
 *
 * Return: the quoted word, or a plain copy where nothing needs quoting, to be freed; NULL
 * where memory is short.
 */
char *fb_quote_shell(const char *word)
{
	char *quoted, *to;

	if (fb_shell_plain(word))
		return strdup(word);
	quoted = malloc(strlen(word) * strlen(FB_SHELL_QUOTE) + 3);
	if (!quoted)
		return NULL;
	to = quoted;
	*to++ = '\'';
	for (; *word; word++) {
		if (*word == '\'')
			to = stpcpy(to, FB_SHELL_QUOTE);
		else
			*to++ = *word;
	}
	*to++ = '\'';
	*to = '\0';
	return quoted;
}

/**
 * fb_quote_qemu() - write a value so that QEMU's option parser takes it whole.
 * @value: any text; the parser would end it at a comma, unless that is doubled.
 *
 * Return: the value, to be freed; NULL where memory is short.
 */
char *fb_quote_qemu(const char *value)
{
	char *quoted = malloc(2 * strlen(value) + 1), *to = quoted;

	if (!quoted)
		return NULL;
	for (; *value; value++) {
		if (*value == ',')
			*to++ = ',';
		*to++ = *value;
	}
	*to = '\0';
	return quoted;
}

/**
 * fb_qemu_id_ok() - whether QEMU takes a name as the id of a device or object.
 * @id: the name; a letter, then letters, digits, '-', '.' and '_'.
 *
 * Return: true if it does.
 */
bool fb_qemu_id_ok(const char *id)
{
	if (!isalpha((unsigned char)*id))
		return false;
	while (*++id) {
		if (!isalnum((unsigned char)*id) && !strchr("-._", *id))
			return false;
	}
	return true;
}
