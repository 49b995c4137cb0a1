# SPDX-License-Identifier: GPL-2.0-or-later
# Side-by-side runs of stock and fastballoon in real guests.

# REPETITIONS=N, CASES=REGEX (of what LIST=yes shows) and GUEST_MIB=N (of the base guest)
# make a run smaller; MINUTES=N ends it in time.
DEMO_REPETITIONS := $(or $(REPETITIONS),3)
FB_BENCH_OPTIONS = $(if $(REPETITIONS),--repetitions $(REPETITIONS)) \
	$(if $(CASES),--cases '$(CASES)') $(if $(GUEST_MIB),--guest-mib $(GUEST_MIB)) \
	$(if $(MINUTES),--minutes $(MINUTES)) $(if $(LIST),--list) $(if $(STOCK_AS_IS),--stock-as-is)
# FLUSH_STOCK=yes makes the demo's stock rows sound under TCG, see the report's notes.
FB_DEMO_FLAGS := $(if $(FLUSH_STOCK),--flush-stock)
FB_HOSTMEM := $(B)/bench/hostmem

$(FB_HOSTMEM): bench/hostmem.c bench/bench.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_COMMON) -D_GNU_SOURCE -pthread -o $@ $<

.PHONY: run-demo bench-demo bench-inflate bench-migration

run-demo: all $(FB_INITRAMFS) $(FB_HOSTMEM)
	@$(PYTHON) bench/demo.py $(FB_DEMO_FLAGS)

bench-demo: all $(FB_INITRAMFS) $(FB_HOSTMEM)
	@$(PYTHON) bench/demo.py $(FB_DEMO_FLAGS) --repetitions $(DEMO_REPETITIONS) \
		--folder $(B)/bench/demo --json $(B)/bench/demo.json

bench-inflate: all $(FB_INITRAMFS) $(FB_HOSTMEM)
	@$(PYTHON) bench/inflate.py $(FB_BENCH_OPTIONS)

bench-migration: all $(FB_INITRAMFS) $(FB_HOSTMEM)
	@$(PYTHON) bench/migration.py $(FB_BENCH_OPTIONS)

# The tests run the benchmarks with small guests.
TESTBINS += $(FB_HOSTMEM)
