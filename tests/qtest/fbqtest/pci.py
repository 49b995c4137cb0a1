# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI configuration space through ports 0xcf8 and 0xcfc, and the addresses of BARs."""

CONFIG_ADDRESS = 0xcf8
CONFIG_DATA = 0xcfc

VENDOR_ID = 0x00
DEVICE_ID = 0x02
COMMAND = 0x04
REVISION = 0x08
CLASS = 0x0a
BAR0 = 0x10
SUBSYSTEM_ID = 0x2e
CAPABILITIES = 0x34
BUS_NUMBERS = 0x18    # of a bridge
MEMORY_WINDOW = 0x20

COMMAND_ENABLE = 0x7  # I/O, memory, bus master
CAP_VENDOR = 0x09

MEMORY_BASE = 0xe0000000
IO_BASE = 0xc000


class PciFunction:
    """One function, its slot counted through the buses: those of bus 1 begin at 32."""

    def __init__(self, qtest, slot, bus=0):
        self.qtest = qtest
        self.slot = 32 * bus + slot
        self.bars = {}

    def _select(self, offset):
        self.qtest.port_out(CONFIG_ADDRESS, 4, 1 << 31 | self.slot << 11 | offset & 0xfc)

    def read(self, offset, size):
        self._select(offset)
        return self.qtest.port_in(CONFIG_DATA + (offset & 3), size)

    def write(self, offset, size, value):
        self._select(offset)
        self.qtest.port_out(CONFIG_DATA + (offset & 3), size, value)

    def present(self):
        return self.read(VENDOR_ID, 2) != 0xffff

    def map_bars(self):
        """Give every BAR an address of its slot's own window and enable the device."""
        memory = MEMORY_BASE + (self.slot << 20)
        port = IO_BASE + (self.slot << 8)
        index = 0
        while index < 6:
            at = BAR0 + 4 * index
            self.write(at, 4, 0xffffffff)
            mask = self.read(at, 4)
            if mask & 1:
                self.write(at, 4, port)
                self.bars[index] = port
            elif mask:
                size = -(mask & ~0xf) & 0xffffffff
                memory = (memory + size - 1) & ~(size - 1)
                self.write(at, 4, memory)
                self.bars[index] = memory
                memory += size
                if mask & 4:
                    index += 1
                    self.write(BAR0 + 4 * index, 4, 0)
            index += 1
        self.write(COMMAND, 2, COMMAND_ENABLE)

    def open_bridge(self, bus):
        """Make this bridge the way to a bus, and to what map_bars() gives functions there."""
        self.write(BUS_NUMBERS, 4, bus << 16 | bus << 8)
        first = MEMORY_BASE + (bus << 25)
        self.write(MEMORY_WINDOW, 4, (first + (32 << 20) - 1) & 0xfff00000 | first >> 16)
        self.write(COMMAND, 2, COMMAND_ENABLE)

    def capabilities(self):
        """Yield (offset, id) of each capability."""
        at = self.read(CAPABILITIES, 1)
        for _ in range(48):
            if not at:
                return
            yield at, self.read(at, 1)
            at = self.read(at + 1, 1)
        raise AssertionError("the capability list has a loop")


def find(qtest, vendor, devices):
    """The first function of bus 0 with these ids, or None."""
    for slot in range(32):
        function = PciFunction(qtest, slot)
        if function.read(VENDOR_ID, 2) == vendor and function.read(DEVICE_ID, 2) in devices:
            return function
    return None
