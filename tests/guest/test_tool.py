# SPDX-License-Identifier: GPL-2.0-or-later
"""The operator's command against real guests: what it says is what the guest has."""

import json
import subprocess

from harness import paths
from harness.migration import wait_running
from pairs import MIB, OURS_ON_OURS, pair_config

TOOL = paths.BUILD / "tool" / "fastballoon"


def fastballoon(guest, *arguments):
    """Run the command on the guest's further QMP socket; returns its JSON object."""
    done = subprocess.run([TOOL, *arguments, "--json", "--qmp", guest.config.qmp_path],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


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

    source_path, guest.config.qmp_path = guest.config.qmp_path, None
    destination = guest.start_machine(incoming=True)
    guest.config.qmp_path = source_path
    incoming = tmp_path / "incoming"
    destination.qmp.execute("migrate-incoming", uri=f"unix:{incoming}")
    fastballoon(guest, "migrate", f"unix:{incoming}")
    assert guest.counters()["hinted-bytes"] > 0
    guest.machine = destination
    wait_running(guest)
    guest.set_verifier_rate(0)
    assert guest.wait_verifier_passes(1).text == "ok"
