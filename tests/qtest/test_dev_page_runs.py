# SPDX-License-Identifier: GPL-2.0-or-later
"""Neighbouring pages cross in one piece: each of them arrives, and nobody's limit is passed."""

import os
import time

import pytest

from fbqtest import host, machine, migration
from fbqtest.balloon import PAGE, PATH, Balloon
from fbqtest.qemu import QmpError, start_fails, wait_for
from test_dev_hinting import add_disk
from test_dev_holes import HOLES, MIB, Pair, backend

DATA_GPA = 32 * MIB
DATA_BYTES = 32 * MIB
HUGE_PAGE = 2 * MIB
SECTION = b"virtio-fastballoon/page-runs"
# What follows the name: the section's instance and version.
NUMBERS = 8
LONGEST = 512


def sent_runs(qemu):
    return qemu.qom_get(PATH, "fastballoon-counters")["run-sent-bytes"]


def off_reason(qemu):
    return qemu.qom_get(PATH, "fastballoon-page-runs-off")


def test_runs_of_every_length(start):
    """From one page to more than the longest, with pages of zeros or nothing between them."""
    pair = Pair(start)
    runs, gpa = [], DATA_GPA
    for i, pages in enumerate([*range(1, 20), LONGEST - 1, LONGEST, LONGEST + 1, 2 * LONGEST, 7]):
        runs.append((gpa, pages * PAGE, 1 + i))
        gpa += (pages + 1 + i % 3) * PAGE
        if i % 2:
            pair.source.fill(gpa - PAGE, PAGE, 0)
    for gpa, length, byte in runs:
        pair.source.fill(gpa, length, byte)
    moved = pair.migrate()
    for (gpa, length, byte), following in zip(runs, [*runs[1:], (gpa + length + PAGE, 0, 0)]):
        assert moved.holds(gpa, length, byte)
        assert moved.holds(gpa + length, following[0] - gpa - length, 0)
    assert off_reason(pair.qemu) == ""
    long_enough = sum(length for _, length, _ in runs if length >= 4 * PAGE)
    assert sent_runs(pair.qemu) >= long_enough
    ram = pair.qemu.qmp.command("query-migrate")["ram"]
    assert ram["normal"] * PAGE >= sum(length for _, length, _ in runs)
    assert ram["transferred"] >= ram["normal"] * PAGE


def test_switched_off(start):
    pair = Pair(start, page_runs=False)
    pair.source.fill(DATA_GPA, DATA_BYTES)
    assert pair.migrate().holds(DATA_GPA, DATA_BYTES, 0xa5)
    assert sent_runs(pair.qemu) == 0 and "switched off" in off_reason(pair.qemu)


@pytest.mark.parametrize("capability,words", [
    ("postcopy-ram", "postcopy-ram"), ("xbzrle", "compressed"), ("compress", "compressed"),
    ("block", "disks")])
def test_it_keeps_out(start, capability, words):
    pair = Pair(start)
    for qemu in (pair.qemu, pair.destination):
        migration.set_capability(qemu, capability)
    pair.source.fill(DATA_GPA, DATA_BYTES)
    assert pair.migrate().holds(DATA_GPA, DATA_BYTES, 0xa5)
    assert sent_runs(pair.qemu) == 0 and words in off_reason(pair.qemu)


@pytest.mark.parametrize("capability,words", [
    ("background-snapshot", "background snapshot"), ("x-colo", "COLO")])
def test_it_keeps_out_of_what_does_not_end_here(start, capability, words):
    balloon = Balloon(start(machine.OURS, **HOLES))
    balloon.fill(DATA_GPA, DATA_BYTES)
    try:
        migration.set_capability(balloon.qemu, capability)
    except QmpError as error:
        pytest.skip(str(error))
    with migration.stalled(balloon.qemu, MIB):
        assert words in off_reason(balloon.qemu)
    assert sent_runs(balloon.qemu) == 0


