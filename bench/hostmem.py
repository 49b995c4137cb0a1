# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's own memory: how fast it can be given back, and making it ready for a measurement."""

import select
import subprocess
from contextlib import contextmanager

from harness import host, paths
from harness.errors import HarnessError

PROGRAM = paths.BUILD / "bench" / "hostmem"
FILL_SECONDS = 120


def limit_s(mib):
    """Seconds that a plain C program takes to give that much of its memory back."""
    done = subprocess.run([PROGRAM, "limit", str(mib)], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise HarnessError(f"{PROGRAM}: {done.stderr.strip()}")
    return float(done.stdout)


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
