# SPDX-License-Identifier: GPL-2.0-or-later
"""One QEMU process with its sockets and its console log."""

import itertools
import os
import socket
import subprocess

from . import host, kernel_log, paths
from .channel import Channel
from .errors import GuestDied, GuestTimeout, HarnessError, KernelLogError
from .qmp import Qmp

_COUNTER = itertools.count(1)


class Machine:
    """A running QEMU. Its sockets are inherited pairs, so that no file is left anywhere."""

    def __init__(self, name, config, accelerator, incoming=False, paused=False):
        paths.LOGS.mkdir(parents=True, exist_ok=True)
        stem = f"{name}-{os.getpid()}-{next(_COUNTER)}"
        self.console_path = paths.LOGS / f"{stem}.console"
        self.stderr_path = paths.LOGS / f"{stem}.qemu"
        self.process = None
        qmp_ours, qmp_theirs = socket.socketpair()
        channel_ours, channel_theirs = socket.socketpair()
        self.qmp = Qmp(qmp_ours)
        self.channel = Channel(channel_ours)
        try:
            with qmp_theirs, channel_theirs:
                self._spawn(config, accelerator, qmp_theirs, channel_theirs,
                            ["-incoming", "defer"] * incoming + ["-S"] * paused)
            self.version = self.qmp.negotiate()
        except (HarnessError, OSError) as error:
            self.kill()
            raise HarnessError(f"QEMU did not start: {error}{self._stderr_tail()}") from error
        except BaseException:
            self.kill()
            raise

    def _spawn(self, config, accelerator, qmp, channel, more_args):
        command = ["setpriv", "--pdeathsig", "KILL", *config.launcher, paths.qemu()]
        command += accelerator.qemu_args()
        command += config.qemu_args()
        command += [
            "-chardev", f"file,id=console,path={self.console_path}",
            "-device", "isa-serial,index=0,chardev=console",
            "-chardev", f"socket,id=commands,fd={channel.fileno()}",
            "-device", "isa-serial,index=1,chardev=commands",
            "-chardev", f"socket,id=qmp,fd={qmp.fileno()}",
            "-mon", "chardev=qmp,mode=control",
        ] + more_args
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                pass_fds=(qmp.fileno(), channel.fileno()), start_new_session=True)

    def rss_bytes(self):
        """Resident memory of the QEMU process."""
        return host.rss_bytes(self.process.pid)

    def cpu_seconds(self):
        """Processor time that all threads of the QEMU process have used so far."""
        return host.cpu_seconds(self.process.pid)

    def alive(self):
        """Whether QEMU has not ended."""
        return self.process.poll() is None

    def check_kernel_log(self):
        """Raise KernelLogError where the console shows a warning, a bug, a stall or worse."""
        bad = kernel_log.bad_lines(kernel_log.read_log(self.console_path))
        if bad:
            raise KernelLogError(f"{bad[0]} (and {len(bad) - 1} more, see {self.console_path})")

    def explain(self, error):
        """The cause of an error that says only that the guest is gone or silent."""
        self.check_kernel_log()
        if not isinstance(error, (GuestDied, GuestTimeout)):
            return error
        try:
            self.process.wait(timeout=2)
            state = f"QEMU ended with status {self.process.returncode}"
        except subprocess.TimeoutExpired:
            state = "QEMU still runs"
        text = f"{error}; {state}, see {self.console_path}{self._stderr_tail()}"
        return type(error)(text)

    def kill(self):
        """End QEMU and close the sockets; safe to call twice."""
        if self.process is not None:
            if self.alive():
                self.process.kill()
            self.process.wait()
        self.qmp.close()
        self.channel.close()

    def _stderr_tail(self):
        try:
            text = self.stderr_path.read_text(errors="replace").strip()
        except FileNotFoundError:
            return ""
        return f"\n{text[-2000:]}" if text else ""
