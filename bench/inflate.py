# SPDX-License-Identifier: GPL-2.0-or-later
"""Inflate and deflate in every way, stock and fastballoon in turn: make bench-inflate."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import cli  # noqa: E402
import costs  # noqa: E402
import inflate_cases as cases  # noqa: E402
import session  # noqa: E402
import sheets  # noqa: E402
from report import value_text  # noqa: E402
from targets import at_least, at_most, quotient, reported  # noqa: E402

COLUMNS = {
    "inflate_s": "inflate", "deflate_s": "deflate", "touch_again_s": "touch again",
    "inflate_host_cpu_s": "host CPU, inflate", "deflate_host_cpu_s": "deflate",
    "inflate_guest_cpu_s": "guest CPU, inflate", "deflate_guest_cpu_s": "deflate",
    "inflate_requests": "requests", "inflate_kicks": "kicks", "inflate_ranges": "ranges",
    "inflate_slab_bytes": "guest slab", "driver_bytes": "driver's memory",
    "zone_lock_p999_us": "zone lock 99.9 %", "zone_lock_max_us": "most",
    "control_p999_us": "control 99.9 %",
    "rss_before_bytes": "RSS before", "rss_inflated_bytes": "RSS inflated",
    "huge_inflated_bytes": "huge pages inflated", "huge_after_bytes": "huge pages touched again",
    "scattered_share": "free memory in pieces", "verdict": "verified memory",
}
TERMINAL_COLUMNS = ("inflate_s", "deflate_s", "touch_again_s", "inflate_host_cpu_s",
                    "inflate_guest_cpu_s", "inflate_requests", "inflate_ranges", "verdict")


def notes(accelerator, flush_stock):
    """What a reader of the results must know."""
    flush = "on in every row" if flush_stock else "off in the stock rows"
    return [
        "inflate and deflate: from the QMP command balloon until query-balloon says that the size "
        "is reached; both ends are seen by the same polling loop in every row, whose queries cost "
        "a few milliseconds of host CPU",
        "matrix: a base case (fresh guest, init_on_alloc=1, transparent huge pages, the driver's "
        "own choices), and one of these varied at a time: host pages untouched or populated, "
        "init_on_alloc=0, 4 KiB host pages (QEMU started with PR_SET_THP_DISABLE), a fragmented "
        "guest, the stock device, the stock driver, each transport, each page source",
        "untouched: the host has not backed the guest's free memory, and as much host memory was "
        "filled and freed just before; populated: a process used as much as is inflated, and exited",
        f"fragmented: a tmpfs of files of 1 to 32 pages fills the guest, of which one in "
        f"{cases.KEEP_ONE_IN} is kept; free memory in pieces: the part of it in blocks of less "
        f"than 2 MiB; the curve of fragmentation: files are deleted step by step, and the host "
        f"has populated only what they used since the step before",
        "a row with a driver's parameter after its name is our driver forced to it, in a guest that "
        "had other drivers loaded before; the row without is what it chooses by itself",
        "free page reporting is off, except for our driver on the stock device, where it offers "
        "the queue that the driver inflates through, for transport=report, and for never ballooned",
        "requests: elements that the device took from all of its queues; kicks and ranges: as our "
        "driver counts them (the stock driver kicks once for each request)",
        "guest slab: how much more the guest has after the inflate than before; guest CPU: "
        "/proc/stat, in steps of 10 ms; host CPU: all threads of QEMU",
        "zone lock: how long our driver held zone->lock, since it was loaded; control: as long a "
        "work without the lock, whose slowest runs show what the host took from the guest; both "
        f"from {costs.HOLDS_LEAST} holds on",
        "never ballooned: a process's first use of as much memory in a guest whose balloon was "
        "never inflated; touch again: after a balloon cycle over populated memory; before "
        f"both {cases.WARM_TIMES} times as much host memory is filled and freed",
        "a C program: a program without a guest that populates as much memory, and gives it back "
        "with one madvise",
        f"in every guest a process writes and verifies patterns in {session.VERIFY_MIB} MiB, at "
        f"most {session.VERIFY_RATE_MIB_S} MiB a second, and at full speed at the end",
        "every row has all repetitions; those of the curve of sizes are taken in one guest each, "
        "one after the other; guests that the machine has no memory for are left out",
        f"under TCG the flush of our plugin (tcg-flush) is {flush}",
    ]


def make_sessions(accelerator, base_mib, flush_stock):
    """All guests and steps for a base guest of that size."""
    return cases.sessions(accelerator, cases.Sizes(base_mib), flush_stock)


def _base_mib(results):
    return results.meta["base_mib"]


def targets(results):
    """The targets that the project set itself for a fast balloon."""
    sizes = cases.Sizes(_base_mib(results))
    name = {(init, state, huge): cases.case_name(sizes.base, sizes.given, state, init, huge)
            for init in (0, 1) for state in ("untouched", "populated") for huge in (True, False)}
    populated = name[1, "populated", True]
    fragmented = cases.case_name(sizes.big, sizes.big_given, "fragmented")
    made = []
    for init, bound in ((1, 100), (0, 60)):
        for state in ("untouched", "populated"):
            made.append(at_least(f"inflate, init_on_alloc={init}, {state}: times stock",
                                 results.ratio(name[init, state, True], "inflate_s", "ours",
                                               "stock"), bound))
    made += [at_least(f"deflate, {state}: times stock", results.ratio(
        name[1, state, True], "deflate_s", "ours", "stock"), 30) for state in (
            "untouched", "populated")]
    made.append(at_most("inflate, our driver on the stock device: times ours on ours", quotient(
        results.median(populated, "ours-on-stock", "inflate_s"),
        results.median(populated, "ours", "inflate_s")), 2))
    made.append(at_least("inflate, fragmented: times stock", results.ratio(
        fragmented, "inflate_s", "ours", "stock"), 10))
    made += [_limit_target(results, name[1, "populated", huge], pages)
             for huge, pages in ((True, "huge pages"), (False, "4 KiB pages"))]
    return made + _memory_targets(results, sizes, populated)


def _limit_target(results, case, pages):
    limit_s = results.median(case, "limit", "inflate_s")
    ours_s = results.median(case, "ours", "inflate_s")
    bound = 1.5 * limit_s + 0.010 if limit_s is not None else 0
    return at_most(f"inflate, populated, {pages}: seconds, 1.5 times the limit + 10 ms",
                   ours_s if limit_s is not None else None, bound, "{:.4f}")


def _memory_targets(results, sizes, populated):
    huge = results.median(populated, "ours", "huge_after_bytes")
    stock_huge = results.median(populated, "stock", "huge_after_bytes")
    given_bytes = sizes.given << 20
    return [
        at_least("touch again: speed beside memory never ballooned", results.ratio(
            populated, "touch_again_s", "ours", cases.NEVER), 0.9, "{:.2f}"),
        reported("host huge pages after a cycle and a touch, ours", huge and value_text(
            "huge_after_bytes", huge)),
        reported("host huge pages after a cycle and a touch, stock", stock_huge is not None and
                 value_text("huge_after_bytes", stock_huge) or None),
        at_most("driver's memory, share of what is ballooned", quotient(
            results.median(populated, "ours", "driver_bytes"), given_bytes), 1e-4, "{:.4%}"),
        at_most("zone->lock holds, 99.9th percentile, us", results.median(
            cases.lock_case(sizes), "ours", "zone_lock_p999_us"), 100, "{:.0f}"),
        reported("the same for work as long without the lock (preempted vCPUs), us",
                 results.median(cases.lock_case(sizes), "ours", "control_p999_us"), "{:.0f}"),
        at_most("cost curve: growth of time over growth of size, ours", _growth(results, sizes),
                1.15, "{:.2f}"),
    ]


def _size_points(sizes):
    return [(mib / 1024, cases.case_name(mib, sizes.curve_given(mib), "populated"))
            for mib in sizes.curve]


def _growth(results, sizes):
    """Time per byte of the largest guest of the curve over that of the base guest."""
    points = [(size, results.median(case, "ours", "inflate_s"))
              for size, case in _size_points(sizes)]
    points = [(size, seconds) for size, seconds in points if seconds and size >= sizes.base / 1024]
    if len(points) < 2:
        return None
    (small, small_s), (big, big_s) = points[0], points[-1]
    return (big_s / small_s) / (big / small)


def write(results, folder):
    """The page and the plots; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = cases.Sizes(_base_mib(results))
    panels = [(case, metric, heading.format(case)) for case in results.cases()
              for metric, heading in (("inflate_s", "{}"), ("deflate_s", "deflate after: {}"))
              if len(results.subjects(case)) > 1 and not _is_point(sizes, case)]
    shares = [cases.case_name(sizes.big, sizes.big_curve_given, f"files kept: {cases.share(keep)}")
              for keep in cases.KEEP_CURVE]
    lines = [("time to inflate half of a guest, populated", "guest, GiB", "seconds", "inflate_s",
              _size_points(sizes), (True, True)),
             ("time to deflate it", "guest, GiB", "seconds", "deflate_s", _size_points(sizes),
              (True, True)),
             ("time to inflate three quarters", "part of free memory in blocks below 2 MiB",
              "seconds", "inflate_s", [("scattered_share", case) for case in shares],
              (False, True))]
    pictures = [sheets.bars(results, panels, folder / "cases"),
                sheets.curves(results, lines, folder / "curves")]
    return sheets.write_page(results, "fastballoon: inflate and deflate", pictures, COLUMNS, folder)


def _is_point(sizes, case):
    return "files kept" in case or case in [name for _, name in _size_points(sizes)]


def text(results):
    """The closing text."""
    return sheets.text_tables(results, {name: COLUMNS[name] for name in TERMINAL_COLUMNS})


BENCHMARK = cli.Benchmark(
    name="inflate", description=__doc__, base_mib=cases.BASE_GUEST_MIB,
    copies=cases.BIG_TIMES, sessions=make_sessions, notes=notes, targets=targets, text=text,
    write=write)

if __name__ == "__main__":
    sys.exit(cli.main(BENCHMARK))
