# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU without a guest, for the tool to talk to, and a peer that answers as a test says."""
import json
import os
import pathlib
import pty
import socket
import subprocess
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))
from harness.qmp import Qmp  # noqa: E402

TOOL = TOP / "build/tool/fastballoon"
PLUGIN = TOP / "build/qemu/fastballoon.so"
MIB = 1 << 20
START_LIMIT_S = 20
# A firmware that parks the CPU: cli; hlt; jmp back, at the reset vector's end of 64 KiB.
PARKED = b"\xf4" * 0xfff0 + b"\xfa\xf4\xeb\xfd" + b"\x00" * 12


class Vm:
    """One QEMU, with a QMP socket for the tool and another one for the test."""

    def __init__(self, folder, *options):
        folder.mkdir(parents=True)
        self.socket = str(folder / "tool.qmp")
        bios = folder / "bios"
        bios.write_bytes(PARKED)
        self._log = open(folder / "log", "w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-m", "256M", "-nodefaults",
             "-display", "none", "-bios", str(bios),
             "-qmp", f"unix:{self.socket},server=on,wait=off",
             "-qmp", f"unix:{folder}/test.qmp,server=on,wait=off", *options],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        try:
            self.qmp = Qmp(self._connect(f"{folder}/test.qmp"))
            self.qmp.negotiate()
        except BaseException:
            self.close()
            raise

    def _connect(self, path):
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            try:
                client = socket.socket(socket.AF_UNIX)
                client.connect(path)
                return client
            except OSError:
                client.close()
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._log.seek(0)
                    raise RuntimeError(f"QEMU did not start: {self._log.read()}") from None
                time.sleep(0.02)

    def close(self):
        """End QEMU."""
        if hasattr(self, "qmp"):
            self.qmp.close()
        self._process.kill()
        self._process.wait()
        self._log.close()


class Peer:
    """A server on a UNIX socket that gives each client to a function, in a thread of its own."""

    def __init__(self, path, serve):
        self.socket = str(path)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.socket)
        self._listener.listen()
        self._serve = serve
        self._clients = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._clients.append(client)
            threading.Thread(target=self._attend, args=(client,), daemon=True).start()

    def _attend(self, client):
        try:
            self._serve(client)
        except OSError:
            pass

    def close(self):
        """Stop listening and hang up."""
        self._listener.close()
        for client in self._clients:
            client.close()


GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""},
                    "capabilities": []}}


class Played:
    """A QEMU that is played: replies by command, where a function gets the arguments.

    A reply that is an Exception is an error; a list gives one entry for each call, the last one
    for all further ones.
    """

    def __init__(self, **replies):
        self.calls = []
        self.replies = {
            "qmp_capabilities": {},
            "query-memory-size-summary": {"base-memory": 1024 * MIB, "plugged-memory": 0},
            "query-memory-devices": [],
            "query-balloon": {"actual": 1024 * MIB},
            "query-status": {"status": "running", "running": True},
            "query-kvm": {"enabled": True, "present": True},
            "query-migrate": {},
            "query-migrate-parameters": {"max-bandwidth": 1000, "downtime-limit": 300},
            "migrate-set-parameters": {},
            "migrate": {},
            "migrate_cancel": {},
            "balloon": {},
            "qom-list": self.qom_list,
            "qom-get": self.qom_get,
            "qom-set": {},
        }
        self.properties = {"fastballoon-features": 1 << 50 | 1 << 1}
        self.replies.update({name.replace("_", "-"): reply for name, reply in replies.items()})
        if "migrate-cancel" in self.replies:
            self.replies["migrate_cancel"] = self.replies.pop("migrate-cancel")

    @staticmethod
    def qom_list(path):
        """A VM whose one device is a fastballoon."""
        if path == "/machine/peripheral":
            return [{"name": "b0", "type": "child<virtio-fastballoon-pci>"}]
        return [{"name": "guest-stats", "type": "guest statistics"}]

    def qom_get(self, path, property):
        """The device's properties."""
        value = self.properties.get(property, RuntimeError(f"Property '{property}' not found"))
        return value.pop(0) if isinstance(value, list) and len(value) > 1 else (
            value[0] if isinstance(value, list) else value)

    def answer(self, command, arguments):
        """The reply to a command."""
        reply = self.replies.get(command, RuntimeError(f"no command {command}"))
        if isinstance(reply, list) and reply and command != "query-memory-devices":
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        return reply(**arguments) if callable(reply) else reply

    def __call__(self, client):
        stream = client.makefile("rw", encoding="utf-8")
        send(stream, GREETING)
        for line in stream:
            request = json.loads(line)
            arguments = request.get("arguments", {})
            self.calls.append((request["execute"], arguments))
            reply = self.answer(request["execute"], arguments)
            if reply is None:
                return client.shutdown(socket.SHUT_RDWR)
            send(stream, {"event": "NOISE", "timestamp": {"seconds": 1, "microseconds": 2}})
            send(stream, {"return": "of another command", "id": "other"})
            if isinstance(reply, Exception):
                send(stream, {"error": {"class": "GenericError", "desc": str(reply)},
                              "id": request["id"]})
            else:
                send(stream, {"return": reply, "id": request["id"]})
        return None

    def arguments_of(self, command):
        """The arguments of each call of a command."""
        return [arguments for name, arguments in self.calls if name == command]


def send(stream, message):
    """One message as a line."""
    stream.write(json.dumps(message) + "\r\n")
    stream.flush()


def terminal_output(start, *arguments, socket):
    """What a run writes to a terminal on standard error."""
    ours, theirs = pty.openpty()
    process = start(*arguments, socket=socket, stderr=theirs)
    os.close(theirs)
    process.wait(10)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:
        pass
    os.close(ours)
    return shown.decode()
