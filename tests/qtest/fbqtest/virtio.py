# SPDX-License-Identifier: GPL-2.0-or-later
"""A small virtio-pci driver, modern and legacy, and split virtqueues in guest memory."""

import struct

from fbqtest import pci
from fbqtest.qemu import wait_for

VENDOR = 0x1af4
DEVICE_MODERN = 0x1045
DEVICE_TRANSITIONAL = 0x1002

ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET = 1, 2, 4, 8, 64
F_INDIRECT_DESC, F_EVENT_IDX, F_VERSION_1, F_RING_RESET = 28, 29, 32, 40

DESC_NEXT, DESC_WRITE, DESC_INDIRECT = 1, 2, 4
DESC_SIZE = 16

CAP_COMMON, CAP_NOTIFY, CAP_ISR, CAP_DEVICE = 1, 2, 3, 4
ISR_CONFIG = 2


def bits(*numbers):
    return sum(1 << n for n in set(numbers))


class Modern:
    """The virtio 1.x transport (virtio 1.3, section 4.1.4)."""

    version_1 = True

    def __init__(self, function):
        self.qtest = function.qtest
        self.windows = {}
        for at, kind in function.capabilities():
            if kind != pci.CAP_VENDOR:
                continue
            window = function.read(at + 3, 1)
            address = function.bars.get(function.read(at + 4, 1), 0) + function.read(at + 8, 4)
            self.windows.setdefault(window, address)
            if window == CAP_NOTIFY:
                self.notify_step = function.read(at + 16, 4)
        self.common = self.windows[CAP_COMMON]

    def config(self, offset, size):
        return self.qtest.load(self.windows[CAP_DEVICE] + offset, size)

    def set_config(self, offset, size, value):
        self.qtest.store(self.windows[CAP_DEVICE] + offset, size, value)

    def status(self):
        return self.qtest.load(self.common + 20, 1)

    def set_status(self, value):
        self.qtest.store(self.common + 20, 1, value)

    def isr(self):
        return self.qtest.load(self.windows[CAP_ISR], 1)

    def features(self):
        value = 0
        for word in range(2):
            self.qtest.store(self.common, 4, word)
            value |= self.qtest.load(self.common + 4, 4) << 32 * word
        return value

    def set_features(self, value):
        for word in range(2):
            self.qtest.store(self.common + 8, 4, word)
            self.qtest.store(self.common + 12, 4, value >> 32 * word & 0xffffffff)

    def queue_size(self, index):
        self.qtest.store(self.common + 22, 2, index)
        return self.qtest.load(self.common + 24, 2)

    def enable_queue(self, queue):
        self.qtest.store(self.common + 22, 2, queue.index)
        queue.notify_offset = self.qtest.load(self.common + 30, 2)
        for offset, gpa in ((32, queue.desc), (40, queue.avail), (48, queue.used)):
            self.qtest.store(self.common + offset, 4, gpa & 0xffffffff)
            self.qtest.store(self.common + offset + 4, 4, gpa >> 32)
        self.qtest.store(self.common + 28, 2, 1)

    def reset_queue(self, index):
        """Reset one queue, for which F_RING_RESET has to be negotiated."""
        self.qtest.store(self.common + 22, 2, index)
        self.qtest.store(self.common + 58, 2, 1)
        assert self.qtest.load(self.common + 58, 2) == 0, "the reset is not over"
        assert self.qtest.load(self.common + 28, 2) == 0, "the queue is still enabled"

    def notify(self, queue):
        address = self.windows[CAP_NOTIFY] + queue.notify_offset * self.notify_step
        self.qtest.store(address, 2, queue.index)


class Legacy:
    """The transport of before virtio 1.0: registers in an I/O BAR (section 4.1.4.10)."""

    version_1 = False
    DEVICE_CONFIG = 20  # without MSI-X enabled

    def __init__(self, function):
        self.qtest = function.qtest
        self.base = function.bars[0]

    def config(self, offset, size):
        return self.qtest.port_in(self.base + self.DEVICE_CONFIG + offset, size)

    def set_config(self, offset, size, value):
        self.qtest.port_out(self.base + self.DEVICE_CONFIG + offset, size, value)

    def status(self):
        return self.qtest.port_in(self.base + 18, 1)

    def set_status(self, value):
        self.qtest.port_out(self.base + 18, 1, value)

    def isr(self):
        return self.qtest.port_in(self.base + 19, 1)

    def features(self):
        return self.qtest.port_in(self.base, 4)

    def set_features(self, value):
        self.qtest.port_out(self.base + 4, 4, value & 0xffffffff)

    def queue_size(self, index):
        self.qtest.port_out(self.base + 14, 2, index)
        return self.qtest.port_in(self.base + 12, 2)

    def enable_queue(self, queue):
        self.qtest.port_out(self.base + 14, 2, queue.index)
        self.qtest.port_out(self.base + 8, 4, queue.desc >> 12)

    def notify(self, queue):
        self.qtest.port_out(self.base + 16, 2, queue.index)


def round_up(value, step):
    return (value + step - 1) // step * step


