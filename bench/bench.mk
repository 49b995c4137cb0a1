# SPDX-License-Identifier: GPL-2.0-or-later
# Side-by-side runs of stock and fastballoon in real guests.

REPETITIONS ?= 3
# FLUSH_STOCK=yes makes the stock rows sound under TCG, see the report's notes.
FB_BENCH_FLAGS := $(if $(FLUSH_STOCK),--flush-stock)
FB_HOSTMEM := $(B)/bench/hostmem

$(FB_HOSTMEM): bench/hostmem.c bench/bench.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_COMMON) -pthread -o $@ $<

.PHONY: run-demo bench-demo

run-demo: all $(FB_INITRAMFS) $(FB_HOSTMEM)
	@$(PYTHON) bench/demo.py $(FB_BENCH_FLAGS)

bench-demo: all $(FB_INITRAMFS) $(FB_HOSTMEM)
	@$(PYTHON) bench/demo.py $(FB_BENCH_FLAGS) --repetitions $(REPETITIONS) \
		--folder $(B)/bench/demo --json $(B)/bench/demo.json
