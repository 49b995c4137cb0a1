# SPDX-License-Identifier: GPL-2.0-or-later
"""Which accelerator runs the guests: KVM only where a stock kernel really boots under it."""

import hashlib
import json
import os
import time
from dataclasses import dataclass

from . import host, paths
from .errors import HarnessError

KVM_BOOT_SECONDS = 25
_CACHE = paths.BUILD / "tests" / "accelerator.json"


@dataclass(frozen=True)
class Accelerator:
    """An accelerator and why it was chosen."""

    name: str
    reason: str

    def qemu_args(self):
        """QEMU's options for it."""
        if self.name == "kvm":
            return ["-accel", "kvm", "-cpu", "host"]
        return ["-accel", "tcg,thread=multi"]

    @property
    def boot_seconds(self):
        """How long a guest may take to boot before it counts as hung."""
        return 60 if self.name == "kvm" else 150


def choose():
    """The accelerator to use; FB_ACCEL=kvm or FB_ACCEL=tcg overrides the trial."""
    forced = os.environ.get("FB_ACCEL")
    if forced in ("kvm", "tcg"):
        return Accelerator(forced, "FB_ACCEL says so")
    if forced:
        raise HarnessError(f"FB_ACCEL={forced}: must be kvm or tcg")
    key = _key()
    try:
        cached = json.loads(_CACHE.read_text())
        if cached["key"] == key:
            return Accelerator(cached["name"], cached["reason"])
    except (OSError, ValueError, KeyError):
        pass
    chosen = _try_kvm()
    _CACHE.parent.mkdir(parents=True, exist_ok=True)
    _CACHE.write_text(json.dumps({"key": key, "name": chosen.name, "reason": chosen.reason}))
    return chosen


def _key():
    """Changes with whatever may change the result of the trial."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot_id:
        parts = [boot_id.read(), host.qemu_version(), paths.kernel_release()]
    parts.append(str(os.access("/dev/kvm", os.R_OK | os.W_OK)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _try_kvm():
    from .config import GuestConfig
    from .machine import Machine

    if not os.path.exists("/dev/kvm"):
        return Accelerator("tcg", "this machine has no /dev/kvm")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return Accelerator("tcg", "this user may not open /dev/kvm")
    paths.kernel_image()
    paths.initramfs()  # where one is missing, nothing was tried
    config = GuestConfig(memory_mib=512, device=None, driver=None)
    started = time.monotonic()
    machine = None
    try:
        machine = Machine("kvm-trial", config, Accelerator("kvm", "trial"))
        machine.channel.wait_ready(KVM_BOOT_SECONDS)
    except HarnessError as error:
        first, *rest = str(error).splitlines()
        cause = rest[0] if rest else first
        return Accelerator("tcg", f"/dev/kvm exists, but a Debian kernel does not boot under it "
                                  f"within {KVM_BOOT_SECONDS} s ({cause})")
    finally:
        if machine is not None:
            machine.kill()
    seconds = time.monotonic() - started
    return Accelerator("kvm", f"a Debian kernel boots under it in {seconds:.1f} s")
