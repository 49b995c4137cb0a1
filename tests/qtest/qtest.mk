# SPDX-License-Identifier: GPL-2.0-or-later
# qtest.mk - BIOS images of the device tests: one that parks the vCPU, one that is a driver.

QTEST_DIR := $(B)/tests/qtest

TESTBINS += $(QTEST_DIR)/park.bin

$(QTEST_DIR)/park.o: tests/qtest/bare/park.S tests/qtest/qtest.mk
	@mkdir -p $(@D)
	$(CC) -m32 -c -o $@ $<

$(QTEST_DIR)/park.bin: $(QTEST_DIR)/park.o
	objcopy -O binary -j .text $< $@
