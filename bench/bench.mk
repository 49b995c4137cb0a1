# SPDX-License-Identifier: GPL-2.0-or-later
# Side-by-side runs of stock and fastballoon in real guests.

REPETITIONS ?= 3

.PHONY: run-demo bench-demo

run-demo: all $(FB_INITRAMFS)
	@$(PYTHON) bench/demo.py

bench-demo: all $(FB_INITRAMFS)
	@$(PYTHON) bench/demo.py --repetitions $(REPETITIONS) --folder $(B)/bench/demo \
		--json $(B)/bench/demo.json
