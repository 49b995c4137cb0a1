# SPDX-License-Identifier: GPL-2.0-or-later
"""One QEMU process with a QMP and, where wanted, a qtest connection, over inherited sockets."""

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import time

TIMEOUT_S = 60.0
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Timeout(AssertionError):
    """Something did not happen in the time that it was given."""


class QmpError(AssertionError):
    """QEMU answered a command with an error."""


def wait_for(condition, what, timeout_s=TIMEOUT_S, pause_s=0.01):
    """Call condition until it returns something true, and return that."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"{what}: not after {timeout_s} s")
        time.sleep(pause_s)


class LineSocket:
    """A socket that carries lines, with a bounded wait for each."""

    def __init__(self, sock):
        self.sock = sock
        self.rest = b""
        self.sock.setblocking(True)

    def send(self, data):
        self.sock.settimeout(TIMEOUT_S)
        self.sock.sendall(data)

    def line(self, timeout_s):
        end = time.monotonic() + timeout_s
        pieces = [self.rest]
        while b"\n" not in pieces[-1]:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                self.rest = b"".join(pieces)
                raise Timeout(f"QEMU did not answer within {timeout_s} s")
            pieces.append(self.sock.recv(1 << 20))
            if not pieces[-1]:
                raise ConnectionError("QEMU closed the connection")
        line, self.rest = b"".join(pieces).split(b"\n", 1)
        return line.decode()

    def close(self):
        self.sock.close()


class Qmp:
    """A QMP connection; events that arrive meanwhile are kept in .events."""

    def __init__(self, sock):
        self.lines = LineSocket(sock)
        self.events = []

    def negotiate(self):
        self._message(TIMEOUT_S)
        self.command("qmp_capabilities")

    def _message(self, timeout_s):
        return json.loads(self.lines.line(timeout_s))

    def command(self, name, timeout_s=TIMEOUT_S, fd=None, **arguments):
        """Run a command and return its answer; fd: a file descriptor to pass along."""
        request = {"execute": name}
        if arguments:
            request["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        line = json.dumps(request).encode() + b"\n"
        if fd is None:
            self.lines.send(line)
        else:
            socket.send_fds(self.lines.sock, [line], [fd])
        while True:
            message = self._message(timeout_s)
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise QmpError(f"{name}: {message['error']['desc']}")
            else:
                return message["return"]

    def wait_event(self, name, timeout_s=TIMEOUT_S):
        """Take the first event of that name, one already received included."""
        end = time.monotonic() + timeout_s
        while True:
            for index, event in enumerate(self.events):
                if event["event"] == name:
                    return self.events.pop(index)
            message = self._message(max(0.0, end - time.monotonic()))
            if "event" in message:
                self.events.append(message)


class Qemu:
    """A QEMU process. Use as a context manager: it is dead and reaped at the end."""

    def __init__(self, args, qtest=True, fds=(), env=None):
        self.stderr_fd = os.memfd_create("qemu-stderr")
        self.qmp = self.qtest_socket = self.process = None
        ours, theirs = zip(*(socket.socketpair() for _ in range(2 if qtest else 1)))
        command = ["qemu-system-x86_64", "-nodefaults", "-display", "none",
                   "-chardev", f"socket,id=qmp,fd={theirs[0].fileno()}",
                   "-mon", "chardev=qmp,mode=control"]
        if qtest:
            command += ["-chardev", f"socket,id=qtest,fd={theirs[1].fileno()}",
                        "-object", "qtest,id=qtest,chardev=qtest,log=none"]
            self.qtest_socket = LineSocket(ours[1])
        self.command_line = command + list(args)
        self.env = {**os.environ, **(env or {})}
        try:
            self._start([s.fileno() for s in theirs] + list(fds))
        finally:
            for sock in theirs:
                sock.close()
        self.qmp = Qmp(ours[0])

    def _start(self, fds):
        parent = os.getpid()

        def die_with_the_test():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        self.process = subprocess.Popen(self.command_line, stdin=subprocess.DEVNULL,
                                        stdout=self.stderr_fd, stderr=self.stderr_fd,
                                        env=self.env, pass_fds=fds, preexec_fn=die_with_the_test)

    def __enter__(self):
        try:
            self.qmp.negotiate()
        except (Timeout, OSError) as cause:
            self.close()
            raise AssertionError(f"QEMU did not start: {self.stderr()}") from cause
        return self

    def __exit__(self, kind, value, traceback):
        log = self.stderr()
        status = self.close()
        if log:
            print(f"QEMU said:\n{log}")
        if status not in (0, None) and kind is None:
            raise AssertionError(f"QEMU ended by itself with status {status}:\n{log}")

    def close(self):
        """Kill the process; returns the status with which it had ended, None if it ran."""
        status = self.process.poll()
        if status is None:
            self.process.kill()
            self.process.wait()
        self.qmp.lines.close()
        if self.qtest_socket:
            self.qtest_socket.close()
        return status

    def stderr(self):
        size = os.fstat(self.stderr_fd).st_size
        return os.pread(self.stderr_fd, size, 0).decode(errors="replace")

    def wait_exit(self, timeout_s=TIMEOUT_S):
        """Wait for QEMU to end by itself; returns its status."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as cause:
            raise Timeout("QEMU did not end") from cause

    def alive(self):
        """QEMU answers query-status within 2 s."""
        return "status" in self.qmp.command("query-status", timeout_s=2.0)

    def hmp(self, line):
        return self.qmp.command("human-monitor-command", command_line=line)

    def qom_get(self, path, name):
        return self.qmp.command("qom-get", path=path, property=name)

    def qom_set(self, path, name, value):
        return self.qmp.command("qom-set", path=path, property=name, value=value)

    def __del__(self):
        os.close(self.stderr_fd)


def resident_kib(qemu):
    """What the process holds of the host's memory."""
    with open(f"/proc/{qemu.process.pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise AssertionError("no VmRSS of QEMU")


def start_fails(args):
    """Start QEMU with options that it must refuse; returns (status, messages)."""
    qemu = Qemu(args, qtest=False)
    try:
        return qemu.wait_exit(), qemu.stderr()
    finally:
        qemu.close()
