# SPDX-License-Identifier: GPL-2.0-or-later
"""A second make finds nothing to do, and finds it at once."""
import pathlib
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parents[2]


def test_second_make_does_nothing():
    subprocess.run(["make", "--no-print-directory"], cwd=TOP, check=True, timeout=170)
    start = time.monotonic()
    done = subprocess.run(["make", "--no-print-directory"], cwd=TOP, timeout=60,
                          capture_output=True, text=True)
    seconds = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("", "make: Nothing to be done for 'all'.")
    assert seconds < 2
