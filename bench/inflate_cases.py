# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of make bench-inflate: a base case, and each dimension varied by itself."""

import re
import time
from dataclasses import replace

import costs
import hostmem
from harness import host
from harness.guest import MIB
from run import gigabytes
from session import Session, Step, Unavailable
from subjects import LIMIT, OURS, OURS_ON_STOCK, STOCK, STOCK_ON_OURS

BASE_GUEST_MIB = 4096
# Of the base guest: what is given of it, the big and fragmented one, and the curve's sizes.
GIVEN_SHARE = 3 / 4
BIG_TIMES = 2
CURVE_TIMES = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4)
CURVE_GIVEN_SHARE = 1 / 2
FRAGMENTED_GIVEN_SHARE = 7 / 8
FRAGMENTED_CURVE_SHARE = 3 / 4
# Of a fragmented guest less is left where it is small: files stay, and what they are kept in.
FRAGMENTED_KEPT_MIB = 1024
# One in so many of the small files stays; each is a multiple of the one before it.
KEEP_ONE_IN = 24
KEEP_CURVE = (24, 48, 96, 384, 0)
# Left to the guest while files fill it.
FILES_SPARE_MIB = 256
RESIZE_SECONDS = 90
PAUSE_SECONDS = 0.3
# Some 50 holds of a zone's lock each.
LOCK_CYCLES = 100
# Host memory that is filled and freed before a touch is timed, beside what is touched.
WARM_TIMES = 3
NEVER = "never-ballooned"
# Forced choices of our driver; the first row of ours is what it chooses by itself.
TRANSPORTS = ("sg", "bitmap", "pfn")
SOURCES = ("buddy", "alloc", "conservative")


def case_name(memory_mib, given_mib, state, init=1, huge_pages=True):
    """Name of a case, its setting in full."""
    pages = "" if huge_pages else ", 4 KiB host pages"
    return (f"inflate {gigabytes(given_mib)} of {gigabytes(memory_mib)}, init_on_alloc={init}, "
            f"{state}{pages}")


class Sizes:
    """The sizes of a run's guests, from that of the base guest."""

    def __init__(self, base_mib):
        self.base = base_mib
        self.given = int(base_mib * GIVEN_SHARE)
        self.big = base_mib * BIG_TIMES
        most = self.big - FRAGMENTED_KEPT_MIB
        self.big_given = min(int(self.big * FRAGMENTED_GIVEN_SHARE), most)
        self.big_curve_given = min(int(self.big * FRAGMENTED_CURVE_SHARE), most)
        self.curve = [int(base_mib * times) for times in CURVE_TIMES]

    @staticmethod
    def curve_given(memory_mib):
        """What the curve's points inflate of a guest."""
        return int(memory_mib * CURVE_GIVEN_SHARE)


def sessions(accelerator, sizes, flush_stock):
    """Every guest of a run and its steps, stock and ours in turn."""
    def config(subject, mib=sizes.base, reporting=False, **more):
        made = subject.config(mib, accelerator, reporting, flush_stock)
        if subject.device == "ours":
            made.device_options["page-bitmap"] = "on"
        return replace(made, driver=None, **more)

    return (_base_sessions(sizes, config) + _varied_sessions(sizes, config)
            + _fragmented_sessions(sizes, config) + _curve_sessions(sizes, config))


def _base_sessions(sizes, config):
    populated = case_name(sizes.base, sizes.given, "populated")
    untouched = case_name(sizes.base, sizes.given, "untouched")

    def both(subject):
        return [_resize("base/untouched", subject, untouched, sizes.given, 9),
                _resize("base/populated", subject, populated, sizes.given, 9),
                _touch_again("base/touch-again", subject, populated, sizes.given)]

    forced = [_resize(f"{kind}/{value}", OURS, populated, sizes.given, 5, f"{kind}={value}")
              for kind, values in (("transport", TRANSPORTS), ("page_source", SOURCES))
              for value in values]
    on_stock = [_resize(f"stock-device/{params}", OURS_ON_STOCK, populated, sizes.given, 6, params)
                for params in ("transport=pfn", "page_source=alloc")]
    report = [_never_ballooned("base/never-ballooned", populated, sizes.given),
              _resize("transport/report", OURS, populated, sizes.given, 5, "transport=report")]
    return [
        Session("stock", config(STOCK), both(STOCK)),
        Session("ours", config(OURS), both(OURS) + [_lock_holds(sizes)] + forced + [
            _resize("base/stock-on-ours", STOCK_ON_OURS, populated, sizes.given, 9)]),
        Session("ours-on-stock", config(OURS_ON_STOCK, reporting=True),
                both(OURS_ON_STOCK) + on_stock),
        Session("ours-reporting", config(OURS, reporting=True), report),
        Session("limit", None, [_limit("base/limit", populated, sizes.given, True)]),
    ]


