/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list.h - a stand-in for the kernel's lists; what is taken off a list points nowhere. */
#ifndef FB_SHIM_LIST_H
#define FB_SHIM_LIST_H

#include <linux/kernel.h>

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

static inline void list_add_tail(struct list_head *entry, struct list_head *list)
{
	entry->next = list;
	entry->prev = list->prev;
	list->prev->next = entry;
	list->prev = entry;
}

static inline void list_del(struct list_head *entry)
{
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
	entry->next = NULL;
	entry->prev = NULL;
}

static inline void list_splice_tail(struct list_head *more, struct list_head *list)
{
	if (more->next == more)
		return;
	more->next->prev = list->prev;
	more->prev->next = list;
	list->prev->next = more->next;
	list->prev = more->prev;
}

#define list_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))
#define list_first_entry(list, type, member) list_entry((list)->next, type, member)
#define list_for_each_entry_safe(pos, n, list, member)                    \
	for (pos = list_first_entry(list, __typeof__(*pos), member),      \
	    n = list_first_entry(&pos->member, __typeof__(*pos), member); \
	     &pos->member != (list);                                      \
	     pos = n, n = list_first_entry(&pos->member, __typeof__(*pos), member))

#endif
