# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of records cross as their rule: the same bytes arrive, and a wrong rule is refused."""

import random
import struct

import pytest

from fbqtest import machine, migration
from fbqtest.balloon import PAGE, PATH, Balloon
from fbqtest.qemu import wait_for
from test_dev_holes import HOLES, MIB, Pair, backend
from test_dev_page_runs import SECTION, loading_fails, run, saved, NUMBERS

DATA_GPA = 32 * MIB
RECORD_WORDS, RECORDS = 8, 64
SERIES, ZEROS = 1 << 31, 1 << 30
CODE_BYTES = 129
EXCEPTIONS_MAX = 8
ON = {"page_series": True}


def counter(qemu, name):
    return qemu.qom_get(PATH, "fastballoon-counters")[name]


def records(draw):
    """A page as Linux's descriptors of free memory look: some words equal, others counted up."""
    first = [draw.getrandbits(64) for _ in range(RECORD_WORDS)]
    step = [draw.choice([0, 1, 64, draw.getrandbits(64)]) for _ in range(RECORD_WORDS)]
    words = [(first[i] + n * step[i]) % (1 << 64) for n in range(RECORDS)
             for i in range(RECORD_WORDS)]
    return bytearray(struct.pack(f"<{len(words)}Q", *words))


def spoiled(draw, exceptions):
    """The same with some records that keep to no rule."""
    page = records(draw)
    for record in draw.sample(range(RECORDS), exceptions):
        page[record * 64 + draw.randrange(64)] ^= 1 + draw.randrange(255)
    return page


def pages_of_all_kinds(draw):
    """Runs of pages with a rule, with exceptions, without rule, and of zeros, in any order."""
    kinds = [lambda: records(draw), lambda: spoiled(draw, draw.randrange(1, EXCEPTIONS_MAX + 1)),
             lambda: spoiled(draw, 20), lambda: draw.randbytes(PAGE), lambda: bytes(PAGE)]
    pages = []
    while len(pages) < 1500:
        pages += [draw.choice(kinds)() for _ in range(3)]
        pages += [kind() for kind in [draw.choice(kinds)] for _ in range(draw.randrange(40))]
    return pages


@pytest.mark.parametrize("seed", range(4))
def test_pages_of_all_kinds_arrive(start, seed):
    pair = Pair(start, **ON)
    data = b"".join(pages_of_all_kinds(random.Random(seed)))
    pair.source.qtest.write(DATA_GPA, data)
    moved = pair.migrate()
    assert moved.qtest.read(DATA_GPA, len(data)) == data
    assert counter(pair.qemu, "series-bytes") >= 100 * PAGE
    assert counter(pair.qemu, "run-sent-bytes") > counter(pair.qemu, "series-bytes")


def test_they_cost_next_to_nothing(start):
    pair = Pair(start, **ON)
    pages = 4096
    one = bytes(records(random.Random(1)))
    pair.source.qtest.write(DATA_GPA, one * pages)
    moved = pair.migrate()
    assert moved.qtest.read(DATA_GPA, pages * PAGE) == one * pages
    assert counter(pair.qemu, "series-bytes") >= pages * PAGE
    ram = pair.qemu.qmp.command("query-migrate")["ram"]
    assert ram["duplicate"] >= pages
    assert ram["transferred"] < pages * 2 * CODE_BYTES + MIB


def test_switched_off(start):
    pair = Pair(start, page_series=False)
    pair.source.fill(DATA_GPA, MIB)
    assert pair.migrate().holds(DATA_GPA, MIB, 0xa5)
    assert counter(pair.qemu, "series-bytes") == 0
    assert counter(pair.qemu, "run-sent-bytes") >= MIB


def test_a_destination_need_not_send_them(start):
    """page-series says what is sent; what comes is understood anyway."""
    channel = migration.Channel()
    source = Balloon(start(machine.OURS, **HOLES, **ON))
    destination = start(machine.OURS, **HOLES, page_series=False, **channel.incoming())
    source.fill(DATA_GPA, MIB)
    channel.start(source.qemu)
    assert migration.finish(source.qemu) == "completed"
    assert counter(source.qemu, "series-bytes") >= MIB
    assert source.moved_to(destination).holds(DATA_GPA, MIB, 0xa5)


