# SPDX-License-Identifier: GPL-2.0-or-later
"""The qtest protocol: the guest's memory and I/O ports, without a guest."""

import base64
import struct

from fbqtest.qemu import TIMEOUT_S

WRITE_CHUNK = 64 << 10
PORT_COMMANDS = {1: "b", 2: "w", 4: "l"}
MEMORY_COMMANDS = {1: "b", 2: "w", 4: "l", 8: "q"}


class Qtest:
    """Memory and port accesses of a vCPU that does not run."""

    def __init__(self, line_socket):
        self.lines = line_socket

    def _command(self, text):
        self.lines.send(text.encode() + b"\n")
        while True:
            words = self.lines.line(TIMEOUT_S).split()
            if words[0] == "OK":
                return words[1:]
            assert words[0] == "IRQ", f"qtest answered {words} to {text[:80]}"

    def port_in(self, port, size):
        mask = (1 << 8 * size) - 1
        return int(self._command(f"in{PORT_COMMANDS[size]} {port:#x}")[0], 16) & mask

    def port_out(self, port, size, value):
        self._command(f"out{PORT_COMMANDS[size]} {port:#x} {value:#x}")

    def load(self, gpa, size):
        return int(self._command(f"read{MEMORY_COMMANDS[size]} {gpa:#x}")[0], 16)

    def store(self, gpa, size, value):
        self._command(f"write{MEMORY_COMMANDS[size]} {gpa:#x} {value:#x}")

    def read(self, gpa, length):
        return base64.b64decode(self._command(f"b64read {gpa:#x} {length:#x}")[0])

    def write(self, gpa, data):
        for at in range(0, len(data), WRITE_CHUNK):
            piece = data[at:at + WRITE_CHUNK]
            text = base64.b64encode(piece).decode()
            self._command(f"b64write {gpa + at:#x} {len(piece):#x} {text}")

    def fill(self, gpa, length, byte):
        self._command(f"memset {gpa:#x} {length:#x} {byte:#x}")

    def holds(self, gpa, length, byte):
        """Every byte of the piece has that value."""
        return all(self.read(at, min(1 << 20, gpa + length - at)).count(byte) ==
                   min(1 << 20, gpa + length - at)
                   for at in range(gpa, gpa + length, 1 << 20))

    def write_struct(self, gpa, fmt, *values):
        self.write(gpa, struct.pack(fmt, *values))