def test_it_keeps_out_of_savevm(start):
    with open(os.memfd_create("disk"), "rb") as disk:
        balloon = Balloon(start(machine.OURS, **HOLES, fds=[disk.fileno()]))
        add_disk(balloon.qemu.qmp, f"/proc/self/fd/{disk.fileno()}")
        balloon.fill(DATA_GPA, DATA_BYTES)
        assert balloon.qemu.hmp("savevm one") == ""
        assert "savevm" in off_reason(balloon.qemu) and sent_runs(balloon.qemu) == 0
        balloon.fill(DATA_GPA, DATA_BYTES, 0xbb)
        assert balloon.qemu.hmp("loadvm one") == ""
        assert balloon.holds(DATA_GPA, DATA_BYTES, 0xa5)


@pytest.mark.parametrize("kind,properties", [
    ("memfd", {"share": True}), ("file", {"share": True, "mem_path": "/dev/shm"})],
    ids=["memfd", "file"])
def test_memory_of_another_kind(start, kind, properties):
    pair = Pair(start, backend(kind, **properties))
    pair.source.fill(DATA_GPA, DATA_BYTES)
    assert pair.migrate().holds(DATA_GPA, DATA_BYTES, 0xa5)
    assert sent_runs(pair.qemu) >= DATA_BYTES


def test_they_arrive_in_huge_pages(start):
    if not host.has_thp():
        pytest.skip("this machine's kernel gives no transparent huge pages")
    pair = Pair(start, backend("ram"))
    pair.source.fill(DATA_GPA, DATA_BYTES)
    assert pair.migrate().holds(DATA_GPA, DATA_BYTES, 0xa5)
    mapping = host.guest_ram(pair.destination, machine.RAM_BYTES)
    assert mapping["AnonHugePages"] >= DATA_BYTES - HUGE_PAGE


