# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of make bench-migration: states of a guest, each migrated by stock and by ours."""

import time
from dataclasses import replace

import costs
import hostmem
import toolchain
from harness import host
from harness.errors import GuestTimeout, QmpError
from harness.config import BALLOON_PATH
from harness.guest import MIB
from harness.migration import transfer, wait_running
from run import gigabytes, sent_text
from session import Session, Step, Unavailable
from subjects import LIMIT, OURS, OURS_NO_HINTS, STOCK, STOCK_NO_HINTS

BASE_GUEST_MIB = 8192
USED_SHARE = 3 / 4
BALLOONED_SHARE = 1 / 2
CURVE_TIMES = (1 / 4, 1 / 2, 1, 2)
CURVE_USED_SHARE = 3 / 8
# As in make bench-inflate: small files fill the guest, one in so many is kept.
KEEP_ONE_IN = 24
FILES_SPARE_MIB = 256
# What a destination may need beside what was used.
OWN_MIB = 512
IDLE_MIB = 1024
SETTLE_SECONDS = 2
MIGRATE_SECONDS = 180
REQUEST_SECONDS = 60
WORK_HEAD_SECONDS = 4
WORK_SECONDS = 300
SUBJECTS = (STOCK_NO_HINTS, STOCK, OURS)


class Sizes:
    """The sizes of a run's guests, from that of the base guest."""

    def __init__(self, base_mib):
        self.base = base_mib
        self.used = int(base_mib * USED_SHARE)
        self.ballooned = int(base_mib * BALLOONED_SHARE)
        self.curve = [int(base_mib * times) for times in CURVE_TIMES]

    @staticmethod
    def curve_used(memory_mib):
        """What the curve's guests have used and freed."""
        return int(memory_mib * CURVE_USED_SHARE)


def case_name(sizes, state):
    """Name of a case, its setting in full."""
    used = gigabytes(sizes.used)
    texts = {
        "idle": "idle, most of it never used",
        "used": f"used {used} and freed",
        "ballooned": f"used {used} and freed, then {gigabytes(sizes.ballooned)} ballooned away",
        "cache": f"{used} of page cache",
        "fragmented": "free memory fragmented",
        "busy": f"gcc at work, used {used} before",
    }
    return f"migrate {gigabytes(sizes.base)}, {texts[state]}"


def curve_name(sizes, mib):
    """Name of a point of the curve."""
    return f"migrate {gigabytes(mib)}, used {gigabytes(sizes.curve_used(mib))} of it and freed"


def sessions(accelerator, sizes, flush_stock):
    """Every guest of a run and its steps, stock and ours in turn."""
    def config(subject, mib=sizes.base, **more):
        made = subject.config(mib, accelerator, flush_stock=flush_stock)
        return replace(made, driver=None, **more)

    return (_chains(sizes, config) + _fragmented(sizes, config) + _busy(sizes, config)
            + _curve(sizes, config))


def _chains(sizes, config):
    """Four states of one guest, each migrated; the destination is the next one's source."""
    made = []
    for subject in SUBJECTS:
        steps = [
            _step("idle", subject, sizes, _nothing, IDLE_MIB, 6),
            _step("used", subject, sizes, _use, sizes.used + OWN_MIB, 20),
            _step("ballooned", subject, sizes, _balloon, sizes.used + OWN_MIB, 26),
            _step("cache", subject, sizes, _fill_cache, sizes.used + OWN_MIB, 45),
        ]
        made.append(Session(subject.name, config(subject, disk_mib=sizes.base), steps))
    return made


def _fragmented(sizes, config):
    return [Session(f"{subject.name}-fragmented", config(subject), [
        _step("fragmented", subject, sizes, _fragment, sizes.base - OWN_MIB, 45)])
        for subject in SUBJECTS]


def _busy(sizes, config):
    made = []
    for subject in SUBJECTS + (OURS_NO_HINTS,):
        step = _step("busy", subject, sizes, _use, sizes.used + OWN_MIB, 50,
                     begin=_start_work, finish=_finish_work)
        made.append(Session(f"{subject.name}-busy",
                            lambda subject=subject: _with_compiler(config(subject)), [step]))
    return made


def _with_compiler(config):
    return replace(config, initramfs=str(toolchain.build()))


def _curve(sizes, config):
    made = []
    for mib in sizes.curve:
        used = sizes.curve_used(mib)
        if host.fit_guest_mib(mib) < mib:
            continue
        for subject in SUBJECTS:
            work = _work(subject, curve_name(sizes, mib), lambda bench, sizes, record, used=used:
                         bench.guest.touch(used), sizes, used + OWN_MIB)
            step = Step("curve", subject.name, curve_name(sizes, mib), work, 5 + mib / 1000,
                        in_a_row=True)
            made.append(Session(f"{subject.name}-{mib}", config(subject, mib), [step]))
    return made


def _step(state, subject, sizes, prepare, needed_mib, seconds, begin=None, finish=None):
    case = case_name(sizes, state)
    return Step(state, subject.name, case,
                _work(subject, case, prepare, sizes, needed_mib, begin, finish), seconds)


def _work(subject, case, prepare, sizes, needed_mib, begin=None, finish=None):
    """begin(guest): called when all is ready, just before the migration."""
    def work(bench, record):
        bench.use_driver(subject.driver)
        bench.show("prepare the guest")
        prepare(bench, sizes, record)
        time.sleep(SETTLE_SECONDS)
        measure_migration(bench, record, needed_mib, begin)
        if finish:
            finish(bench, record)
        elif subject is OURS:
            _measure_limit(bench, case)

    return work


