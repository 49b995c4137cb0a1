# SPDX-License-Identifier: GPL-2.0-or-later
# The binding to QEMU: build/qemu/fastballoon.so, for the installed QEMU's version.

FB_QEMU_SRCS := $(wildcard qemu/*.c)
FB_QEMU_OBJS := $(FB_QEMU_SRCS:%.c=$(B)/%.o)
FB_QEMU_SO := $(B)/qemu/fastballoon.so

# QEMU's headers are not written for our warnings, so they come in as system headers; quoted
# includes between them are resolved beside the including file first.
FB_QEMU_CFLAGS = -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter \
	-fPIC -fvisibility=hidden -fno-strict-aliasing -fwrapv -D_GNU_SOURCE \
	-D_FILE_OFFSET_BITS=64 -D_LARGEFILE_SOURCE -DNEED_CPU_H \
	-DCONFIG_TARGET='"x86_64-softmmu-config-target.h"' \
	-DCONFIG_DEVICES='"x86_64-softmmu-config-devices.h"' \
	-iquote qemu -Iinclude/uapi -Idevice \
	-isystem $(QEMU_SRC)/linux-headers -isystem $(QEMU_BUILD)/linux-headers \
	-isystem $(QEMU_SRC)/include -isystem $(QEMU_BUILD) -isystem $(QEMU_SRC) \
	-isystem $(QEMU_SRC)/target/i386 -isystem $(QEMU_SRC)/tcg/i386 \
	-isystem $(QEMU_BUILD)/qapi $(shell pkg-config --cflags glib-2.0 pixman-1)

$(FB_QEMU_OBJS): $(B)/qemu/%.o: qemu/%.c qemu/qemu.mk $(QEMU_BUILD)/config-host.h
	@mkdir -p $(@D)
	$(CC) $(FB_QEMU_CFLAGS) -MMD -MP -c -o $@ $<

# Undefined symbols are QEMU's own: its executable exports them.
$(FB_QEMU_SO): $(FB_QEMU_OBJS) $(B)/device/libfastballoon-device.a
	$(CC) -shared -Wl,-z,relro,-z,now -o $@ $^

-include $(FB_QEMU_OBJS:.o=.d)
ALL += $(FB_QEMU_SO)

# Debian's AppArmor rules let QEMU map shared objects of this folder, with PREFIX=/usr.
FB_QEMU_PLUGIN_DIR = $(DESTDIR)$(PREFIX)/lib/$(shell $(CC) -print-multiarch)/qemu

.PHONY: install-qemu uninstall-qemu
install-qemu: $(FB_QEMU_SO)
	install -D -m 644 $(FB_QEMU_SO) $(FB_QEMU_PLUGIN_DIR)/fastballoon.so

uninstall-qemu:
	rm -f $(FB_QEMU_PLUGIN_DIR)/fastballoon.so

INSTALL_PARTS += qemu

# The same binding, built for a QEMU that is not there: the ABI check has to refuse it.
FB_QEMU_MISFITS := $(patsubst tests/qtest/abi/%.h,$(B)/tests/qtest/abi/%.so,$(wildcard tests/qtest/abi/*.h))

$(B)/tests/qtest/abi/%.so: tests/qtest/abi/%.h qemu/abi.c $(FB_QEMU_SO)
	@mkdir -p $(@D)
	$(CC) $(FB_QEMU_CFLAGS) -include $< -c -o $(@:.so=.o) qemu/abi.c
	$(CC) -shared -Wl,-z,relro,-z,now -o $@ $(@:.so=.o) $(filter-out %/abi.o,$(FB_QEMU_OBJS)) \
		$(B)/device/libfastballoon-device.a

TESTBINS += $(FB_QEMU_MISFITS)
