# SPDX-License-Identifier: GPL-2.0-or-later
"""Migrations of bare guests: is a write lost that was made after the dirty bitmap's sync?

The guests are the images of bare/, one vCPU without firmware or operating system. KVM is used
where it runs such a guest, else those cases are skipped.
"""

import functools
import re
import time
from pathlib import Path

import pytest

from fbqtest import machine, migration
from fbqtest.balloon import PATH
from fbqtest.qemu import Qemu, wait_for

LAYOUT = {name: int(value, 0) for name, value in re.findall(
    r"#define FB_(\w+) (\w+)",
    (Path(__file__).parent / "bare" / "layout.h").read_text(encoding="utf-8"))}
LATE_CLEAR = machine.IMAGES / "faults" / "late_clear.so"
RAM = ["-m", "128"]
EXPECTED_LOSS_TRIES = 4
LOST = 0  # what was never sent reads zero at the destination


def word_at(qemu, gpa):
    """A word of guest memory."""
    return int(qemu.hmp(f"xp /1wx {gpa:#x}").split(":")[1], 16)


def word(qemu, name):
    """A word of guest memory, by its name in layout.h."""
    return word_at(qemu, LAYOUT[name + "_GPA"])


def reached(qemu, name):
    return lambda: word(qemu, "PROGRESS") == LAYOUT["PROGRESS_" + name]


class Guest(Qemu):
    """A bare guest, waiting for a migration to come in where a channel is given."""

    def __init__(self, image, accel, channel=None, env=None, fds=(), **properties):
        incoming = channel.incoming() if channel else {"extra": [], "fds": list(fds)}
        super().__init__(machine.args(accel=accel, image=image, **properties,
                                      extra=[*RAM, *incoming["extra"]]),
                         qtest=False, fds=incoming["fds"], env=env)


@functools.lru_cache
def kvm_refusal():
    """Why KVM runs no bare guest here; empty where it does."""
    try:
        with Guest("counter.bin", "kvm") as guest:
            wait_for(reached(guest, "READY"), "the guest runs under KVM", timeout_s=3)
    except AssertionError as cause:
        return str(cause).splitlines()[0]
    return ""


def need(accel):
    if accel == "kvm" and kvm_refusal():
        pytest.skip(f"KVM runs no bare guest here: {kvm_refusal()}")


def page_after_hint_race(accel, **properties):
    """Migrate the guest of hint_race.c; returns what the destination reads in its page."""
    need(accel)
    channel = migration.Channel()
    properties["free_page_hint"] = True
    with Guest("hint_race.bin", accel, **properties) as source, \
            Guest("hint_race.bin", accel, channel, **properties) as destination:
        wait_for(reached(source, "READY"), "guest is up")
        assert word(source, "PAGE") == LAYOUT["PAGE_BEFORE"]
        channel.start(source, migration.SLOW)
        wait_for(reached(source, "HINTED"), "guest has hinted the page")
        hinted = source.qom_get(PATH, "fastballoon-counters")["hinted-bytes"]
        assert hinted == LAYOUT["PAGE_BYTES"]
        assert migration.finish(source) == "completed"
        assert word(source, "PAGE") == LAYOUT["PAGE_AFTER"]
        return word(destination, "PAGE")


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.parametrize("accel", ["kvm", "tcg"])
def test_a_write_between_sync_and_hint_survives(accel, turn):
    assert page_after_hint_race(accel) == LAYOUT["PAGE_AFTER"]


def test_expected_loss_under_kvm_without_the_eager_clear():
    """The test of the test: where the log is cleared late, the same guest loses its write."""
    assert page_after_hint_race("kvm", eager_clear=False) == LOST


def lost_writes(accel, device=machine.OURS, **plugin):
    """Migrate the guest of counter.c in two rounds; returns whether it missed a write."""
    need(accel)
    channel = migration.Channel()
    named = {"device": device, "free_page_hint": True, "plugin": plugin}
    with Guest("counter.bin", accel, **named) as source, \
            Guest("counter.bin", accel, channel, **named) as destination:
        wait_for(reached(source, "READY"), "guest is up")
        channel.start(source, migration.SLOW, downtime_ms=1)
        migration.wait_active(source)
        source.hmp(f"o /b {LAYOUT['SIGNAL_PORT']:#x} 1")
        wait_for(reached(source, "DIRTIED"), "guest has dirtied its memory")
        migration.set_bandwidth(source, 2 * migration.MEDIUM)
        wait_for(lambda: migration.rounds(source) >= 2, "second round")
        time.sleep(0.3)  # the page is sent now, the area is not
        source.qmp.command("migrate-set-parameters", downtime_limit=2000)
        assert migration.finish(source) == "completed"
        arrived = word(destination, "COUNT")
        wait_for(lambda: word(destination, "COUNT") - arrived > 1 or
                 reached(destination, "FAILED")(), "destination counts")
        return reached(destination, "FAILED")()


@pytest.mark.parametrize("accel,device,plugin", [
    ("tcg", machine.OURS, {}), ("tcg", machine.STOCK, {"tcg_flush": "on"}),
    ("kvm", machine.OURS, {})], ids=["tcg-ours", "tcg-stock-with-flush", "kvm-ours"])
def test_no_write_is_lost_over_two_rounds(accel, device, plugin):
    assert not lost_writes(accel, device, **plugin)


def test_expected_loss_under_tcg_without_the_flush():
    """The test of the test: QEMU 7.2 itself loses the write, as the stock device does."""
    assert lost_writes("tcg", tcg_flush="off")


def sweep_after_runs(accel, **named):
    """Migrate the guest of sweep.c at full speed; returns whether it missed a write."""
    need(accel)
    channel = migration.Channel()
    with Guest("sweep.bin", accel, **named) as source, \
            Guest("sweep.bin", accel, channel, **named) as destination:
        wait_for(reached(source, "READY"), "guest has swept its memory")
        channel.start(source)
        assert migration.finish(source) == "completed"
        counters = source.qom_get(PATH, "fastballoon-counters")
        assert counters["run-sent-bytes"] >= LAYOUT["SWEEP_BYTES"]
        in_series = LAYOUT["SWEEP_BYTES"] if named["page_series"] else 0
        assert counters["series-bytes"] >= in_series
        arrived = word(destination, "COUNT")
        wait_for(lambda: word(destination, "COUNT") - arrived > 1 or
                 reached(destination, "FAILED")(), "destination has swept all of it")
        return reached(destination, "FAILED")()


SERIES = pytest.mark.parametrize("series", [False, True], ids=["content", "series"])


@pytest.mark.parametrize("turn", [1, 2])
@SERIES
@pytest.mark.parametrize("accel", ["kvm", "tcg"])
def test_no_write_into_a_run_is_lost(accel, series, turn):
    assert not sweep_after_runs(accel, page_series=series)


@SERIES
def test_expected_loss_under_kvm_where_runs_are_cleared_late(series):
    """The test of the test: memory is read before its dirty bits are cleared.

    Under TCG the log is cleared by the sync already. On a machine with other work the guest may
    stand still while it matters.
    """
    assert any(sweep_after_runs("kvm", page_series=series, plugin={"path": LATE_CLEAR})
               for _ in range(EXPECTED_LOSS_TRIES))
