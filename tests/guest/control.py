# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests ask of a guest over the control queues, and what they see of it."""

from contextlib import contextmanager

from harness.config import BALLOON_PATH
from pairs import MIB, wait_for

HELD_MIB = 120
UNREACHABLE = 16 * MIB


class Control:
    """What the operator asks of a guest, and what comes back."""

    def __init__(self, guest):
        self.guest = guest
        self._stats = f"/sys/kernel/debug/virtio_fastballoon/{guest.virtio_name()}/stats"

    def ask(self, kind, **arguments):
        """Make a request."""
        value = {"type": kind, **{name.replace("_", "-"): value
                                  for name, value in arguments.items()}}
        self.guest.qmp("qom-set", path=BALLOON_PATH, property="fastballoon-request", value=value)

    def asked(self, kind):
        """What became of the last request of a type."""
        return self.guest.device_property("fastballoon-requests")[kind]

    def answer(self, kind, timeout=60):
        """Wait until the request is no longer open; returns what became of it."""
        wait_for(lambda: self.asked(kind)["state"] not in ("queued", "sent"), timeout, 0.01)
        return self.asked(kind)

    def status(self, kind, **arguments):
        """Make a request and wait for the reply; returns its status."""
        self.ask(kind, **arguments)
        answer = self.answer(kind)
        assert answer["state"] == "done", answer
        return answer["status"]

    def progress(self):
        """What the driver has told of its progress."""
        return self.guest.device_property("fastballoon-progress")

    def stalled(self):
        """Whether the driver says that it is short of its target."""
        return self.progress()["reason"] != "none"

    def counter(self, name):
        """A counter of the driver."""
        text = self.guest.read(self._stats)
        return int(dict(line.partition(" ")[::2] for line in text.splitlines())[name])

    def balloon_bytes(self):
        """Size of the balloon."""
        return self.guest.config.memory_mib * MIB - self.guest.memory_bytes()

    def set_target(self, size_bytes):
        """Set the guest's size without waiting."""
        self.guest.qmp("balloon", value=size_bytes)

    @contextmanager
    def squeezed(self, **arguments):
        """The guest, asked for more than it has, with a process in it that holds memory."""
        self.guest.start_job("hold", HELD_MIB * MIB)
        self.set_target(UNREACHABLE)
        self.ask("inflate", **arguments)
        try:
            yield
        finally:
            if self.guest.command("running hold")[1] == "1":
                self.guest.command("stop hold")
            self.guest.set_memory(self.guest.config.memory_mib)
