# SPDX-License-Identifier: GPL-2.0-or-later
"""Migrations of guests in every state, stock and fastballoon in turn: make bench-migration."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import cli  # noqa: E402
import migration_cases as cases  # noqa: E402
import session  # noqa: E402
import sheets  # noqa: E402
from harness import host  # noqa: E402
from harness.migration import DOWNTIME_LIMIT_MS, MAX_BANDWIDTH  # noqa: E402
from targets import at_least, at_most, quotient, reported  # noqa: E402

COLUMNS = {
    "migration_s": "time", "downtime_s": "downtime", "sent_bytes": "sent", "rounds": "rounds",
    "in_use_bytes": "in use", "drop_s": "dropping caches", "dropped_bytes": "dropped",
    "work_s": "the compiler's time", "source_cpu_s": "source CPU",
    "destination_cpu_s": "destination CPU", "guest_cpu_s": "guest CPU",
    "source_rss_before_bytes": "source RSS before", "source_rss_bytes": "after",
    "destination_rss_bytes": "destination RSS", "hinted_bytes": "skipped by hints",
    "hole_bytes": "by hole skip", "hint_walk_us": "hint walk",
    "zone_lock_p999_us": "zone lock 99.9 %", "zone_lock_max_us": "most",
    "control_p999_us": "control 99.9 %",
    "verdict": "verified memory",
}
TERMINAL_COLUMNS = ("migration_s", "downtime_s", "sent_bytes", "in_use_bytes", "work_s",
                    "source_cpu_s", "guest_cpu_s", "destination_rss_bytes", "verdict")
# QEMU measures its bandwidth over windows of this length, and ends no migration before.
QEMU_FIXED_S = 0.1
LIMIT_CASES = ("idle", "used", "ballooned", "cache", "fragmented")


def notes(accelerator, flush_stock):
    """What a reader of the results must know."""
    flush = "on in every row, so that the stock rows survive" if flush_stock else (
        "off in the stock rows, which run QEMU as it is and may lose writes")
    return [
        f"migration over loopback TCP with {host.tcp_congestion_control()}, max-bandwidth "
        f"{MAX_BANDWIDTH >> 30} GiB/s, downtime-limit {DOWNTIME_LIMIT_MS} ms; time, downtime and bytes as query-migrate says",
        "idle, used, ballooned and cache are states of one guest, one after the other, each "
        "migrated: the destination of one is the source of the next",
        f"fragmented: a tmpfs of files of 1 to 32 pages fills the guest, of which one in "
        f"{cases.KEEP_ONE_IN} is kept",
        "cache: blocks of a disk that were written; ours is asked to drop caches before the "
        "migration (fastballoon-request), which is a column of its own; stock cannot",
        "gcc at work: the guest builds the fastballoon command with two jobs, from a Debian root "
        "in its initramfs, and is migrated meanwhile; its time is by the guest's clock",
        "just before each migration as much host memory was filled and freed as the destination "
        "may need, in every row alike",
        "guest CPU: /proc/stat over the migration, in steps of 10 ms, with all that the guest does "
        "besides; source and destination CPU: all threads of each QEMU, until the end is seen",
        "zone lock: how long our driver held zone->lock, since it was loaded; control: as long a "
        "work without the lock, whose slowest runs show what the host took from the guest",
        "in use: memory neither free nor in the balloon, when the migration starts",
        "a C program: sends as much memory as the guest of ours has in use, filled, over loopback "
        "TCP into fresh memory, in the same repetition",
        f"in every guest a process writes and verifies patterns in {session.VERIFY_MIB} MiB, at "
        f"most {session.VERIFY_RATE_MIB_S} MiB a second, and at full speed at the end",
        "every row has all repetitions; those of the curve are taken in one guest each, one after "
        "the other; it leaves out guests that the machine has no memory for",
        f"under TCG the flush of our plugin (tcg-flush) is {flush}",
    ]


def make_sessions(accelerator, base_mib, flush_stock):
    """All guests and steps for a base guest of that size."""
    return cases.sessions(accelerator, cases.Sizes(base_mib), flush_stock)


def targets(results):
    """The targets that the project set itself for migrations."""
    sizes = cases.Sizes(results.meta["base_mib"])
    name = {state: cases.case_name(sizes, state)
            for state in ("idle", "used", "ballooned", "cache", "fragmented", "busy")}

    def faster(state, baseline, bound):
        text = "without hints" if baseline == "stock-no-hints" else "with hints"
        return at_least(f"{state}: times faster than stock {text}", results.ratio(
            name[state], "migration_s", "ours", baseline), bound)

    made = [faster("idle", "stock", 5), faster("used", "stock", 15),
            faster("used", "stock-no-hints", 30), faster("fragmented", "stock-no-hints", 4)]
    made += _fragmented_targets(results, name["fragmented"])
    made += _cache_targets(results, name["cache"], name["used"])
    made += _busy_targets(results, name["busy"])
    ballooned = results.ratio(name["ballooned"], "migration_s", "ours", "stock-no-hints")
    made.append(reported("ballooned: times faster than stock without hints",
                         ballooned, "{:.1f}x"))
    return made + [_limit_target(results, state, name[state]) for state in LIMIT_CASES]


def _fragmented_targets(results, case):
    in_use = results.median(case, "ours", "in_use_bytes")
    return [
        at_most("fragmented: sent over in use", quotient(results.median(
            case, "ours", "sent_bytes"), in_use), 1.1, "{:.2f}"),
        at_most("fragmented: destination's RSS over in use", quotient(results.median(
            case, "ours", "destination_rss_bytes"), in_use), 1.2, "{:.2f}"),
    ]


def _cache_targets(results, case, used_case):
    used_s = results.median(used_case, "ours", "migration_s")
    cache_s = results.median(case, "ours", "migration_s")
    drop_s = results.median(case, "ours", "drop_s")
    both_s = cache_s + drop_s if cache_s is not None and drop_s is not None else None
    return [
        at_most("cache dropped before: time over that of used", quotient(cache_s, used_s), 1.3,
                "{:.2f}"),
        reported("the same with the time of dropping", quotient(both_s, used_s), "{:.2f}"),
    ]


def _busy_targets(results, case):
    share = quotient(results.median(case, "ours", "migration_s"),
                     results.median(case, "stock-no-hints", "migration_s"))
    work = quotient(results.median(case, "ours", "work_s"),
                    results.median(case, "ours-no-hints", "work_s"))
    return [
        at_least("busy: shorter than stock without hints", None if share is None else 1 - share,
                 0.7, "{:.0%}"),
        at_most("busy: the compiler's time over that without hints", work, 1.02, "{:.3f}"),
    ]


def _limit_target(results, state, case):
    limit_s = results.median(case, "limit", "migration_s")
    ours_s = results.median(case, "ours", "migration_s") if limit_s is not None else None
    bound = 2 * limit_s + QEMU_FIXED_S if limit_s is not None else 0
    return at_most(f"{state}: seconds, twice the limit + 100 ms", ours_s, bound, "{:.3f}")


def write(results, folder):
    """The page and the plots; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = cases.Sizes(results.meta["base_mib"])
    points = [(mib / 1024, cases.curve_name(sizes, mib)) for mib in sizes.curve]
    names = [case for case in results.cases() if case not in [name for _, name in points]]
    times = [(case, "migration_s", case) for case in names]
    sent = [(case, "sent_bytes", f"bytes sent: {case}") for case in names]
    lines = [("time to migrate, 3/8 used and freed", "guest, GiB", "seconds", "migration_s",
              points, (True, True)),
             ("bytes sent", "guest, GiB", "bytes", "sent_bytes", points, (True, True))]
    pictures = [sheets.bars(results, times, folder / "time"),
                sheets.bars(results, sent, folder / "sent"),
                sheets.curves(results, lines, folder / "curves")]
    return sheets.write_page(results, "fastballoon: migration", pictures, COLUMNS, folder)


def text(results):
    """The closing text."""
    return sheets.text_tables(results, {name: COLUMNS[name] for name in TERMINAL_COLUMNS})


BENCHMARK = cli.Benchmark(
    name="migration", description=__doc__, base_mib=cases.BASE_GUEST_MIB, copies=2,
    sessions=make_sessions, notes=notes, targets=targets, text=text, write=write)

if __name__ == "__main__":
    sys.exit(cli.main(BENCHMARK))
