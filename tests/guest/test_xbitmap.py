# SPDX-License-Identifier: GPL-2.0-or-later
"""The sparse bitmap's test cases on a real kernel's XArray, in the test module."""

import re

from harness.config import GuestConfig

MODULE = "virtio_fastballoon_selftest"
RESULT = re.compile(r"fastballoon selftest: (\d+) passed, (\d+) failed")


def test_cases_in_a_kernel(own_guest):
    """Every case passes; the module says so, can be removed and inserted again."""
    guest = own_guest(GuestConfig(memory_mib=256, device=None, driver=None), "xbitmap")
    for _ in range(2):
        guest.command(f"insmod {MODULE}", timeout=120)
        guest.command(f"rmmod {MODULE}")
    log = guest.shell("dmesg | grep 'fastballoon selftest: '")
    results = RESULT.findall(log)
    assert len(results) == 2, log
    for passed, failed in results:
        assert int(passed) >= 17 and failed == "0", log