# The states

def _nothing(bench, sizes, record):
    """Nothing is done beside what every guest does."""


def _use(bench, sizes, record):
    bench.guest.touch(sizes.used)


def _balloon(bench, sizes, record):
    bench.guest.touch(sizes.used)
    bench.guest.set_memory(sizes.base - sizes.ballooned)
    bench.state["ballooned"] = True


def _unballoon(bench, sizes):
    if bench.state.pop("ballooned", False):
        bench.guest.set_memory(sizes.base)


def _fill_cache(bench, sizes, record):
    """Fill the page cache; ours, asked to, drops it before the migration."""
    guest = bench.guest
    _unballoon(bench, sizes)
    if not bench.state.get("disk"):
        guest.command("insmod virtio_blk")
        bench.state["disk"] = True
    guest.start_job("cache", f"{sizes.used * MIB}", timeout=200)
    if guest.config.device == "ours":
        started = time.monotonic()
        record("dropped_bytes", _drop_caches(guest))
        record("drop_s", time.monotonic() - started)


def _drop_caches(guest):
    """Ask the guest to drop its caches; returns the bytes that it says it freed."""
    try:
        guest.qmp("qom-set", path=BALLOON_PATH, property="fastballoon-request",
                  value={"type": "drop-caches"})
    except QmpError as error:
        raise Unavailable(str(error)) from error
    deadline = time.monotonic() + REQUEST_SECONDS
    while True:
        answer = guest.device_property("fastballoon-requests")["drop-caches"]
        if answer["state"] == "done" and answer["status"] == "ok":
            return answer["figure-bytes"]
        if answer["state"] not in ("queued", "sent") or time.monotonic() > deadline:
            raise Unavailable(f"drop-caches: {answer['state']} {answer['status']}")
        time.sleep(0.005)


def _fragment(bench, sizes, record):
    guest = bench.guest
    filled = guest.meminfo_kib("MemAvailable") // 1024 - FILES_SPARE_MIB
    bench.show(f"fill {gigabytes(filled)} with small files and delete most")
    guest.command(f"files {filled * MIB}", timeout=300)
    guest.command(f"thin {KEEP_ONE_IN}", timeout=120)


def _start_work(guest):
    guest.shell("sh /src/build.sh >/tmp/build.log 2>&1 </dev/null & true")
    time.sleep(WORK_HEAD_SECONDS)


def _finish_work(bench, record):
    """Wait for the end of the build, whose time is that of the guest's own clock."""
    guest = bench.guest
    bench.show("the compiler goes on")
    deadline = time.monotonic() + WORK_SECONDS
    while guest.command("sh test -e /tmp/built")[1] != "0":
        if time.monotonic() > deadline:
            raise GuestTimeout(f"the build in the guest was not done within {WORK_SECONDS} s: "
                               f"{guest.shell('tail -n 1 /tmp/build.log; true')}")
        time.sleep(0.2)
    start, end = guest.read("/tmp/built").split()
    record("work_s", float(end) - float(start))


# The migration

def measure_migration(bench, record, needed_mib, begin=None):
    """Migrate, and record what it took on each side."""
    guest = bench.guest
    spared = {}
    before = _spared(guest)

    def ready():
        release()
        if begin:
            begin(guest)
        record("in_use_bytes", costs.in_use_bytes(guest))
        before["guest_cpu_s"] = costs.guest_cpu_s(guest)

    bench.show("fill and free host memory for the destination")
    with hostmem.warmed(needed_mib) as release:
        bench.show("migrate")
        result = transfer(guest, timeout=MIGRATE_SECONDS, prepare=ready,
                          inspect=lambda: spared.update(_spared(guest)),
                          progress=lambda info: bench.show("migrate", sent_text(info)))
    wait_running(guest)
    record("guest_cpu_s", costs.guest_cpu_s(guest) - before["guest_cpu_s"])
    for metric, value in _figures(result):
        record(metric, value)
    for metric in ("hinted_bytes", "hole_bytes"):
        if metric in spared:
            record(metric, spared[metric] - before.get(metric, 0))
    stats = costs.driver_stats(guest)
    if "hint_walk_us_last" in stats:
        record("hint_walk_us", stats["hint_walk_us_last"])
    costs.record_driver(guest, record)


def _figures(result):
    return [
        ("migration_s", result.total_ms / 1000),
        ("downtime_s", result.downtime_ms / 1000),
        ("sent_bytes", result.sent_bytes),
        ("rounds", result.rounds),
        ("source_cpu_s", result.source_cpu_s),
        ("destination_cpu_s", result.destination_cpu_s),
        ("source_rss_before_bytes", result.rss_before_bytes),
        ("source_rss_bytes", result.rss_after_bytes),
        ("destination_rss_bytes", result.destination_rss_bytes),
    ]


def _spared(guest):
    """What our device has skipped so far; nothing on the stock device."""
    if guest.config.device != "ours":
        return {}
    counters = guest.counters()
    return {"hinted_bytes": counters["hinted-bytes"],
            "hole_bytes": counters.get("hole-skipped-bytes", 0)}


def _measure_limit(bench, case):
    """A C program sends as much as the guest has in use, while the guest stands still."""
    guest = bench.guest
    bench.show("a C program sends the same over loopback")
    in_use_mib = costs.in_use_bytes(guest) // MIB
    guest.qmp("stop")
    try:
        bench.run.record(LIMIT.name, case, "migration_s", hostmem.send_s(in_use_mib))
        bench.run.record(LIMIT.name, case, "sent_bytes", in_use_mib * MIB)
    finally:
        guest.qmp("cont")
