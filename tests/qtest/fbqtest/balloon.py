# SPDX-License-Identifier: GPL-2.0-or-later
"""A balloon driver on top of virtio.py: one helper for each request (virtio 1.3, 5.5)."""

import copy
import struct

from fbqtest import virtio
from fbqtest.qemu import wait_for
from fbqtest.qtest import Qtest
from fbqtest.virtio import VirtioDevice, bits

F_MUST_TELL_HOST, F_STATS_VQ, F_DEFLATE_ON_OOM = 0, 1, 2
F_FREE_PAGE_HINT, F_PAGE_POISON, F_REPORTING = 3, 4, 5
F_SG, F_PAGE_BITMAP, F_HINT_LOGGED, F_CTRL_VQ = 50, 51, 52, 53

STANDARD = bits(F_MUST_TELL_HOST, F_STATS_VQ, F_DEFLATE_ON_OOM, F_FREE_PAGE_HINT,
                F_PAGE_POISON, F_REPORTING)
EXTENSIONS = bits(F_SG, F_PAGE_BITMAP, F_HINT_LOGGED, F_CTRL_VQ)
ALL = STANDARD | EXTENSIONS | bits(virtio.F_INDIRECT_DESC)

CONFIG_NUM_PAGES, CONFIG_ACTUAL, CONFIG_CMD_ID, CONFIG_POISON = 0, 4, 8, 12
CMD_ID_STOP, CMD_ID_DONE, CMD_ID_MIN = 0, 1, 0x80000000

PAGE = 4096
SG_MAX = 256
PAGES_PFNS, PAGES_BITMAP = 1, 2
PFNS_MAX = 1 << 16

STATS_GPA = 0x300000    # the device may keep statistics and read them again
SCRATCH_GPA = 0x400000  # tables and arrays that a request needs
SCRATCH_SIZE = 0x800000
DATA_GPA = 0x2000000    # guest memory for the tests to inflate

PATH = "/machine/peripheral/balloon0"


