# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests' own instruments notice what they are there to notice."""

import os
from pathlib import Path

import pytest

from harness import accel, host, kernel_log
from harness.config import GuestConfig
from harness.errors import CommandFailed, GuestDied, HarnessError, KernelLogError
from harness.guest import Guest
from harness.machine import Machine

PLAIN = GuestConfig(memory_mib=512, device=None, driver=None)


def test_verifier_notices_a_changed_word(own_guest):
    """A word that changes behind the verifier's back is reported with its page."""
    guest = own_guest(PLAIN, "corrupt")
    guest.start_verifier(32)
    assert guest.wait_verifier_passes(2).text == "ok"
    # A page may be corrupted between its check and its rewriting, where nothing can notice.
    for page in range(100, 140):
        guest.command(f"corrupt {page}")
    verdict = guest.wait_verifier_passes(2)
    assert verdict.lost > 0
    assert verdict.text.startswith("LOST")
    assert "found=badbadbadbadbad" in verdict.text


def test_kernel_log_is_scanned():
    """A warning in the guest's log fails whoever uses the guest."""
    with pytest.raises(KernelLogError, match="made up"):
        with Guest(PLAIN, "kernel-log") as guest:
            guest.shell("echo '<4>WARNING: CPU: 0 made up' > /dev/kmsg")


def test_panic_is_explained():
    """A guest that panics is reported by its log, not as a silent end."""
    with pytest.raises(KernelLogError, match="sysrq"):
        with Guest(PLAIN, "panic") as guest:
            guest.shell("echo c > /proc/sysrq-trigger", timeout=20)


def test_failed_commands_are_reported(own_guest):
    """Errors of the guest's commands reach the caller."""
    guest = own_guest(PLAIN, "commands")
    with pytest.raises(CommandFailed, match="No such file"):
        guest.read("/nothing")
    with pytest.raises(CommandFailed, match="unknown command"):
        guest.command("nonsense")
    with pytest.raises(CommandFailed):
        guest.shell("exit 3")
    guest.machine.process.kill()
    with pytest.raises(GuestDied):
        guest.command("ping")


def test_bad_machine_leaves_nothing():
    """A QEMU that refuses its options is explained and gone."""
    config = GuestConfig(memory_mib=512, machine="no-such-machine", device=None)
    with pytest.raises(HarnessError, match="unsupported machine type"):
        Machine("bad", config, accel.choose())
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    assert not any("no-such-machine" in Path(f"/proc/{pid}/cmdline").read_text()
                   for pid in children)


@pytest.mark.parametrize("line,bad", [
    ("[    1.0] WARNING: CPU: 0 PID: 1 at mm/page_alloc.c:1", True),
    ("[    1.0] rcu: INFO: rcu_preempt self-detected stall on CPU", True),
    ("[    1.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s!", True),
    ("[    1.0] INFO: task init:1 blocked for more than 120 seconds.", True),
    ("[    1.0] BUG: Bad page state in process init  pfn:1234", True),
    ("[    1.0] tsc: Marking TSC unstable due to clocksource watchdog", False),
    ("[    1.0] virtio_balloon virtio0: Out of puff! Can't get 1 pages", False),
    ("[    1.0] rcu: Preemptible hierarchical RCU implementation.", False),
])
def test_bad_lines(line, bad):
    """Complaints of the kernel are told from its chatter."""
    assert bool(kernel_log.bad_lines(line)) == bad


def test_guest_sizes_fit_the_machine():
    """A guest never is larger than what is asked for or than what the machine has."""
    assert host.fit_guest_mib(256) == 256
    room = host.available_mib() - host.RESERVE_MIB
    assert room // 2 - 64 <= host.fit_guest_mib(1 << 30, copies=2) + 128 <= room // 2 + 256