def test_bandwidth_is_kept_to(start):
    """And what is written meanwhile is sent again."""
    rate = 16 * MIB
    pair = Pair(start)
    pair.source.fill(DATA_GPA, DATA_BYTES)
    pair.channel.start(pair.qemu, rate, downtime_ms=1)
    began = time.monotonic()
    wait_for(lambda: sent_runs(pair.qemu) >= DATA_BYTES // 4, "a part is sent")
    pair.source.fill(DATA_GPA, MIB, 0xbb)
    wait_for(lambda: sent_runs(pair.qemu) >= DATA_BYTES, "all is sent")
    # QEMU may send the share of a tenth of a second at once.
    assert time.monotonic() - began >= 0.75 * (DATA_BYTES / rate - 0.1)
    moved = pair.finish()
    assert moved.holds(DATA_GPA, MIB, 0xbb)
    assert moved.holds(DATA_GPA + MIB, DATA_BYTES - MIB, 0xa5)


def test_too_slow_for_a_run(start):
    """QEMU sends page by page where a run would take more than its share."""
    pair = Pair(start)
    pair.source.fill(DATA_GPA, MIB)
    pair.channel.start(pair.qemu, migration.SLOW)
    migration.wait_active(pair.qemu)
    time.sleep(0.3)
    assert sent_runs(pair.qemu) == 0
    assert pair.finish().holds(DATA_GPA, MIB, 0xa5)


def test_cancelled_within_a_run_and_begun_again(start):
    pair = Pair(start)
    pair.source.fill(DATA_GPA, DATA_BYTES)
    with migration.stalled(pair.qemu, MIB):
        wait_for(lambda: sent_runs(pair.qemu) > 0, "runs are being sent")
        pair.qemu.qmp.command("migrate_cancel")
        wait_for(lambda: migration.status(pair.qemu) == "cancelled", "it is cancelled")
    assert pair.migrate().holds(DATA_GPA, DATA_BYTES, 0xa5)


def test_a_machine_that_stands_still(start):
    pair = Pair(start)
    pair.source.fill(DATA_GPA, DATA_BYTES)
    pair.qemu.qmp.command("stop")
    assert pair.migrate().holds(DATA_GPA, DATA_BYTES, 0xa5)
    assert sent_runs(pair.qemu) >= DATA_BYTES


def test_over_tls(start, tmp_path):
    """What is read beside QEMU's buffer is decrypted all the same."""
    (tmp_path / "keys.psk").write_text("qemu:" + "5a" * 32 + "\n")

    def ends(endpoint):
        return ["-object", f"tls-creds-psk,id=tls0,dir={tmp_path},endpoint={endpoint}"]

    channel = migration.Channel()
    source = Balloon(start(machine.OURS, **HOLES, extra=ends("client,username=qemu")))
    fds = channel.incoming()["fds"]
    destination = start(machine.OURS, **HOLES, fds=fds,
                        extra=[*ends("server"), "-incoming", "defer"])
    for qemu in (source.qemu, destination):
        qemu.qmp.command("migrate-set-parameters", tls_creds="tls0", tls_hostname="localhost")
    destination.qmp.command("migrate-incoming", uri=f"fd:{fds[0]}")
    source.fill(DATA_GPA, DATA_BYTES)
    channel.start(source.qemu)
    assert migration.finish(source.qemu) == "completed"
    assert sent_runs(source.qemu) >= DATA_BYTES
    assert source.moved_to(destination).holds(DATA_GPA, DATA_BYTES, 0xa5)


def run(pages, offset, data=b""):
    """A run as it crosses, with less data than it says where a test wants that."""
    return pages.to_bytes(4, "big") + offset.to_bytes(8, "big") + data


@pytest.mark.parametrize("inserted,words", [
    pytest.param(b"\4ram0" + run(LONGEST + 1, 0), "malformed run", id="long-run"),
    pytest.param(b"\4ram0" + run(1, PAGE // 2), "malformed run", id="misaligned"),
    pytest.param(b"\4ram0" + run(2, machine.RAM_BYTES - PAGE), "malformed run", id="past-the-end"),
    pytest.param(b"\4ram0" + run(2, (1 << 64) - PAGE), "malformed run", id="wrapping"),
    pytest.param(b"\4gone" + run(1, 0), "no guest memory here", id="unknown-block"),
    pytest.param(b"\x07pc.bios" + run(1, 0), "no guest memory here", id="firmware"),
    pytest.param((b"\4ram0" + bytes(4)) * 256, "more than 256 blocks", id="many-blocks"),
])
def test_malformed_runs_are_refused(start, tmp_path, inserted, words):
    """The destination says why, and ends."""
    path = saved(start, tmp_path)
    stream = path.read_bytes()
    at = stream.index(SECTION) + len(SECTION) + NUMBERS
    path.write_bytes(stream[:at] + inserted + stream[at:])
    status, messages = loading_fails(path)
    assert status != 0 and words in messages


def test_a_stream_that_ends_within_a_run(start, tmp_path):
    path = saved(start, tmp_path)
    stream = path.read_bytes()
    at = stream.index(b"\xa5" * PAGE)
    for part in (10, 20 * PAGE):
        path.write_bytes(stream[:at + part])
        status, messages = loading_fails(path)
        assert status != 0 and "load of migration failed" in messages


def saved(start, tmp_path, **named):
    """A machine with data, saved; its file."""
    source = start(machine.OURS, **HOLES, extra=backend("ram"), **named)
    Balloon(source).fill(DATA_GPA, 4 * MIB)
    source.qmp.command("stop")
    path = tmp_path / "saved"
    source.qmp.command("migrate", uri=f"exec:cat > {path}")
    assert migration.finish(source) == "completed"
    assert path.read_bytes().count(SECTION) >= 1
    return path


def loading_fails(path):
    """Status and messages of a machine that can't load a file."""
    return start_fails(machine.args(machine.OURS, **HOLES, extra=[
        *backend("ram"), "-incoming", f"exec:cat {path}"]))
