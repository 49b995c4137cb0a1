# SPDX-License-Identifier: GPL-2.0-or-later
"""What every measurement shares: names of cases, sizes of guests, and what became of a guest."""

import re
import textwrap
import time
from dataclasses import dataclass

from harness import host
from harness.errors import CommandFailed, HarnessError, KernelLogError

SMALLEST_GUEST_MIB = 896
# What stays with a guest: the verified memory, the kernel, and some room.
KEPT_MIB = 512
SETTLE_SECONDS = 3
VERIFY_SECONDS = 40


@dataclass(frozen=True)
class Run:
    """What every measurement of a run shares.

    record(subject, case, metric, value) takes each result, show(step, detail) says what is being
    done, tell(text) says what went wrong.
    """

    accelerator: object
    flush_stock: bool
    record: object
    show: object
    tell: object


def guest_mib(wanted_mib, copies):
    """Size of a measured guest: what is wanted, or what the machine has."""
    size = host.fit_guest_mib(wanted_mib, copies)
    if size < min(SMALLEST_GUEST_MIB, wanted_mib):
        raise HarnessError(
            f"this machine has {host.available_mib()} MiB of free memory; a measurement needs "
            f"{SMALLEST_GUEST_MIB * copies + host.RESERVE_MIB} MiB: end other programs")
    return size


def given_mib(memory_mib):
    """How much of a guest is inflated, or used and freed: three quarters, in a small one less."""
    return min(memory_mib * 3 // 4, memory_mib - KEPT_MIB)


def gigabytes(mib):
    """A size for the name of a case: 3072 becomes "3G"."""
    return f"{mib / 1024:.3g}G"


def start_verifier(guest, mib, rate_mib_s):
    """Check that the kernel zeroes what it allocates as it is to, and start the verifier."""
    zeroes = "init_on_alloc=0" not in guest.config.kernel_args
    if bool(re.search(r"mem auto-init: .*heap alloc:on", guest.console_text())) != zeroes:
        raise CommandFailed(f"the guest's kernel does not run with init_on_alloc={int(zeroes)}")
    guest.start_verifier(mib, rate_mib_s)
    time.sleep(SETTLE_SECONDS)


def final_verdict(guest):
    """The verdict after one more pass over all of the verified memory, at full speed."""
    guest.set_verifier_rate(0)
    return guest.wait_verifier_passes(1, VERIFY_SECONDS).text


def failure_text(error):
    """A verdict, in a few words, for a guest that did not live to the end."""
    kind = "CRASHED" if isinstance(error, KernelLogError) else "FAILED"
    cause = re.sub(r"\[ *\d+\.\d+\] ", "", (str(error) or type(error).__name__).splitlines()[0])
    return f"{kind} ({textwrap.shorten(cause, 48, placeholder='...')})"


def sent_text(info):
    """How far a migration is, from the answer to query-migrate."""
    ram = info.get("ram")
    return f": {ram['transferred'] >> 20} MiB sent" if ram else ""