def test_what_is_written_meanwhile_is_sent_again(start):
    """Also what becomes zero."""
    pair = Pair(start, **ON)
    pair.source.fill(DATA_GPA, MIB)
    pair.source.qtest.write(DATA_GPA + MIB, random.Random(2).randbytes(32 * MIB))
    pair.channel.start(pair.qemu, 16 * MIB, downtime_ms=1)
    wait_for(lambda: counter(pair.qemu, "series-bytes") >= MIB, "the series are sent")
    written = random.Random(3).randbytes(8 * PAGE)
    pair.source.qtest.write(DATA_GPA + 8 * PAGE, written)
    pair.source.fill(DATA_GPA + 24 * PAGE, 8 * PAGE, 0)
    moved = pair.finish()
    assert moved.holds(DATA_GPA, 8 * PAGE, 0xa5)
    assert moved.qtest.read(DATA_GPA + 8 * PAGE, 8 * PAGE) == written
    assert moved.holds(DATA_GPA + 16 * PAGE, 8 * PAGE, 0xa5)
    assert moved.holds(DATA_GPA + 24 * PAGE, 8 * PAGE, 0)
    assert moved.holds(DATA_GPA + 32 * PAGE, MIB - 32 * PAGE, 0xa5)


def test_saved_and_restored(start, tmp_path):
    path = saved(start, tmp_path, **ON)
    restored = start(machine.OURS, **HOLES, extra=[
        *backend("ram"), "-incoming", f"exec:cat {path}"])
    wait_for(lambda: restored.qmp.command("query-status")["status"] == "paused", "restored")
    assert Balloon(restored).holds(DATA_GPA, 4 * MIB, 0xa5)
    assert path.stat().st_size < 3 * MIB


def code(exceptions=0, record=0):
    """The code of a page of zeros, with that many exceptions, all of one record."""
    return bytes([exceptions]) + bytes(CODE_BYTES - 1) + (bytes([record]) + bytes(64)) * exceptions


@pytest.mark.parametrize("inserted,words", [
    pytest.param(run(SERIES | 1, 0, code(EXCEPTIONS_MAX + 1)), "malformed series", id="exceptions"),
    pytest.param(run(SERIES | 2, 0, code() + code(1, RECORDS)), "malformed series", id="record"),
    pytest.param(run(SERIES, 0), "malformed run", id="no-page"),
    pytest.param(run(SERIES | ZEROS | 1, 0), "malformed run", id="no-kind"),
    pytest.param(run(ZEROS | 2, machine.RAM_BYTES - PAGE), "malformed run", id="zeros-past-the-end"),
    pytest.param(run(SERIES | 513, 0), "malformed run", id="long-run"),
    pytest.param(run(SERIES | 2, machine.RAM_BYTES - PAGE), "malformed run", id="past-the-end"),
])
def test_malformed_series_are_refused(start, tmp_path, inserted, words):
    """The destination says why, and ends."""
    path = saved(start, tmp_path, **ON)
    stream = path.read_bytes()
    at = stream.index(SECTION) + len(SECTION) + NUMBERS
    path.write_bytes(stream[:at] + b"\4ram0" + inserted + stream[at:])
    status, messages = loading_fails(path)
    assert status != 0 and words in messages


def test_a_stream_that_ends_within_a_series(start, tmp_path):
    path = saved(start, tmp_path, **ON)
    stream = path.read_bytes()
    at = stream.index(bytes([0]) + b"\xa5" * 64 + bytes(64))
    for part in (1, 70, 20 * CODE_BYTES):
        path.write_bytes(stream[:at + part])
        status, messages = loading_fails(path)
        assert status != 0 and "load of migration failed" in messages
