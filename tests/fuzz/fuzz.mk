# SPDX-License-Identifier: GPL-2.0-or-later
# fuzz.mk - builds the fuzzer from the objects of the unit tests; it runs as one of them.

FUZZ_OBJS := $(B)/tests/fuzz/fuzz_device.o $(B)/tests/fuzz/model.o
FUZZ_BIN := $(UNIT_DIR)/fuzz

TESTBINS += $(FUZZ_BIN)

$(FUZZ_OBJS): $(B)/tests/fuzz/%.o: tests/fuzz/%.c tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_BIN): $(FUZZ_OBJS) $(UNIT_MOCK) $(UNIT_DEVICE_OBJS)
	$(CC) $(UNIT_CFLAGS) $(UNIT_LDFLAGS) -o $@ $^ -lcmocka

-include $(FUZZ_OBJS:.o=.d)