class Queue:
    """A split virtqueue; every request waits until the device has returned its buffer."""

    def __init__(self, transport, index, size, gpa):
        self.transport = transport
        self.qtest = transport.qtest
        self.index = index
        self.size = size
        self.desc = gpa
        self.avail = gpa + DESC_SIZE * size
        self.used = round_up(self.avail + 6 + 2 * size, 4096)
        self.end = round_up(self.used + 6 + 8 * size, 4096)
        self.avail_idx = 0
        self.used_idx = 0
        self.notify_offset = 0
        self.qtest.fill(gpa, self.end - gpa, 0)

    def write_desc(self, slot, gpa, length, flags=0, following=0, table=None):
        base = self.desc if table is None else table
        self.qtest.write_struct(base + DESC_SIZE * slot, "<QIHH", gpa, length, flags, following)

    def write_chain(self, out=(), into=(), table=None):
        """Put a chain of (gpa, length) pieces into the table, from slot 0."""
        parts = [(p, 0) for p in out] + [(p, DESC_WRITE) for p in into]
        data = b""
        for slot, ((gpa, length), flags) in enumerate(parts):
            more = DESC_NEXT if slot + 1 < len(parts) else 0
            data += struct.pack("<QIHH", gpa, length, flags | more, (slot + 1) * bool(more))
        self.qtest.write(self.desc if table is None else table, data)
        return len(parts)

    def publish(self, head=0, notify=True):
        self.qtest.store(self.avail + 4 + 2 * (self.avail_idx % self.size), 2, head)
        self.set_avail_idx(self.avail_idx + 1)
        if notify:
            self.transport.notify(self)

    def set_avail_idx(self, value):
        self.avail_idx = value & 0xffff
        self.qtest.store(self.avail + 2, 2, self.avail_idx)

    def device_used_idx(self):
        return self.qtest.load(self.used + 2, 2)

    def returned(self):
        """Whether the device has returned a buffer that nobody has collected."""
        return self.device_used_idx() != self.used_idx

    def collect(self, timeout_s=10.0):
        """Wait for one buffer; returns (head, length written)."""
        wait_for(self.returned, f"queue {self.index}: buffer returned", timeout_s, 0.001)
        entry = self.used + 4 + 8 * (self.used_idx % self.size)
        self.used_idx = (self.used_idx + 1) & 0xffff
        return self.qtest.load(entry, 4), self.qtest.load(entry + 4, 4)

    def send(self, out=(), into=(), indirect=None, timeout_s=10.0):
        """Send one buffer and wait for it; returns the used length.

        indirect: address of a table to use instead of the ring's own descriptors.
        """
        count = self.write_chain(out, into, indirect)
        if indirect is not None:
            self.write_desc(0, indirect, DESC_SIZE * count, DESC_INDIRECT)
        self.publish()
        head, length = self.collect(timeout_s)
        assert head == 0, f"the device returned a buffer that was not sent: {head}"
        return length


class VirtioDevice:
    """A virtio PCI device brought up by this driver."""

    def __init__(self, qtest, legacy=False, ring_gpa=0x100000, function=None):
        self.qtest = qtest
        self.function = function or pci.find(qtest, VENDOR, (DEVICE_TRANSITIONAL, DEVICE_MODERN))
        assert self.function, "no virtio balloon on bus 0"
        self.function.map_bars()
        self.transport = (Legacy if legacy else Modern)(self.function)
        self.ring_gpa = ring_gpa
        self.queues = {}
        self.offered = self.negotiated = 0

    def reset(self):
        self.transport.set_status(0)
        assert self.transport.status() == 0
        self.queues = {}

    def negotiate(self, wanted):
        """Reset, then accept the wanted ones of the offered features; returns those."""
        self.reset()
        self.transport.set_status(ACKNOWLEDGE)
        self.transport.set_status(ACKNOWLEDGE | DRIVER)
        self.offered = self.transport.features()
        self.negotiated = self.offered & wanted
        if self.transport.version_1:
            self.negotiated |= self.offered & bits(F_VERSION_1)
        self.transport.set_features(self.negotiated)
        if self.transport.version_1:
            self.transport.set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK)
            assert self.transport.status() & FEATURES_OK, "the device refused the features"
        return self.negotiated

    def make_queues(self, indices):
        """Set up these queues one behind the other in guest memory."""
        gpa = self.ring_gpa
        for index in indices:
            gpa = self.make_queue_at(index, gpa).end

    def make_queue_at(self, index, gpa):
        size = self.transport.queue_size(index)
        assert size, f"the device has no queue {index}"
        self.queues[index] = Queue(self.transport, index, size, gpa)
        self.transport.enable_queue(self.queues[index])
        return self.queues[index]

    def renew_queue(self, queue):
        """Reset one queue and set it up again, elsewhere; returns the new one."""
        self.transport.reset_queue(queue.index)
        return self.make_queue_at(queue.index, max(q.end for q in self.queues.values()))

    def driver_ok(self):
        self.transport.set_status(self.transport.status() | DRIVER_OK)

    def broken(self):
        return bool(self.transport.status() & NEEDS_RESET)
