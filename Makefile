# SPDX-License-Identifier: GPL-2.0-or-later
# Builds everything below build/; each part's rules are in a fragment of its own.

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

B := build
PYTHON := /usr/bin/python3
PREFIX ?= /usr/local

KERNEL_RELEASE ?= $(shell readlink $(B)/kernels/default)
KDIR := $(B)/kernels/$(KERNEL_RELEASE)/headers
export FB_KERNEL_RELEASE := $(KERNEL_RELEASE)
QEMU_SRC := $(B)/qemu-headers/current
QEMU_BUILD := $(QEMU_SRC)/build

CFLAGS_COMMON := -std=gnu11 -O2 -g -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wno-unused-parameter -Werror=implicit-function-declaration \
	-Iinclude/uapi
UNIT_CFLAGS := $(CFLAGS_COMMON) -fsanitize=address,undefined -fno-sanitize-recover=all

# What make builds, what make check needs besides, and the parts that make install installs.
ALL :=
TESTBINS :=
INSTALL_PARTS :=

# The fragments need what make deps prepares.
ifneq ($(wildcard $(B)/deps.stamp),)
include device/device.mk guest/guest.mk qemu/qemu.mk tool/tool.mk
include tests/unit/unit.mk tests/fuzz/fuzz.mk tests/model/model.mk tests/xbitmap/xbitmap.mk \
	tests/driver/driver.mk
include tests/guest/guest-tests.mk tests/qtest/qtest.mk
include bench/bench.mk
PREPARED := prepared
endif

# The cmocka programs; the other suites are folders of pytest.
UNIT_PROGRAMS = $(filter $(B)/tests/unit/%,$(TESTBINS))
SUITES := lint setup unit tool qtest guest

.PHONY: all testbins prepared deps check demo run-check $(SUITES:%=check-%) format \
	install uninstall clean distclean help

all: prepared $(ALL)

testbins: all $(TESTBINS)

prepared:
ifdef PREPARED
	@version=$$(dpkg-query -W -f '$${source:Version}' qemu-system-x86 2>/dev/null); \
	[ "$${version#*:}" = "$$(readlink $(QEMU_SRC))" ] || { \
		echo "QEMU $$version is installed, build/ was prepared for" \
			"$$(readlink $(QEMU_SRC)): run make deps" >&2; exit 1; }
else
	@echo "build/ is not prepared: run make deps (or ./run check, ./run demo)" >&2; exit 1
endif

deps:
	@sh scripts/deps.sh

# A make of its own after deps: what deps prepares decides what is to be built.
check demo: deps
	@$(MAKE) --no-print-directory run-$@

run-check: testbins
	@$(PYTHON) scripts/check.py --programs "$(UNIT_PROGRAMS)" $(SUITES)

# A suite alone builds what it needs alone.
check-unit: $(UNIT_PROGRAMS)
check-tool check-qtest check-guest: testbins

$(SUITES:%=check-%):
	@$(PYTHON) scripts/check.py --programs "$(UNIT_PROGRAMS)" $(@:check-%=%)

format:
	@git ls-files '*.c' '*.h' | xargs -r clang-format -i

install: all $(INSTALL_PARTS:%=install-%)

uninstall: $(INSTALL_PARTS:%=uninstall-%)

clean:
	@find $(B) -mindepth 1 -maxdepth 1 ! -name kernels ! -name qemu-headers ! -name "deps.*" \
		! -name log -exec rm -rf {} + 2>/dev/null || true

distclean:
	rm -rf $(B)

help:
	@echo "make              build the guest module, the QEMU device and the tool below build/"
	@echo "make deps         install Debian packages, prepare guest kernel and QEMU headers in build/"
	@echo "                  KERNELS=6.12 unpacks that one, too; KERNEL_RELEASE= names the one to use"
	@echo "make check        run every test; make check-SUITE runs one of: $(SUITES)"
	@echo "make check-migration, make check-storm   the long versions of two of its tests"
	@echo "make demo         show stock and fastballoon side by side, report in build/demo/"
	@echo "make bench-demo   measure the demo's cases with repetitions: build/bench/demo.json"
	@echo "make bench-inflate  measure inflate and deflate in every way: build/bench/inflate.json"
	@echo "make bench-migration  measure migrations of guests in every state: build/bench/migration.json"
	@echo "make format       reformat the C files"
	@echo "make install      install what was built (PREFIX=$(PREFIX), DESTDIR=)"
	@echo "make uninstall    remove it again"
	@echo "make clean        remove what was built; make distclean also what make deps unpacked"
