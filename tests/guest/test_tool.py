# SPDX-License-Identifier: GPL-2.0-or-later
"""The operator's command against real guests: what it says is what the guest has."""

import json
import subprocess

import pytest

from harness import paths
from harness.migration import wait_running
from pairs import MIB, OURS_ON_OURS, OURS_ON_STOCK, pair_config, pair_name, wait_for

TOOL = paths.BUILD / "tool" / "fastballoon"


def fastballoon(guest, *arguments, status=0):
    """Run the command on the guest's further QMP socket; returns its JSON object."""
    done = subprocess.run([TOOL, *arguments, "--json", "--qmp", guest.config.qmp_path],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def listening(guest, tmp_path):
    """A destination for the guest that waits for a migration; and the URI."""
    source_path, guest.config.qmp_path = guest.config.qmp_path, None
    destination = guest.start_machine(incoming=True)
    guest.config.qmp_path = source_path
    uri = f"unix:{tmp_path / 'incoming'}"
    destination.qmp.execute("migrate-incoming", uri=uri)
    return destination, uri


def verify_at(guest, destination):
    """The guest runs at its destination, and its patterns are whole."""
    guest.machine = destination
    wait_running(guest)
    guest.set_verifier_rate(0)
    assert guest.wait_verifier_passes(1).text == "ok"


def test_set_stats_and_migrate(own_guest, tmp_path):
    """The size is reached to the byte, statistics arrive, and a migration ends on the other side."""
    config = pair_config(OURS_ON_OURS, memory_mib=768, qmp_path=str(tmp_path / "qmp"))
    guest = own_guest(config, "tool", copies=2)
    # QEMU's default bandwidth and downtime hold only against a guest that writes little.
    guest.start_verifier(64, rate_mib_s=10)
    fastballoon(guest, "set", "400M")
    assert guest.memory_bytes() == 400 * MIB
    fastballoon(guest, "stats")
    fastballoon(guest, "set", "max")
    assert guest.memory_bytes() == guest.config.memory_mib * MIB

    destination, uri = listening(guest, tmp_path)
    done = fastballoon(guest, "migrate", "--drop-caches", "--compact", "--hints", "held", uri)
    assert [done["steps"][step]["status"] for step in ("drop-caches", "compact")] == ["ok", "ok"]
    assert guest.counters()["hinted-bytes"] == done["hinted-bytes"] > 0
    assert done["hole-skip"]["method"] and done["warnings"] == []
    verify_at(guest, destination)


@pytest.mark.parametrize("pair", [OURS_ON_OURS, OURS_ON_STOCK], ids=pair_name)
def test_balloon_first(own_guest, tmp_path, pair):
    """The guest shrinks, migrates, and has its memory again, wherever it runs in the end."""
    config = pair_config(pair, memory_mib=768, qmp_path=str(tmp_path / "qmp"))
    guest = own_guest(config, "tool-balloon-first", copies=2)
    guest.start_verifier(64, rate_mib_s=10)
    failed = fastballoon(guest, "migrate", "--balloon-first", "400M", "exec:false", status=1)
    assert failed["steps"]["balloon-first"]["actual-bytes"] == 400 * MIB
    assert failed["steps"]["balloon-first"]["returned"] is True
    assert wait_for(lambda: guest.memory_bytes() == 768 * MIB)

    destination, uri = listening(guest, tmp_path)
    done = fastballoon(guest, "migrate", "--balloon-first", "-368M", uri)
    assert done["steps"]["balloon-first"]["returned"] is True
    assert done["ballooned-bytes"] == 368 * MIB and done["warnings"] == []
    verify_at(guest, destination)
    assert wait_for(lambda: guest.memory_bytes() == 768 * MIB)
    assert guest.meminfo_kib("MemTotal") > 600 * 1024


def test_snapshot_in_a_file(own_guest, tmp_path):
    """A snapshot of a guest that has used and freed its memory is as large as what it uses."""
    config = pair_config(OURS_ON_OURS, memory_mib=768, qmp_path=str(tmp_path / "qmp"))
    guest = own_guest(config, "tool-snapshot", copies=2)
    guest.start_verifier(64, rate_mib_s=10)
    guest.touch(400)
    used = 768 * MIB - guest.meminfo_kib("MemFree") * 1024
    snapshot = tmp_path / "snapshot"
    done = fastballoon(guest, "migrate", "--bandwidth", "10G", f"exec:cat >{snapshot}")
    assert done["hinted-bytes"] > 200 * MIB
    assert snapshot.stat().st_size < 1.2 * used + 16 * MIB
    guest.machine.kill()

    guest.config.qmp_path = None
    destination = guest.start_machine(incoming=True)
    destination.qmp.execute("migrate-incoming", uri=f"exec:cat {snapshot}")
    verify_at(guest, destination)


def test_requests(own_guest, tmp_path):
    """Best effort settles and says why, a stall is told, caches are dropped, memory compacted."""
    config = pair_config(OURS_ON_OURS, memory_mib=768, qmp_path=str(tmp_path / "qmp"))
    guest = own_guest(config, "tool-requests")
    # Its demand has to fit in what a guest keeps above its watermarks.
    guest.start_verifier(8, rate_mib_s=10)
    settled = fastballoon(guest, "set", "64M", "--best-effort")
    assert settled["settled"] and not settled["reached"]
    assert settled["reason"] in ("watermark", "allocation", "fragmentation")
    assert settled["actual-bytes"] == guest.memory_bytes() > 64 * MIB
    # It stays there: the size reached is the target now.
    assert not wait_for(lambda: guest.memory_bytes() != settled["actual-bytes"], timeout=2)
    stalled = fastballoon(guest, "set", "64M", "--timeout", "2", status=1)
    assert stalled["reason"] == settled["reason"] and not stalled["settled"]
    assert settled["reason"] in stalled["error"]["cause"]
    status = fastballoon(guest, "status")["balloon"]
    assert status["progress"]["target-bytes"] == 704 * MIB
    fastballoon(guest, "set", "max")

    for command in ("drop-caches", "compact"):
        assert fastballoon(guest, command)["status"] in ("ok", "partial")
    busy = fastballoon(guest, "compact", status=1)
    assert busy["status"] == "busy" and "in a second" in busy["error"]["remedy"]
    assert fastballoon(guest, "hints", "held")["warnings"] == []
    assert guest.wait_verifier_passes(1).text == "ok"


def test_requests_that_the_guest_forbids(own_guest, tmp_path):
    config = pair_config(OURS_ON_OURS, memory_mib=512, driver_params="ctrl_requests=inflate",
                         qmp_path=str(tmp_path / "qmp"))
    guest = own_guest(config, "tool-denied")
    denied = fastballoon(guest, "drop-caches", status=1)
    assert denied["status"] == "denied" and "ctrl_requests" in denied["error"]["remedy"]
    assert fastballoon(guest, "set", "64M", "--best-effort")["settled"]