class Balloon(VirtioDevice):
    """The balloon of a Qemu process, driven through qtest."""

    def __init__(self, qemu, **kwargs):
        super().__init__(Qtest(qemu.qtest_socket), **kwargs)
        self.qemu = qemu

    def moved_to(self, qemu):
        """The same driver after a migration to another QEMU; its rings came along."""
        moved = copy.copy(self)
        moved.qemu = qemu
        moved.qtest = Qtest(qemu.qtest_socket)
        moved.transport = copy.copy(self.transport)
        moved.transport.qtest = moved.qtest
        moved.queues = {index: copy.copy(queue) for index, queue in self.queues.items()}
        for queue in moved.queues.values():
            queue.transport, queue.qtest = moved.transport, moved.qtest
        return moved

    def start(self, wanted=ALL):
        """Negotiate and set up every queue; returns the negotiated features."""
        negotiated = self.negotiate(wanted)
        self.make_queues(index for index, feature in enumerate(self.queue_features())
                         if feature is None or negotiated & bits(feature))
        self.driver_ok()
        return negotiated

    def queue_features(self):
        """The feature that each queue belongs to: numbers go to what is offered, in order."""
        optional = (F_STATS_VQ, F_FREE_PAGE_HINT, F_REPORTING, F_CTRL_VQ, F_CTRL_VQ)
        return [None, None] + [f for f in optional if self.offered & bits(f)]

    @property
    def inflateq(self):
        return self.queues[0]

    @property
    def deflateq(self):
        return self.queues[1]

    def _queue(self, feature):
        return self.queues[self.queue_features().index(feature)]

    @property
    def statsq(self):
        return self._queue(F_STATS_VQ)

    @property
    def hintq(self):
        return self._queue(F_FREE_PAGE_HINT)

    @property
    def reportq(self):
        return self._queue(F_REPORTING)

    @property
    def requestq(self):
        return self._queue(F_CTRL_VQ)

    @property
    def messageq(self):
        return self.queues[self.requestq.index + 1]

    def num_pages(self):
        return self.transport.config(CONFIG_NUM_PAGES, 4)

    def actual(self):
        return self.transport.config(CONFIG_ACTUAL, 4)

    def set_actual(self, pages):
        self.transport.set_config(CONFIG_ACTUAL, 4, pages)

    def cmd_id(self):
        return self.transport.config(CONFIG_CMD_ID, 4)

    def poison(self):
        return self.transport.config(CONFIG_POISON, 4)

    def set_poison(self, value):
        self.transport.set_config(CONFIG_POISON, 4, value)

    def _array(self, data, gpa=SCRATCH_GPA):
        assert len(data) <= SCRATCH_SIZE
        self.qtest.write(gpa, data)
        return [(gpa, len(data))]

    def send_pfns(self, queue, pfns):
        """A PFN array, behind the header that F_PAGE_BITMAP asks for."""
        header = b""
        if self.negotiated & bits(F_PAGE_BITMAP):
            header = struct.pack("<HHI", PAGES_PFNS, 0, len(pfns))
        return queue.send(out=self._array(header + struct.pack(f"<{len(pfns)}I", *pfns)))

    def inflate_pfns(self, pfns):
        return self.send_pfns(self.inflateq, pfns)

    def deflate_pfns(self, pfns):
        return self.send_pfns(self.deflateq, pfns)

    def send_bitmap(self, queue, start_pfn, pages):
        """One record of F_PAGE_BITMAP: pages, counted from start_pfn, as bits."""
        count = max(pages) + 1
        bitmap = sum(1 << page for page in pages).to_bytes((count + 63) // 64 * 8, "little")
        header = struct.pack("<HHIQII", PAGES_BITMAP, 0, 1, start_pfn, count, 0)
        return queue.send(out=self._array(header + bitmap))

    def send_ranges(self, queue, ranges):
        """One buffer of F_SG or of the reporting queue; a long one takes an indirect table."""
        table = SCRATCH_GPA if len(ranges) > 1 and self.indirect() else None
        return queue.send(into=ranges, indirect=table)

    def indirect(self):
        return bool(self.negotiated & bits(virtio.F_INDIRECT_DESC))

    def inflate_ranges(self, ranges):
        return self.send_ranges(self.inflateq, ranges)

    def deflate_ranges(self, ranges):
        return self.send_ranges(self.deflateq, ranges)

    def report(self, ranges):
        return self.send_ranges(self.reportq, ranges)

    def post_stats(self, data):
        """Hand the device a statistics buffer; it keeps it until it wants new ones."""
        self.statsq.write_chain(out=self._array(data, STATS_GPA))
        self.statsq.publish()

    def send_stats(self, pairs):
        self.post_stats(b"".join(struct.pack("<HQ", tag, value) for tag, value in pairs))

    def hint_command(self, cmd_id):
        """Send a command id on the free page queue: a round's own id or CMD_ID_STOP."""
        return self.hintq.send(out=self._array(struct.pack("<I", cmd_id)))

    def hint(self, gpa, length):
        return self.hintq.send(into=[(gpa, length)])

    def wait_cmd_id(self, previous=CMD_ID_DONE):
        """Wait until the configuration asks for hints of a new round; returns its id."""
        def asked():
            cmd_id = self.cmd_id()
            return cmd_id if cmd_id not in (previous, CMD_ID_STOP, CMD_ID_DONE) else 0

        return wait_for(asked, "a new free page hint command id", pause_s=0.002)

    def hint_round(self, cmd_id, hints):
        """Answer a round with these (gpa, length) hints."""
        self.hint_command(cmd_id)
        for gpa, length in hints:
            self.hint(gpa, length)
        self.hint_command(CMD_ID_STOP)

    def counter(self, name):
        return self.counters()[name]

    def counters(self):
        return self.qemu.qom_get(PATH, "fastballoon-counters")

    def guest_stats(self):
        return self.qemu.qom_get(PATH, "guest-stats")

    def fill(self, gpa, length, byte=0xa5):
        self.qtest.fill(gpa, length, byte)

    def holds(self, gpa, length, byte):
        return self.qtest.holds(gpa, length, byte)
