# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare the memory of both sides of a migration while both are stopped.

The source's struct pages tell which pages were free; they are read from its memory, at the place
that the module in tests/guest/modules has told before. Compared is every other page, but for

- pages in the balloon, whose content nobody expects back;
- pages without a reference that are in no free block: those on the processors' own lists of free
  pages, and the later pages of blocks that are not compound;
- at most one page for each processor that was taken off the free lists and whose first user has
  not touched its struct page: it may have been stopped before it was cleared.
"""

import os
import re
from array import array
from dataclasses import dataclass, field

from .errors import HarnessError

MIB = 1 << 20
PAGE = 4096
MODULE = "virtio_fastballoon_memmap"
_LAYOUT = re.compile(r"fastballoon memmap: layout (.*)")
_PIECE = re.compile(r"fastballoon memmap: piece pfn=(\d+) phys=(\d+) pages=(\d+)")
_READ_BYTES = 16 * MIB


@dataclass
class Comparison:
    """How many pages were compared, what the others were, and which differ."""

    compared: int = 0
    free: int = 0
    ballooned: int = 0
    unreferenced: int = 0
    unused: list = field(default_factory=list)
    different: list = field(default_factory=list)

    @property
    def text(self):
        """One line for a test's message."""
        shown = ", ".join(f"{pfn:#x} ({what})" for pfn, what in self.different[:8])
        return (f"{len(self.different)} of {self.compared} pages differ ({self.free} free, "
                f"{self.ballooned} ballooned, {self.unreferenced} unreferenced, "
                f"{len(self.unused)} taken and not used yet): {shown}")


class Ram:
    """The guest's main memory in a QEMU process: one mapping of just its size."""

    def __init__(self, machine, size):
        self._size = size
        pid = machine.process.pid
        starts = []
        with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
            for line in maps:
                start, end = (int(part, 16) for part in line.split()[0].split("-"))
                if end - start == size and line.split()[1].startswith("rw"):
                    starts.append(start)
        if len(starts) != 1:
            raise HarnessError(f"QEMU has {len(starts)} mappings of {size} bytes, not one")
        self._start = starts[0]
        self._fd = os.open(f"/proc/{pid}/mem", os.O_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._fd)

    def read(self, gpa, size):
        """Bytes of guest memory; all of them below the first gap of the address space."""
        data = bytearray()
        while len(data) < size:
            part = os.pread(self._fd, min(size - len(data), _READ_BYTES),
                            self._start + gpa + len(data))
            if not part:
                raise HarnessError(f"guest memory at {gpa:#x} cannot be read")
            data += part
        return bytes(data)

    def write(self, gpa, data):
        """Change guest memory behind the guest's back."""
        os.pwrite(self._fd, data, self._start + gpa)

    def pieces(self):
        """All of it, as (guest address, bytes)."""
        for gpa in range(0, self._size, _READ_BYTES):
            yield gpa, self.read(gpa, min(_READ_BYTES, self._size - gpa))


class MemoryMap:
    """Where a guest's struct pages are; asked of the guest once, while it runs."""

    def __init__(self, guest):
        guest.command(f"insmod {MODULE}")
        log = guest.shell("dmesg | grep 'fastballoon memmap: '")
        guest.command(f"rmmod {MODULE}")
        found = _LAYOUT.search(log)
        if not found or "memmap: end" not in log:
            raise HarnessError(f"{MODULE} did not tell the memory map: {log[-300:]}")
        self.layout = {name: int(value) for name, value in
                       (item.split("=") for item in found.group(1).split())}
        self.pieces = [tuple(int(part) for part in piece) for piece in _PIECE.findall(log)]

    def read(self, ram):
        """The struct pages in `ram`: a Pages for each piece."""
        return [Pages(first, ram.read(phys, count * self.layout["size"]), self.layout)
                for first, phys, count in self.pieces]


class Pages:
    """The struct pages of neighbouring pages, a column for each field."""

    def __init__(self, first, data, layout):
        self.first = first
        self._layout = layout
        self._types = self._column("I", data, "type")
        self._references = self._column("I", data, "refcount")
        self._heads = self._column("Q", data, "head")
        self._private = self._column("Q", data, "private")
        self._mapping = self._column("Q", data, "mapping")

    def _column(self, code, data, name):
        words = array(code, data)
        step = self._layout["size"] // words.itemsize
        return words[self._layout[name] // words.itemsize::step]

    def kinds(self):
        """(page frame number, kind, pages) for all pages in order."""
        at, end = 0, len(self._types)
        buddy, offline = self._layout["buddy"], self._layout["offline"]
        while at < end:
            count = 1
            if self._types[at] == buddy:
                kind, count = "free", min(1 << self._private[at], end - at)
            elif self._types[at] == offline:
                kind = "ballooned"
            elif not self._references[at] and not self._heads[at] & 1:
                kind = "unreferenced"
            else:
                kind = "used"
            yield self.first + at, kind, count
            at += count

    def is_unused(self, pfn):
        """Whether a page is taken, and its struct page says of no use."""
        at = pfn - self.first
        return (0 <= at < len(self._types) and self._references[at] == 1
                and not self._heads[at] & 1 and not self._mapping[at] and not self._private[at]
                and self._types[at] == 0xffffffff)


def compare(memory_map, guest, source, destination):
    """Compare the memory of two stopped machines; returns a Comparison."""
    size = guest.config.memory_mib * MIB
    result = Comparison()
    with Ram(source, size) as old, Ram(destination, size) as new:
        parts = memory_map.read(old)
        kinds = [part for pages in parts for part in pages.kinds()]
        matters = bytearray(b"\1" * (size // PAGE))
        for pfn, kind, count in kinds:
            if kind != "used":
                setattr(result, kind, getattr(result, kind) + count)
                matters[pfn:pfn + count] = bytes(count)
        result.compared = sum(matters)
        differing = [pfn for pfn in _differing(old, new) if matters[pfn]]
    for pfn in differing:
        what = "unused" if any(pages.is_unused(pfn) for pages in parts) else "used"
        if what == "unused" and len(result.unused) < guest.config.cpus:
            result.unused.append(pfn)
        else:
            result.different.append((pfn, what))
    return result


def _differing(old, new):
    """Page frame numbers of all pages that are not the same."""
    for (gpa, ours), (_, theirs) in zip(old.pieces(), new.pieces()):
        if ours == theirs:
            continue
        for at in range(0, len(ours), PAGE):
            if ours[at:at + PAGE] != theirs[at:at + PAGE]:
                yield (gpa + at) // PAGE
