# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that nobody used, or that was given back, costs nothing to migrate or to save."""

import os
import time

import pytest

from harness.config import GuestConfig
from harness.migration import migrate, wait_running
from pairs import MIB, OURS_ON_OURS, STOCK_ON_OURS, pair_config, pair_name, wait_for

# A guest of 1 GiB that has booted uses less, and QEMU under TCG has this much of its own.
USED_MIB = 260
# What one QEMU's resident memory may differ from another's beside the guest's.
SLACK = 24 * MIB
# Longer than Linux waits between two reports.
REPORT_SECONDS = 4


def _check_resident(guest, result):
    """The destination holds no more memory than the source did."""
    there = guest.machine.rss_bytes()
    assert there <= result.rss_before_bytes + SLACK, \
        f"{there // MIB} MiB at the destination, {result.rss_before_bytes // MIB} at the source"
    assert result.rss_after_bytes <= result.rss_before_bytes + SLACK, "the migration filled memory"


def _is_reported(guest, resident):
    """Whether the guest has reported free what it will: so little is left, and it stays so."""
    before = guest.machine.rss_bytes()
    if before >= resident:
        return False
    time.sleep(REPORT_SECONDS)
    return guest.machine.rss_bytes() >= before - MIB


def _told(guest, result):
    """A callback that takes down what hole skip tells at the end of a migration."""
    return lambda: result.update(guest.device_property("fastballoon-hole-skip"))


@pytest.mark.parametrize("driver", [None, "stock", "ours"])
def test_an_idle_guest(own_guest, driver):
    """No driver is needed, and a stock one with hints is not made to fill the memory."""
    guest = own_guest(GuestConfig(device="ours", driver=driver, hint=True), f"holes-{driver}",
                      copies=2)
    for _ in range(2):
        told = {}
        result = migrate(guest, inspect=_told(guest, told))
        assert told["state"] == "done"
        assert told["skipped-bytes"] > (guest.config.memory_mib - USED_MIB) * MIB
        assert result.sent_bytes < USED_MIB * MIB
        _check_resident(guest, result)


@pytest.mark.parametrize("pair", [
    pytest.param(OURS_ON_OURS, id="ours-on-ours"),
    pytest.param(STOCK_ON_OURS, id="stock-on-ours"),
])
def test_what_was_given_back(own_guest, pair):
    """Used, then taken by the balloon or reported free: it is not sent, hints or not."""
    guest = own_guest(pair_config(pair, memory_mib=1024, hint=False), f"back-{pair_name(pair)}",
                      copies=2)
    guest.start_verifier(64, rate_mib_s=50)
    guest.touch(600)
    used = USED_MIB + 64
    assert wait_for(lambda: _is_reported(guest, (used + 200) * MIB), timeout=60), "not reported"
    result = migrate(guest)
    assert result.sent_bytes < used * MIB
    _check_resident(guest, result)
    guest.set_memory(400)
    result = migrate(guest)
    assert result.sent_bytes < used * MIB
    _check_resident(guest, result)
    guest.set_verifier_rate(0)
    guest.set_memory(guest.config.memory_mib)
    assert guest.wait_verifier_passes(1).text == "ok"


def test_fresh_memory_is_used_during_the_migration(own_guest):
    """Processes take memory that had no page behind it while it is being skipped and sent."""
    guest = own_guest(pair_config(OURS_ON_OURS, memory_mib=1024, hint=False), "fresh", copies=2)
    for _ in range(2):
        guest.start_verifier(200)
        result = migrate(guest)
        verdict = guest.wait_verifier_passes(1)
        assert verdict.text == "ok", f"after {result}: {verdict.text}"
        guest.command("stop verify")


def test_several_streams(own_guest):
    """With multifd, too, holes and what is hinted are not sent, and nothing is lost."""
    guest = own_guest(pair_config(OURS_ON_OURS, memory_mib=1024, reporting=False), "streams",
                      copies=2)
    guest.start_verifier(64, rate_mib_s=50)
    guest.touch(500)
    for _ in range(2):
        told = {}
        result = migrate(guest, capabilities=("multifd",), inspect=_told(guest, told))
        assert told["state"] == "done" and told["skipped-bytes"] > 100 * MIB
        assert result.sent_bytes < (USED_MIB + 64) * MIB
    guest.set_verifier_rate(0)
    assert guest.wait_verifier_passes(2).text == "ok"


def test_saved_to_a_file_and_restored(own_guest, tmp_path):
    """A snapshot is as large as the memory in use, and the guest that it makes goes on."""
    guest = own_guest(pair_config(OURS_ON_OURS, memory_mib=1024), "saved", copies=2)
    guest.start_verifier(64)
    guest.touch(600)
    path = tmp_path / "snapshot"
    guest.qmp("migrate-set-parameters", **{"max-bandwidth": 100 << 30})
    guest.qmp("migrate", uri=f"exec:cat > {path}")
    assert wait_for(lambda: guest.qmp("query-migrate")["status"] == "completed", 60)
    assert os.path.getsize(path) < (USED_MIB + 64) * MIB
    assert guest.counters()["hinted-bytes"] > 0
    guest.machine.kill()
    guest.machine = guest.start_machine(incoming=True)
    guest.qmp("migrate-incoming", uri=f"exec:cat {path}")
    wait_running(guest)
    assert guest.wait_verifier_passes(2).text == "ok"
    guest.set_memory(512)
    guest.set_memory(guest.config.memory_mib)


def test_savevm_and_loadvm(own_guest, tmp_path):
    """Hints and hole skip stay out of it, and the memory that comes back is right."""
    guest = own_guest(pair_config(OURS_ON_OURS), "savevm", copies=2)
    guest.start_verifier(64)
    _add_disk(guest, tmp_path / "disk")
    assert guest.qmp("human-monitor-command", **{"command-line": "savevm one"}) == ""
    for name in ("fastballoon-hole-skip", "fastballoon-hint-off-reason"):
        assert "savevm" in str(guest.device_property(name))
    guest.touch(300)
    assert guest.wait_verifier_passes(1).text == "ok"
    assert guest.qmp("human-monitor-command", **{"command-line": "loadvm one"}) == ""
    assert guest.wait_verifier_passes(2).text == "ok"


def _add_disk(guest, path):
    """A qcow2 image that snapshots go to, attached to nothing."""
    path.touch()
    guest.qmp("blockdev-add", driver="file", filename=str(path), **{"node-name": "file0"})
    guest.qmp("blockdev-create", **{"job-id": "create", "options": {
        "driver": "qcow2", "file": "file0", "size": MIB}})
    assert wait_for(lambda: guest.qmp("query-jobs")[0]["status"] == "concluded")
    guest.qmp("blockdev-add", driver="qcow2", file="file0", **{"node-name": "disk0"})
