# SPDX-License-Identifier: GPL-2.0-or-later
# The guest's module: build/guest/<kernel release>/virtio_fastballoon.ko.

FB_GUEST_DIR := $(B)/guest/$(KERNEL_RELEASE)
FB_GUEST_SRC := $(FB_GUEST_DIR)/src
FB_GUEST_FILES := $(wildcard guest/*.c guest/*.h guest/compat/*.h) guest/Kbuild
FB_GUEST_KO := $(FB_GUEST_DIR)/virtio_fastballoon.ko

# Kbuild writes beside the sources, so it gets a copy; cp -p keeps what is unchanged unchanged.
$(FB_GUEST_KO): $(FB_GUEST_FILES) include/uapi/linux/virtio_fastballoon.h guest/guest.mk
	@mkdir -p $(FB_GUEST_SRC)/compat
	@cp -p guest/*.c guest/*.h guest/Kbuild $(FB_GUEST_SRC)/
	@cp -p guest/compat/*.h $(FB_GUEST_SRC)/compat/
	$(MAKE) -s -C $(abspath $(KDIR)) M=$(abspath $(FB_GUEST_SRC)) \
		FB_UAPI=$(abspath include/uapi) modules
	@cp $(FB_GUEST_SRC)/virtio_fastballoon.ko $@

ALL += $(FB_GUEST_KO)
