/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the reset vector to fb_main() in 32 bit protected mode with flat segments. */
	.set	FB_STACK_TOP, 0x7000
	.set	FB_CODE, 8
	.set	FB_DATA, 16

	.code16
	.section .reset, "ax"
	.globl fb_reset_vector
fb_reset_vector:
	jmp	fb_start16

	.text
fb_start16:
	cli
	lgdtl	%cs:fb_gdt_register_offset
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$FB_CODE, $fb_start32

	.code32
fb_start32:
	movw	$FB_DATA, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$FB_STACK_TOP, %esp
	call	fb_main
fb_stopped:
	hlt
	jmp	fb_stopped

	/* In ROM: the accessed bits are set already, the processor has nothing to write. */
	.balign	8
fb_gdt:
	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
	.globl	fb_gdt_register
fb_gdt_register:
	.word	. - fb_gdt - 1
	.long	fb_gdt

	.section .note.GNU-stack, "", @progbits
