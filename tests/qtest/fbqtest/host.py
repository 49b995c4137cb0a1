# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's memory: what of a QEMU is resident, in huge pages, and pools of huge pages."""

import contextlib
import os
import re
from pathlib import Path

import pytest

THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HUGE_PAGES = Path("/sys/kernel/mm/hugepages")
RESERVE_BYTES = 2 << 30  # memory of the machine that a pool leaves alone


def _mappings(pid):
    """For each mapping: its size in bytes, its flags, and the fields of smaps, in bytes."""
    found = []
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="ascii").splitlines():
        bounds = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
        if bounds:
            found.append({"size": int(bounds[2], 16) - int(bounds[1], 16)})
            continue
        if line.startswith("VmFlags:"):
            found[-1]["flags"] = set(line.split()[1:])
        field = re.match(r"(\w+): +(\d+) kB", line)
        if field:
            found[-1][field[1]] = int(field[2]) << 10
    return found


def guest_ram(qemu, size):
    """The smaps fields of guest RAM: the mapping of that size, or of it and its neighbours."""
    fitting = [m for m in _mappings(qemu.process.pid) if m["size"] >= size]
    assert fitting, f"QEMU has no mapping of {size} bytes"
    return min(fitting, key=lambda mapping: mapping["size"])


def resident(mapping):
    """Bytes of host memory in it; smaps counts hugetlb pages apart."""
    return mapping["Rss"] + mapping["Private_Hugetlb"] + mapping["Shared_Hugetlb"]


def has_thp():
    return THP.exists() and "[never]" not in THP.read_text(encoding="ascii")


def free_bytes():
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no MemAvailable")


class HugePages:
    """The host's pool of huge pages of one size."""

    def __init__(self, size):
        self.size = size
        self.folder = HUGE_PAGES / f"hugepages-{size >> 10}kB"

    def read(self, name):
        return int((self.folder / name).read_text(encoding="ascii"))

    def free(self):
        return self.read("free_hugepages")

    @contextlib.contextmanager
    def extended(self, count):
        """So many free pages more, given back at the end; skips where that can't be had."""
        if not self.folder.exists():
            pytest.skip(f"the host has no huge pages of {self.size >> 20} MiB")
        if free_bytes() < count * self.size + RESERVE_BYTES:
            pytest.skip(f"too little memory for {count} huge pages of {self.size >> 20} MiB")
        knob = self.folder / "nr_hugepages"
        before = self.read("nr_hugepages")
        if not os.access(knob, os.W_OK):
            pytest.skip("no right to make huge pages")
        try:
            knob.write_text(str(before + count), encoding="ascii")
            if self.read("nr_hugepages") < before + count:
                pytest.skip(f"the kernel finds no {count} huge pages of {self.size >> 20} MiB")
            yield self
        finally:
            knob.write_text(str(before), encoding="ascii")
