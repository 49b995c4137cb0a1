# SPDX-License-Identifier: GPL-2.0-or-later
# qtest.mk - BIOS images of the device tests: one parks the vCPU, the others are guests; and
# libraries that are preloaded into QEMU.

QTEST_DIR := $(B)/tests/qtest
QTEST_GUESTS := hint_race counter sweep

TESTBINS += $(QTEST_DIR)/park.bin $(QTEST_GUESTS:%=$(QTEST_DIR)/%.bin) $(QTEST_DIR)/looks.so

QTEST_CFLAGS := -m32 -march=i686 -std=gnu11 -Os -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
	-fno-asynchronous-unwind-tables -mgeneral-regs-only -Iinclude/uapi \
	-isystem /usr/include/$(shell $(CC) -print-multiarch)

$(QTEST_DIR)/%.o: tests/qtest/bare/%.S tests/qtest/qtest.mk
	@mkdir -p $(@D)
	$(CC) -m32 -c -o $@ $<

$(QTEST_DIR)/%.o: tests/qtest/bare/%.c tests/qtest/qtest.mk
	@mkdir -p $(@D)
	$(CC) $(QTEST_CFLAGS) -MMD -MP -c -o $@ $<

$(QTEST_DIR)/park.bin: $(QTEST_DIR)/park.o
	objcopy -O binary -j .text $< $@

$(QTEST_DIR)/%.elf: $(QTEST_DIR)/start.o $(QTEST_DIR)/%.o $(QTEST_DIR)/virtio.o \
		tests/qtest/bare/bare.ld
	$(LD) -m elf_i386 -T tests/qtest/bare/bare.ld -o $@ $(filter %.o,$^)

$(QTEST_DIR)/%.bin: $(QTEST_DIR)/%.elf
	objcopy -O binary -j .image $< $@

# These define functions of libc whose declarations differ: open() and open64() are both theirs.
$(QTEST_DIR)/%.so: tests/qtest/preload/%.c tests/qtest/qtest.mk
	@mkdir -p $(@D)
	$(CC) $(filter-out -Wmissing-prototypes,$(CFLAGS_COMMON)) -fPIC -shared -o $@ $< -ldl

# The binding with dirty bits that are cleared too late: the tests have to notice.
FB_LATE_CLEAR_SO := $(QTEST_DIR)/faults/late_clear.so
TESTBINS += $(FB_LATE_CLEAR_SO)

$(FB_LATE_CLEAR_SO): tests/qtest/faults/late_clear.c $(FB_QEMU_SO) tests/qtest/qtest.mk
	@mkdir -p $(@D)
	$(CC) $(FB_QEMU_CFLAGS) -Dqemu_guest_free_page_hint=fb_late_clear \
		-Dqemu_fflush=fb_late_flush -c -o $(@:.so=.page_runs.o) qemu/page_runs.c
	$(CC) $(FB_QEMU_CFLAGS) -c -o $(@:.so=.o) $<
	$(CC) -shared -Wl,-z,relro,-z,now -o $@ $(@:.so=.o) $(@:.so=.page_runs.o) \
		$(filter-out %/page_runs.o,$(FB_QEMU_OBJS)) $(B)/device/libfastballoon-device.a

# A plugin with a device that forbids discards.
TESTBINS += $(QTEST_DIR)/discard_lock.so

$(QTEST_DIR)/discard_lock.so: tests/qtest/lock/discard_lock.c tests/qtest/qtest.mk
	@mkdir -p $(@D)
	$(CC) $(FB_QEMU_CFLAGS) -shared -Wl,-z,relro,-z,now -o $@ $<

-include $(wildcard $(QTEST_DIR)/*.d)
.SECONDARY: $(QTEST_GUESTS:%=$(QTEST_DIR)/%.elf) $(QTEST_GUESTS:%=$(QTEST_DIR)/%.o) \
	$(QTEST_DIR)/start.o $(QTEST_DIR)/virtio.o
