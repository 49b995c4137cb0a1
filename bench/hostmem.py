# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's own memory: how fast it can be given back, and making it ready for a measurement."""

import select
import subprocess
from contextlib import contextmanager

from harness import host, paths
from harness.errors import HarnessError

PROGRAM = paths.BUILD / "bench" / "hostmem"
FILL_SECONDS = 120
# What a command is started through that shall get no transparent huge pages.
WITHOUT_HUGE_PAGES = (str(PROGRAM), "plain")


def _seconds(*arguments):
    try:
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False,
                              timeout=FILL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise HarnessError(f"{PROGRAM}: not done within {FILL_SECONDS} s") from error
    if done.returncode:
        raise HarnessError(f"{PROGRAM}: {done.stderr.strip()}")
    return float(done.stdout)


def limit_s(mib, huge_pages=True):
    """Seconds that a plain C program takes to give that much of its memory back."""
    return _seconds("limit", str(mib), *([] if huge_pages else ["small"]))


def send_s(mib):
    """Seconds that a plain C program takes to send that much memory over loopback TCP."""
    return _seconds("send", str(mib))


@contextmanager
def warmed(mib):
    """Hold so much filled memory, and give a function that frees it.

    Where the machine is itself a virtual machine, free memory may be with its hypervisor, and
    the first use of each page takes longer than the measurement. Called right before that,
    the function leaves free memory that the machine really has, in every row alike.
    """
    mib = min(mib, host.available_mib() - host.RESERVE_MIB)
    command = ["setpriv", "--pdeathsig", "KILL", PROGRAM, "hold", str(max(mib, 1))]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def release():
        process.kill()
        process.wait()

    try:
        # Not ready in time: what has been filled until then is ready, and does no harm.
        select.select([process.stdout], [], [], FILL_SECONDS)
        yield release
    finally:
        release()
        process.stdout.close()


def warm(mib):
    """Fill and free so much host memory."""
    with warmed(mib):
        pass
