# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's side of the control queues, and the properties that show them."""

import struct
from collections import namedtuple

from fbqtest.balloon import PATH
from fbqtest.qemu import wait_for
from fbqtest.virtio import DESC_WRITE

HINT_START, HINT_STOP, HINT_DONE, DROP_CACHES, COMPACT, INFLATE = range(1, 7)
MSG_REPLY, MSG_PROGRESS = 1, 2
OK, PARTIAL, BUSY, NOT_SUPPORTED = range(4)
BEST_EFFORT, SETTLED = 1, 1
HINT_HELD = 1
REQUEST_SIZE, ROOM = 16, 64

REQUEST_GPA = 0xd00000  # buffers of the requestq
MESSAGE_GPA = 0xd80000

Request = namedtuple("Request", "type flags id arg0 arg1")


class Control:
    """Takes requests and sends messages on the queues of a Balloon."""

    def __init__(self, balloon):
        self.balloon = balloon
        self.queue = balloon.requestq

    def post(self, count=1, room=ROOM, flags=DESC_WRITE):
        """Give the device that many buffers."""
        for _ in range(count):
            slot = self.queue.avail_idx % self.queue.size
            self.queue.write_desc(slot, REQUEST_GPA + slot * ROOM, room, flags)
            self.queue.publish(slot)

    def take(self, timeout_s=10.0):
        """Wait for a request; None for a buffer that came back unused."""
        slot, length = self.queue.collect(timeout_s)
        if not length:
            return None
        assert length == REQUEST_SIZE
        data = self.balloon.qtest.read(REQUEST_GPA + slot * ROOM, length)
        return Request(*struct.unpack("<HHIII", data))

    def expect(self, kind):
        """Post a buffer if none is there, and take a request of that type."""
        if self.queue.avail_idx == self.queue.used_idx:
            self.post()
        request = self.take()
        assert request.type == kind
        return request

    def message(self, data):
        self.balloon.qtest.write(MESSAGE_GPA, data)
        assert self.balloon.messageq.send(out=[(MESSAGE_GPA, len(data))]) == 0

    def reply(self, request_id, status=OK, figure=0):
        self.message(struct.pack("<HHIQ", MSG_REPLY, status, request_id, figure))

    def progress(self, target=0, actual=0, reachable=0, reason=0, flags=0):
        self.message(struct.pack("<HHIIII", MSG_PROGRESS, reason, flags, target, actual,
                                 reachable))

    def ask(self, kind, **arguments):
        """What the operator does."""
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        self.balloon.qemu.qom_set(PATH, "fastballoon-request", {"type": kind, **named})

    def asked(self, kind):
        return self.balloon.qemu.qom_get(PATH, "fastballoon-requests")[kind]

    def wait_state(self, kind, state):
        wait_for(lambda: self.asked(kind)["state"] == state, f"{kind} is {state}")
        return self.asked(kind)

    def known_progress(self):
        return self.balloon.qemu.qom_get(PATH, "fastballoon-progress")
