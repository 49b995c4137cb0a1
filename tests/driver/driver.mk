# SPDX-License-Identifier: GPL-2.0-or-later
# The unit tests of the driver's parts that need no kernel, under the sanitizers. The packing of
# bits is tested with the device's reader, the balloon's contents on a made up memory map.

FB_DRIVER_TEST_DIR := $(B)/tests/driver
FB_DRIVER_TESTS := $(addprefix $(UNIT_DIR)/driver_,run bits blocks request)
FB_DRIVER_BLOCKS_OBJS := $(addprefix $(FB_DRIVER_TEST_DIR)/,tests/driver/test_blocks.o \
	guest/blocks.o guest/sift.o guest/batch.o guest/xbitmap.o tests/xbitmap/shim/shim.o)
FB_DRIVER_OBJS := $(addprefix $(FB_DRIVER_TEST_DIR)/tests/driver/,test_run.o test_bits.o \
	test_request.o) $(FB_DRIVER_TEST_DIR)/guest/request.o \
	$(FB_DRIVER_BLOCKS_OBJS)

TESTBINS += $(FB_DRIVER_TESTS)

$(FB_DRIVER_BLOCKS_OBJS): FB_DRIVER_CPPFLAGS := -Itests/driver/shim -Itests/xbitmap/shim -Iguest
$(FB_DRIVER_OBJS): FB_DRIVER_CPPFLAGS ?= -Iguest -Idevice

$(FB_DRIVER_OBJS): $(FB_DRIVER_TEST_DIR)/%.o: %.c tests/driver/driver.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(FB_DRIVER_CPPFLAGS) -MMD -MP -c -o $@ $<

$(UNIT_DIR)/driver_run: $(FB_DRIVER_TEST_DIR)/tests/driver/test_run.o
$(UNIT_DIR)/driver_request: $(FB_DRIVER_TEST_DIR)/tests/driver/test_request.o \
	$(FB_DRIVER_TEST_DIR)/guest/request.o
$(UNIT_DIR)/driver_bits: $(FB_DRIVER_TEST_DIR)/tests/driver/test_bits.o \
	$(UNIT_OBJ_DIR)/device/bitmap.o $(UNIT_OBJ_DIR)/device/iov.o
$(UNIT_DIR)/driver_blocks: $(FB_DRIVER_BLOCKS_OBJS)
$(FB_DRIVER_TESTS):
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka

-include $(FB_DRIVER_OBJS:.o=.d)