def _varied_sessions(sizes, config):
    def init_off(subject):
        steps = [_resize(f"init_on_alloc/{state}", subject,
                         case_name(sizes.base, sizes.given, state, init=0), sizes.given, 9)
                 for state in ("untouched", "populated")]
        return Session(f"{subject.name}-init-0",
                       config(subject, kernel_args=("init_on_alloc=0",)), steps)

    small = case_name(sizes.base, sizes.given, "populated", huge_pages=False)

    def small_pages(subject):
        return Session(f"{subject.name}-4k", config(subject, launcher=hostmem.WITHOUT_HUGE_PAGES),
                       [_resize("huge-pages/off", subject, small, sizes.given, 11)])

    return [init_off(STOCK), init_off(OURS), small_pages(STOCK), small_pages(OURS),
            Session("limit-4k", None, [_limit("huge-pages/limit", small, sizes.given, False)])]


def _fragmented_sessions(sizes, config):
    case = case_name(sizes.big, sizes.big_given, "fragmented")
    fresh = sizes.curve_given(sizes.big)

    def main(subject):
        return _resize("fragmented/main", subject, case, sizes.big_given, 45, prepare=_fragment)

    def size_point(subject):
        return _resize("curve/size", subject, case_name(sizes.big, fresh, "populated"), fresh,
                       14)

    def points(subject):
        return [_resize("curve/fragmentation", subject,
                        case_name(sizes.big, sizes.big_curve_given, f"files kept: {share(keep)}"),
                        sizes.big_curve_given, 6, prepare=lambda bench, _, keep=keep: _thin(
                            bench, keep))
                for keep in KEEP_CURVE]

    forced = [_resize(f"fragmented/{params}", OURS, case, sizes.big_given, 12, params,
                      prepare=_fragment_again)
              for params in ("transport=sg", "transport=bitmap", "page_source=alloc",
                             "page_source=conservative")]
    # The curve deletes the files that the others need.
    stock = [size_point(STOCK), main(STOCK)] + points(STOCK)
    ours = [size_point(OURS), main(OURS)] + forced + points(OURS)
    on_stock = config(OURS_ON_STOCK, sizes.big, reporting=True)
    return [Session("stock-big", config(STOCK, sizes.big), stock),
            Session("ours-big", config(OURS, sizes.big), ours),
            Session("ours-on-stock-big", on_stock, [main(OURS_ON_STOCK)])]


def _curve_sessions(sizes, config):
    made = []
    for mib in sizes.curve:
        given = sizes.curve_given(mib)
        for subject in (STOCK, OURS):
            if mib != sizes.big and host.fit_guest_mib(mib) == mib:
                step = _resize("curve/size", subject, case_name(mib, given, "populated"), given,
                               4 + mib / 600, in_a_row=True)
                made.append(Session(f"{subject.name}-{mib}", config(subject, mib), [step]))
    return made


def share(keep_one_in):
    """Name of a share of files."""
    return f"1 in {keep_one_in}" if keep_one_in else "none"


# What the steps do

def _resize(key, subject, case, given_mib, seconds, params="", prepare=None, in_a_row=False):
    """A step that inflates and deflates; what is not in its case is in the subject's name."""
    def work(bench, record):
        bench.use_driver(subject.driver, params)
        (prepare or _prepare_by_name(case))(bench, given_mib)
        measure_resize(bench, record, given_mib)

    name = f"{subject.name} {params}".strip()
    return Step(key, name, case, work, seconds, in_a_row)


def _prepare_by_name(case):
    return _populate if "populated" in case else _leave_untouched


def _populate(bench, given_mib):
    bench.show(f"a process uses {gigabytes(given_mib)} and exits")
    bench.guest.touch(given_mib)


def _leave_untouched(bench, given_mib):
    bench.show("fill and free host memory")
    hostmem.warm(given_mib)


