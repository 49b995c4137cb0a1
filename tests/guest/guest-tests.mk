# SPDX-License-Identifier: GPL-2.0-or-later
# The test guest's process 1 and initramfs, which the tests and the benchmarks boot.

FB_INIT_SRCS := $(wildcard tests/guest/init/*.c)
FB_INIT_OBJS := $(FB_INIT_SRCS:tests/guest/init/%.c=$(B)/tests/guest/init.o/%.o)
FB_INIT := $(B)/tests/guest/init
FB_INITRAMFS := $(B)/tests/guest/initramfs-$(KERNEL_RELEASE).cpio
FB_TEST_KO_DIR := $(B)/tests/guest/modules/$(KERNEL_RELEASE)
FB_TEST_KOS := $(FB_TEST_KO_DIR)/virtio_fastballoon_memmap.ko $(FB_TEST_KO_DIR)/virtio_fastballoon_boost.ko
FB_TEST_KO_FILES := $(wildcard tests/guest/modules/*)
FB_INITRAMFS_MODULES := $(B)/guest/$(KERNEL_RELEASE)/virtio_fastballoon.ko $(FB_XB_KO) $(FB_TEST_KOS)

$(FB_INIT_OBJS): $(B)/tests/guest/init.o/%.o: tests/guest/init/%.c tests/guest/guest-tests.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_COMMON) -D_GNU_SOURCE -MMD -MP -c -o $@ $<

$(FB_INIT): $(FB_INIT_OBJS)
	$(CC) -static -o $@ $^

# Kbuild writes beside the sources, so it gets a copy; cp -p keeps what is unchanged unchanged.
$(FB_TEST_KOS) &: $(FB_TEST_KO_FILES) tests/guest/guest-tests.mk
	@mkdir -p $(FB_TEST_KO_DIR)
	@cp -p $(FB_TEST_KO_FILES) $(FB_TEST_KO_DIR)/
	$(MAKE) -s -C $(abspath $(KDIR)) M=$(abspath $(FB_TEST_KO_DIR)) modules
	@touch $(FB_TEST_KOS)

$(FB_INITRAMFS): tests/harness/initramfs.py $(FB_INIT) $(FB_INITRAMFS_MODULES)
	$(PYTHON) $< --init $(FB_INIT) --busybox /bin/busybox \
		--modules $(B)/kernels/$(KERNEL_RELEASE)/modules --output $@ $(FB_INITRAMFS_MODULES)

-include $(FB_INIT_OBJS:.o=.d)
# The binding with hints that are honoured too late: the tests have to notice.
FB_LATE_SO := $(B)/tests/guest/faults/late_hints.so
FB_LATE_NAMES := hinting hint_worker
FB_LATE_OBJS := $(FB_LATE_NAMES:%=$(B)/tests/guest/faults/%.o)

$(FB_LATE_OBJS): $(B)/tests/guest/faults/%.o: qemu/%.c $(FB_QEMU_SO)
	@mkdir -p $(@D)
	$(CC) $(FB_QEMU_CFLAGS) -Dqemu_guest_free_page_hint=fb_late_hint \
		-Dprecopy_add_notifier=fb_late_add_notifier -c -o $@ $<

$(FB_LATE_SO): tests/guest/faults/late_hints.c $(FB_LATE_OBJS)
	$(CC) $(FB_QEMU_CFLAGS) -c -o $(@:.so=.o) $<
	$(CC) -shared -Wl,-z,relro,-z,now -o $@ $(@:.so=.o) $(FB_LATE_OBJS) \
		$(filter-out $(FB_LATE_NAMES:%=$(B)/qemu/%.o),$(FB_QEMU_OBJS)) \
		$(B)/device/libfastballoon-device.a

TESTBINS += $(FB_INITRAMFS) $(FB_LATE_SO)

# The long versions of two tests that make check runs short: of MIGRATIONS, and of CYCLES resizes
# with each source of pages.
MIGRATIONS ?= 50
CYCLES ?= 1000
FB_GUEST_PYTEST = PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest -v --tb=short -p no:cacheprovider

.PHONY: check-migration check-storm
check-migration: testbins
	@FB_MIGRATIONS=$(MIGRATIONS) $(FB_GUEST_PYTEST) tests/guest/test_many_migrations.py

check-storm: testbins
	@FB_CYCLES=$(CYCLES) $(FB_GUEST_PYTEST) tests/guest/test_storm.py
