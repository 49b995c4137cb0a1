# SPDX-License-Identifier: GPL-2.0-or-later
"""Real Linux guests in real QEMU processes, for the tests and the benchmarks."""
