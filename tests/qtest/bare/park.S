/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A BIOS that stops the vCPU at its reset vector: qtest drives the machine instead. */
	.code16
	.globl fb_reset_vector
	.text
	.org 0xfff0
fb_reset_vector:
	cli
	hlt
	jmp fb_reset_vector
	.org 0x10000
