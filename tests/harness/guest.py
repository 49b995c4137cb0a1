# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Linux guest, from boot to the end, across migrations."""

import re
import time
from dataclasses import dataclass

from . import accel, kernel_log
from .config import BALLOON_PATH
from .errors import CommandFailed, GuestTimeout, HarnessError
from .machine import Machine

MIB = 1 << 20
# PageOffline in /proc/kpageflags.
KPF_OFFLINE = 23
BOOT_ATTEMPTS = 3
DRIVER_MODULES = {"stock": "virtio_balloon", "ours": "virtio_fastballoon"}
DRIVER_NAMES = {"stock": "virtio_balloon", "ours": "virtio_fastballoon"}

# Boots that hung or failed and were repeated, for the tests' and reports' closing lines.
boot_retries = []


@dataclass
class Verdict:
    """What the guest's verifying process has found so far."""

    running: bool
    passes: int
    pages: int
    lost: int
    detail: str

    @property
    def text(self):
        """"ok", or what was lost."""
        if self.lost:
            return f"LOST {self.lost} pages ({self.detail})"
        return "ok" if self.running else "verifier ended"


class Guest:
    """A guest of which every resource ends with the context manager."""

    def __init__(self, config, name="guest", accelerator=None):
        self.config = config
        self.name = name
        self.accelerator = accelerator or accel.choose()
        self.machine = None
        self._machines = []
        self._virtio_name = None

    def __enter__(self):
        try:
            self._boot()
            if self.config.driver:
                self.load_driver(self.config.driver, self.config.driver_params)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None or issubclass(kind, Exception):
                self.check_kernel_log()
        finally:
            self.close()

    def close(self):
        """End every QEMU process of this guest."""
        for machine in self._machines:
            machine.kill()

    def check_kernel_log(self):
        """Raise KernelLogError where the guest's kernel has complained."""
        for machine in self._machines:
            machine.check_kernel_log()

    def start_machine(self, incoming=False, paused=False):
        """Start another QEMU process of this guest; it ends with the guest."""
        machine = Machine(self.name, self.config, self.accelerator, incoming, paused)
        self._machines.append(machine)
        return machine

    def _boot(self):
        for attempt in range(1, BOOT_ATTEMPTS + 1):
            self.machine = self.start_machine()
            try:
                self.wait_ready()
                return
            except HarnessError as error:
                if not self._boot_is_repeated(error):
                    raise
                boot_retries.append(f"{self.name}: {self.machine.console_path}")
                self.machine.kill()
                if attempt == BOOT_ATTEMPTS:
                    raise type(error)(f"the guest failed in {attempt} boots, see "
                                      f"{self.machine.console_path}") from error
                self._machines.remove(self.machine)

    def _boot_is_repeated(self, error):
        """Whether the boot failed in a way that is TCG's, or hung; no driver is loaded yet."""
        if isinstance(error, GuestTimeout):
            self.machine.check_kernel_log()
            return True
        # A processor met a breakpoint that another one had already replaced by the new code.
        return self.accelerator.name == "tcg" and "Oops: int3: 0000 [#1]" in str(error)

    def wait_ready(self):
        """Wait until the guest's process 1 serves commands, after a boot or a reset."""
        try:
            self.machine.channel.wait_ready(self.accelerator.boot_seconds)
        except GuestTimeout:
            raise
        except HarnessError as error:
            raise self.machine.explain(error) from error

    # Commands to the guest

    def command(self, text, timeout=60.0):
        """Run a command in the guest's process 1; returns (lines of output, result)."""
        try:
            return self.machine.channel.command(text, timeout)
        except CommandFailed:
            raise
        except HarnessError as error:
            raise self.machine.explain(error) from error

    def shell(self, script, timeout=60.0):
        """Run a line of shell in the guest; returns its output, raises where it fails."""
        lines, status = self.command(f"sh {script}", timeout)
        if status != "0":
            raise CommandFailed(f"guest: sh: {script!r} ended with {status}: {lines[-3:]}")
        return "\n".join(lines)

    def read(self, path):
        """The text of a file in the guest."""
        return "\n".join(self.command(f"read {path}")[0])

    def write(self, path, text):
        """Write a text without line ends to a file in the guest."""
        self.command(f"write {path} {text}")

    def meminfo_kib(self, field):
        """A field of the guest's /proc/meminfo, in KiB."""
        return int(re.search(rf"^{field}:\s+(\d+)", self.read("/proc/meminfo"), re.M).group(1))

    def offline_pages(self, first_pfn=0, end_pfn=1 << 40):
        """Number of page frames in a range that the guest's kernel has marked as offline."""
        return int(self.command(f"flagged {KPF_OFFLINE} {first_pfn} {end_pfn}")[1])

    def fresh_memory_is_zero(self, mib):
        """Whether a process that takes that much memory finds nothing in it."""
        return self.command(f"fresh {mib * MIB}")[1] == "0"

    def touch(self, mib, processes=2, timeout=300.0):
        """Let processes dirty that much memory and exit: used, then freed."""
        self.command(f"touch {mib * MIB} {processes}", timeout)

    def start_job(self, name, arguments, timeout=60.0):
        """Start a job that uses memory, "hold" or "fragment", and wait until it has it."""
        self.command(f"{name} {arguments}")
        deadline = time.monotonic() + timeout
        while self.command(f"sh grep -qx {name}-ready /proc/[0-9]*/comm")[1] != "0":
            if time.monotonic() > deadline or self.command(f"running {name}")[1] == "0":
                raise GuestTimeout(f"the guest's job {name} did not get its memory")
            time.sleep(0.1)

    def start_verifier(self, mib=256, rate_mib_s=0):
        """Start the process that keeps writing and verifying patterns."""
        self.command(f"verify {mib * MIB} {rate_mib_s}")

    def set_verifier_rate(self, mib_s):
        """Limit how much the verifier checks and rewrites a second; 0: no limit."""
        self.command(f"rate {mib_s}")

    def verdict(self):
        """What the verifying process has found so far."""
        _, text = self.command("verdict")
        fields = dict(item.split("=", 1) for item in text.split())
        first = "page" in fields and text[text.index(" page=") + 1:]
        return Verdict(fields["state"] == "running", int(fields["passes"]), int(fields["pages"]),
                       int(fields["lost"]), first or "")

    def wait_verifier_passes(self, passes, timeout=120.0):
        """Wait until the verifier has made that many whole passes more; returns the verdict."""
        end = self.verdict().passes + passes + 1
        deadline = time.monotonic() + timeout
        while True:
            verdict = self.verdict()
            if verdict.passes >= end or verdict.lost or not verdict.running:
                return verdict
            if time.monotonic() > deadline:
                raise GuestTimeout(f"the verifier made no {passes} passes in {timeout} s")
            time.sleep(0.1)

    def start_work(self, mib_each):
        """Start the processes that use memory in every way; the disk's pages are numbered."""
        self.command(f"work {mib_each * MIB}")

    def work_verdict(self):
        """What they have done: steps of each kind by name, pages "lost", "first" the first loss."""
        _, text = self.command("work_verdict")
        counts, _, first = text.partition(" kind=")
        verdict = {name: int(value) for name, value in
                   (item.split("=") for item in counts.split())}
        return {**verdict, "first": first}

    # Driver

    def load_driver(self, driver, params=""):
        """Insert a balloon driver, "stock" or "ours", with module parameters."""
        self.command(f"insmod {DRIVER_MODULES[driver]} {params}")

    def unload_driver(self, driver, timeout=60.0):
        """Remove a balloon driver from the guest's kernel."""
        self.command(f"rmmod {DRIVER_MODULES[driver]}", timeout)

    def bound_driver(self):
        """Name of the driver that has the balloon device, or None."""
        lines, _ = self.command("sh for d in /sys/bus/virtio/devices/*; do "
                                "[ $(cat $d/device) = 0x0005 ] && "
                                "[ -e $d/driver ] && basename $(readlink $d/driver); done; true")
        return lines[0] if lines else None

    def virtio_name(self):
        """Name of the balloon on the guest's virtio bus; it stays the same, so it is asked once."""
        if self._virtio_name is None:
            lines, _ = self.command("sh for d in /sys/bus/virtio/devices/*; do "
                                    "[ $(cat $d/device) = 0x0005 ] && basename $d; done; true")
            self._virtio_name = lines[0] if lines else None
        return self._virtio_name

    def virtio_features(self):
        """The features that driver and device agreed on, a 0 or 1 for each bit."""
        return self.shell(f"cat /sys/bus/virtio/devices/{self.virtio_name()}/features")

    def driver_stats(self):
        """The counters of our driver, by name; texts stay texts."""
        text = self.read(f"/sys/kernel/debug/virtio_fastballoon/{self.virtio_name()}/stats")
        pairs = (line.partition(" ") for line in text.splitlines())
        return {name: int(value) if value.isdigit() else value for name, _, value in pairs}

    # Device

    def qmp(self, command, **arguments):
        """Run a QMP command on the QEMU that runs the guest now."""
        try:
            return self.machine.qmp.execute(command, **arguments)
        except HarnessError as error:
            raise self.machine.explain(error) from error

    def device_property(self, name):
        """A QOM property of the balloon device."""
        return self.qmp("qom-get", path=BALLOON_PATH, property=name)

    def counters(self):
        """The counters of our device."""
        return self.device_property("fastballoon-counters")

    def memory_bytes(self):
        """The guest's memory as the balloon leaves it."""
        return self.qmp("query-balloon")["actual"]

    def set_memory(self, mib, timeout=120.0, progress=None):
        """As set_memory_bytes(), for a size in MiB."""
        return self.set_memory_bytes(mib * MIB, timeout, progress)

    def set_memory_bytes(self, target, timeout=120.0, progress=None):
        """Ask for a size and wait for it; returns the seconds it took.

        Polls all the time at first, then at a two-hundredth of the time passed, so that the
        pause never adds more than half a percent. progress: called with the bytes that the guest
        has, after the first tenth of a second.
        """
        started = time.monotonic()
        self.qmp("balloon", value=target)
        while True:
            actual = self.memory_bytes()
            elapsed = time.monotonic() - started
            if actual == target:
                return elapsed
            if elapsed > timeout:
                self.machine.check_kernel_log()
                raise GuestTimeout(f"the guest has {actual} bytes, {target} were asked for, "
                                   f"after {timeout} s, and {self.driver_report()}; see "
                                   f"{self.machine.console_path}")
            if elapsed > 0.1:
                if progress:
                    progress(actual)
                time.sleep(elapsed / 200)

    def driver_report(self):
        """What the guest tells of its driver and interrupts, where a test waits in vain."""
        try:
            interrupts = self.shell("grep virtio /proc/interrupts", timeout=10)
            stats = self.driver_stats() if self.config.driver == "ours" else "not ours"
            return f"it answers: {interrupts}, driver: {stats}"
        except HarnessError as error:
            return f"it does not answer: {error}"

    def console_text(self):
        """All that the guest has printed on the console of the QEMU that runs it now."""
        return kernel_log.read_log(self.machine.console_path)
