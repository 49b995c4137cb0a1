/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quote.h - words for a shell and for QEMU's option parser.
 */
#ifndef FB_QUOTE_H
#define FB_QUOTE_H

#include <stdbool.h>

char *fb_quote_shell(const char *word);
char *fb_quote_qemu(const char *value);
bool fb_qemu_id_ok(const char *id);

#endif /* FB_QUOTE_H */
