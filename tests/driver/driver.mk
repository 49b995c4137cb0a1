# SPDX-License-Identifier: GPL-2.0-or-later
# The unit tests of the driver's pure functions, under the sanitizers, with the device's reader.

FB_DRIVER_TEST_NAMES := run bits
FB_DRIVER_TEST_DIR := $(B)/tests/driver
FB_DRIVER_TEST_OBJS := $(FB_DRIVER_TEST_NAMES:%=$(FB_DRIVER_TEST_DIR)/test_%.o)
FB_DRIVER_TESTS := $(FB_DRIVER_TEST_NAMES:%=$(UNIT_DIR)/driver_%)

TESTBINS += $(FB_DRIVER_TESTS)

$(FB_DRIVER_TEST_OBJS): $(FB_DRIVER_TEST_DIR)/%.o: tests/driver/%.c tests/driver/driver.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -Iguest -Idevice -MMD -MP -c -o $@ $<

$(FB_DRIVER_TESTS): $(UNIT_DIR)/driver_%: $(FB_DRIVER_TEST_DIR)/test_%.o \
		$(UNIT_OBJ_DIR)/device/bitmap.o $(UNIT_OBJ_DIR)/device/iov.o
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka

-include $(FB_DRIVER_TEST_OBJS:.o=.d)
