# SPDX-License-Identifier: GPL-2.0-or-later
# The test guest's process 1 and initramfs, which the tests and the benchmarks boot.

FB_INIT_SRCS := $(wildcard tests/guest/init/*.c)
FB_INIT_OBJS := $(FB_INIT_SRCS:tests/guest/init/%.c=$(B)/tests/guest/init.o/%.o)
FB_INIT := $(B)/tests/guest/init
FB_INITRAMFS := $(B)/tests/guest/initramfs-$(KERNEL_RELEASE).cpio
FB_INITRAMFS_MODULES := $(B)/guest/$(KERNEL_RELEASE)/virtio_fastballoon.ko $(FB_XB_KO)

$(FB_INIT_OBJS): $(B)/tests/guest/init.o/%.o: tests/guest/init/%.c tests/guest/guest-tests.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_COMMON) -D_GNU_SOURCE -MMD -MP -c -o $@ $<

$(FB_INIT): $(FB_INIT_OBJS)
	$(CC) -static -o $@ $^

$(FB_INITRAMFS): tests/harness/initramfs.py $(FB_INIT) $(FB_INITRAMFS_MODULES)
	$(PYTHON) $< --init $(FB_INIT) --busybox /bin/busybox \
		--modules $(B)/kernels/$(KERNEL_RELEASE)/modules --output $@ $(FB_INITRAMFS_MODULES)

-include $(FB_INIT_OBJS:.o=.d)
TESTBINS += $(FB_INITRAMFS)