def _fragment(bench, _):
    """Fill the guest with small files and delete most; the host has all of it populated then."""
    guest = bench.guest
    _thin(bench, 0)
    filled = guest.meminfo_kib("MemAvailable") // 1024 - FILES_SPARE_MIB
    bench.show(f"fill {gigabytes(filled)} with small files and delete most")
    guest.command(f"files {filled * MIB}", timeout=300)
    bench.state["files"] = True
    _thin(bench, KEEP_ONE_IN)


def _fragment_again(bench, given_mib):
    """As _fragment(); where the files are there already, the free memory is populated again."""
    if bench.state.get("kept") != KEEP_ONE_IN:
        _fragment(bench, given_mib)
    else:
        _populate(bench, given_mib)


def _thin(bench, keep_one_in):
    if not bench.state.get("files"):
        if keep_one_in:
            raise Unavailable("there are no small files: fragmented/main has to run first")
        return
    bench.guest.command(f"thin {keep_one_in}", timeout=120)
    bench.state["kept"] = keep_one_in


def measure_resize(bench, record, given_mib):
    """Inflate, look at what it cost, deflate."""
    guest = bench.guest
    memory_mib = guest.config.memory_mib
    record("rss_before_bytes", guest.machine.rss_bytes())
    record("scattered_share", scattered_share(guest))
    _timed(bench, record, "inflate", memory_mib - given_mib)
    rss, huge = costs.qemu_memory(guest)
    record("rss_inflated_bytes", rss)
    record("huge_inflated_bytes", huge)
    costs.record_driver(guest, record)
    time.sleep(PAUSE_SECONDS)
    _timed(bench, record, "deflate", memory_mib)


def _timed(bench, record, name, target_mib):
    guest = bench.guest
    before = costs.look(guest)
    bench.show(name)
    record(f"{name}_s", guest.set_memory(target_mib, RESIZE_SECONDS, lambda actual: bench.show(
        name, f": the guest has {actual // MIB} MiB")))
    for metric, change in costs.differences(before, costs.look(guest)):
        record(f"{name}_{metric}", change)


def scattered_share(guest):
    """The part of free memory that is in blocks of less than 2 MiB, of 0 to 1."""
    free = small = 0
    for line in guest.read("/proc/buddyinfo").splitlines():
        counts = [int(count) for count in re.sub(r".*zone +\S+", "", line).split()]
        pages = [count << order for order, count in enumerate(counts)]
        free += sum(pages)
        small += sum(pages[:9])
    return small / free if free else 0.0


def lock_case(sizes):
    """Name of the case of the zones' locks."""
    return f"zone->lock, {LOCK_CYCLES} cycles of {gigabytes(sizes.given)} of {gigabytes(sizes.base)}"


def _lock_holds(sizes):
    """Inflate and deflate so often that the longest holds say something."""
    def work(bench, record):
        bench.use_driver(OURS.driver)
        bench.show(f"inflate and deflate {LOCK_CYCLES} times")
        for _ in range(LOCK_CYCLES):
            for target_mib in (sizes.base - sizes.given, sizes.base):
                bench.guest.set_memory(target_mib, RESIZE_SECONDS)
        costs.record_driver(bench.guest, record)

    return Step("base/zone-lock", OURS.name, lock_case(sizes), work, 12)


def _touch_again(key, subject, case, given_mib):
    """Use what was ballooned and returned, and see what the host gives for it."""
    def work(bench, record):
        bench.use_driver(subject.driver)
        record("touch_again_s", _touch_seconds(bench, given_mib))
        record("huge_after_bytes", costs.qemu_memory(bench.guest)[1])

    return Step(key, subject.name, case, work, 5)


def _never_ballooned(key, case, given_mib):
    """The same in a guest whose balloon was never inflated: what touch-again is compared with."""
    def work(bench, record):
        bench.use_driver(OURS.driver)
        record("touch_again_s", _touch_seconds(bench, given_mib))
        record("huge_after_bytes", costs.qemu_memory(bench.guest)[1])

    return Step(key, NEVER, case, work, 6)


def _touch_seconds(bench, given_mib):
    """Both rows alike: what a balloon cycle has just freed may be gone to the host's own host."""
    _leave_untouched(bench, given_mib * WARM_TIMES)
    bench.show(f"a process uses {gigabytes(given_mib)} and exits")
    started = time.monotonic()
    bench.guest.touch(given_mib)
    return time.monotonic() - started


def _limit(key, case, given_mib, huge_pages):
    def work(bench, record):
        bench.show("a C program gives its own memory back")
        record("inflate_s", hostmem.limit_s(given_mib, huge_pages))

    return Step(key, LIMIT.name, case, work, 4)
