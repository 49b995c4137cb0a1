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

# What DKMS builds for each of the guest's kernels: dkms add fastballoon/0.1, dkms install.
FB_DKMS_DIR = $(DESTDIR)/usr/src/fastballoon-$(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' guest/dkms.conf)
FB_MODPROBE_CONF = $(DESTDIR)/etc/modprobe.d/virtio_fastballoon.conf

.PHONY: install-guest uninstall-guest
install-guest:
	install -D -m 644 guest/dkms.conf $(FB_DKMS_DIR)/dkms.conf
	install -d $(FB_DKMS_DIR)/guest/compat
	install -m 644 guest/*.c guest/*.h guest/Kbuild $(FB_DKMS_DIR)/guest
	install -m 644 guest/compat/*.h $(FB_DKMS_DIR)/guest/compat
	install -D -m 644 include/uapi/linux/virtio_fastballoon.h \
		$(FB_DKMS_DIR)/include/uapi/linux/virtio_fastballoon.h
	install -D -m 644 guest/modprobe.d/virtio_fastballoon.conf $(FB_MODPROBE_CONF)

uninstall-guest:
	rm -rf $(FB_DKMS_DIR)
	rm -f $(FB_MODPROBE_CONF)

INSTALL_PARTS += guest
