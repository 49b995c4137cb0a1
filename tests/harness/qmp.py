# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of QEMU's machine protocol over a connected socket."""

import json
import socket
import time

from .errors import GuestDied, GuestTimeout, QmpError


class Qmp:
    """One QMP session; events are kept in arrival order until somebody takes them."""

    def __init__(self, sock, timeout=30.0):
        self._sock = sock
        self._timeout = timeout
        self._buffer = bytearray()
        self.events = []

    def negotiate(self):
        """Read the greeting and enter command mode; returns QEMU's version as (a, b, c)."""
        greeting = self._read_message(time.monotonic() + self._timeout)
        self.execute("qmp_capabilities")
        version = greeting["QMP"]["version"]["qemu"]
        return version["major"], version["minor"], version["micro"]

    def execute(self, command, timeout=None, **arguments):
        """Run a command and return its result. '_' in argument names stands for '-'."""
        request = {"execute": command}
        if arguments:
            request["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        try:
            self._sock.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise GuestDied(f"QEMU closed its QMP socket at {command}: {error}") from error
        deadline = time.monotonic() + (timeout or self._timeout)
        while True:
            message = self._read_message(deadline)
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise QmpError(f"{command}: {message['error']['desc']}")
            else:
                return message["return"]

    def poll_events(self, timeout):
        """Wait up to `timeout` seconds for something to arrive; keeps it in `events`."""
        try:
            message = self._read_message(time.monotonic() + timeout)
        except GuestTimeout:
            return
        if "event" in message:
            self.events.append(message)

    def take_event(self, name, matches=lambda data: True):
        """Remove and return the first kept event of that name that matches, or None."""
        for index, message in enumerate(self.events):
            if message["event"] == name and matches(message.get("data", {})):
                return self.events.pop(index)
        return None

    def close(self):
        """Close the session's socket."""
        self._sock.close()

    def _read_message(self, deadline):
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise GuestTimeout("QEMU did not answer on its QMP socket in time")
            self._sock.settimeout(left)
            try:
                data = self._sock.recv(65536)
            except socket.timeout:
                continue
            except OSError as error:
                raise GuestDied(f"QEMU's QMP socket failed: {error}") from error
            if not data:
                raise GuestDied("QEMU closed its QMP socket")
            self._buffer += data
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = rest
        return json.loads(line)
