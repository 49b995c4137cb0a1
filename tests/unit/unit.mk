# SPDX-License-Identifier: GPL-2.0-or-later
# unit.mk - the unit tests of device/, under AddressSanitizer and UBSan, and how to run them.

UNIT_NAMES := range partial device inflate bitmap host_page populate report hint hint_bitmap stats \
	ctrl ctrl_hint message hole_scan page_series
UNIT_DIR := $(B)/tests/unit
UNIT_OBJ_DIR := $(UNIT_DIR)/objects
UNIT_DEVICE_OBJS := $(DEVICE_SRCS:%.c=$(UNIT_OBJ_DIR)/%.o)
UNIT_MOCK := $(addprefix $(UNIT_OBJ_DIR)/,mock_host.o mock_bitmap.o mock_ctrl.o)
UNIT_OBJS := $(UNIT_DEVICE_OBJS) $(UNIT_MOCK) $(UNIT_NAMES:%=$(UNIT_OBJ_DIR)/test_%.o)
# The mock host can let the device run out of memory.
UNIT_LDFLAGS := -Wl,--wrap=malloc -Wl,--wrap=calloc
UNIT_BINS := $(UNIT_NAMES:%=$(UNIT_DIR)/%)

TESTBINS += $(UNIT_BINS)

$(UNIT_OBJ_DIR)/device/%.o: device/%.c tests/unit/unit.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(UNIT_OBJ_DIR)/%.o: tests/unit/%.c tests/unit/unit.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(UNIT_BINS): $(UNIT_DIR)/%: $(UNIT_OBJ_DIR)/test_%.o $(UNIT_MOCK) $(UNIT_DEVICE_OBJS)
	$(CC) $(UNIT_CFLAGS) $(UNIT_LDFLAGS) -o $@ $^ -lcmocka

# Parts of the binding that need no QEMU.
UNIT_BINDING := hole_scan page_series

$(UNIT_BINDING:%=$(UNIT_DIR)/%): $(UNIT_DIR)/%: $(UNIT_OBJ_DIR)/qemu/%.o

$(UNIT_OBJ_DIR)/qemu/%.o: qemu/%.c tests/unit/unit.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -D_GNU_SOURCE -MMD -MP -c -o $@ $<

-include $(UNIT_OBJS:.o=.d) $(UNIT_BINDING:%=$(UNIT_OBJ_DIR)/qemu/%.d)
