# SPDX-License-Identifier: GPL-2.0-or-later
# fuzz.mk - builds the fuzzers from the objects of the unit tests; they run as such tests.

FUZZ_OBJ_DIR := $(B)/tests/fuzz
FUZZ_OBJS := $(addprefix $(FUZZ_OBJ_DIR)/,fuzz_device.o fuzz_ctrl.o model.o)
FUZZ_BINS := $(UNIT_DIR)/fuzz $(UNIT_DIR)/fuzz_ctrl

TESTBINS += $(FUZZ_BINS)

$(FUZZ_OBJS): $(FUZZ_OBJ_DIR)/%.o: tests/fuzz/%.c tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(UNIT_DIR)/fuzz: $(FUZZ_OBJ_DIR)/fuzz_device.o $(FUZZ_OBJ_DIR)/model.o
$(UNIT_DIR)/fuzz_ctrl: $(FUZZ_OBJ_DIR)/fuzz_ctrl.o

$(FUZZ_BINS): $(UNIT_MOCK) $(UNIT_DEVICE_OBJS)
	$(CC) $(UNIT_CFLAGS) $(UNIT_LDFLAGS) -o $@ $^ -lcmocka

-include $(FUZZ_OBJS:.o=.d)
