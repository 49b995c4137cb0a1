# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's end of the line protocol that the guest's process 1 speaks on its second port."""

import itertools
import socket
import time

from .errors import CommandFailed, GuestDied, GuestTimeout

_SEQUENCE = itertools.count(1)


class Channel:
    """Commands to the guest, one at a time; late answers to older commands are dropped."""

    def __init__(self, sock):
        self._sock = sock
        self._buffer = bytearray()

    def wait_ready(self, timeout):
        """Wait for the guest's first line; it says that its process 1 serves commands."""
        self._answer("0", time.monotonic() + timeout, "boot")

    def command(self, text, timeout=60.0):
        """Run a command; returns (lines, result): its output and the text after "ok"."""
        sequence = str(next(_SEQUENCE))
        try:
            self._sock.sendall(f"{sequence} {text}\n".encode())
        except OSError as error:
            raise GuestDied(f"the guest's command channel failed at {text!r}: {error}") from error
        return self._answer(sequence, time.monotonic() + timeout, text)

    def close(self):
        """Close the channel's socket."""
        self._sock.close()

    def _answer(self, sequence, deadline, text):
        lines = []
        while True:
            got, kind, rest = (self._read_line(deadline, text).split(" ", 2) + ["", ""])[:3]
            if got != sequence:
                continue
            if kind == "-":
                lines.append(rest)
            elif kind == "ok":
                return lines, rest
            elif kind == "err":
                raise CommandFailed(f"guest: {text}: {rest}")

    def _read_line(self, deadline, text):
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise GuestTimeout(f"the guest did not answer {text!r} in time")
            self._sock.settimeout(left)
            try:
                data = self._sock.recv(65536)
            except socket.timeout:
                continue
            except OSError as error:
                raise GuestDied(f"the guest's command channel failed: {error}") from error
            if not data:
                raise GuestDied(f"QEMU ended while the guest ran {text!r}")
            self._buffer += data
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = rest
        return line.decode(errors="replace")
