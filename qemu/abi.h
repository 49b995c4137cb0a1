/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * abi.h - refusing a QEMU whose internals are not those that the binding was built for.
 */
#ifndef FASTBALLOON_QEMU_ABI_H
#define FASTBALLOON_QEMU_ABI_H

#include <stdbool.h>

/**
 * fb_abi_check() - compare the running QEMU with the headers of the build.
 *
 * Versions first, then canaries: where the running QEMU says that fields of its own classes
 * lie, and how large its objects are. Prints what was found and what was expected.
 *
 * Return: whether the binding may be used.
 */
bool fb_abi_check(void);

/**
 * fb_abi_check_ram() - the same for RAMBlock, of which there is none before a machine exists.
 *
 * Return: whether every block's accessors and fields agree.
 */
bool fb_abi_check_ram(void);

#endif /* FASTBALLOON_QEMU_ABI_H */
