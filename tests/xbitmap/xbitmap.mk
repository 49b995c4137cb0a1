# SPDX-License-Identifier: GPL-2.0-or-later
# The xbitmap's tests: a program under the sanitizers, and a module that runs them in a guest.

FB_XB_DIR := $(B)/tests/xbitmap
FB_XB_PROGRAM := $(B)/tests/unit/xbitmap
FB_XB_OBJS := $(addprefix $(FB_XB_DIR)/objects/,$(patsubst %.c,%.o,\
	$(wildcard tests/xbitmap/*.c tests/xbitmap/shim/*.c) guest/xbitmap.c))
FB_XB_KO_DIR := $(FB_XB_DIR)/$(KERNEL_RELEASE)
FB_XB_KO_SRC := $(FB_XB_KO_DIR)/src
FB_XB_KO := $(FB_XB_KO_DIR)/virtio_fastballoon_selftest.ko
FB_XB_KO_FILES := $(filter-out tests/xbitmap/main.c,$(wildcard tests/xbitmap/*.[ch])) \
	$(wildcard tests/xbitmap/kernel/*) $(wildcard guest/xbitmap*.[ch])

$(FB_XB_OBJS): $(FB_XB_DIR)/objects/%.o: %.c tests/xbitmap/xbitmap.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -Itests/xbitmap/shim -Iguest -MMD -MP -c -o $@ $<

$(FB_XB_PROGRAM): $(FB_XB_OBJS)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka

# Kbuild writes beside the sources, so it gets a copy; cp -p keeps what is unchanged unchanged.
$(FB_XB_KO): $(FB_XB_KO_FILES) tests/xbitmap/xbitmap.mk
	@mkdir -p $(FB_XB_KO_SRC)
	@cp -p $(FB_XB_KO_FILES) $(FB_XB_KO_SRC)/
	$(MAKE) -s -C $(abspath $(KDIR)) M=$(abspath $(FB_XB_KO_SRC)) modules
	@cp $(FB_XB_KO_SRC)/virtio_fastballoon_selftest.ko $@

TESTBINS += $(FB_XB_PROGRAM) $(FB_XB_KO)
-include $(FB_XB_OBJS:.o=.d)
