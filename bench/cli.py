# SPDX-License-Identifier: GPL-2.0-or-later
"""Command line of the benchmarks that consist of sessions: filter, estimate, run, write."""

import argparse
import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from harness import accel, paths
from harness import guest as guest_module
from harness.errors import HarnessError

from progress import Progress
from results import Results, describe_run
from run import Run, guest_mib
from session import NOT_AVAILABLE, measure


@dataclass(frozen=True)
class Benchmark:
    """What is measured, and how it is shown.

    name: of the results below build/bench. base_mib, copies: size of the base guest, and how many
    of it are in memory at once. sessions(accelerator, base_mib, flush_stock): all guests and
    steps. notes(accelerator, flush_stock): what a reader must know. text(results): the closing
    text. write(results, folder): the page and the plots; returns the page's path.
    targets(results): [(text, figure, state)].
    """

    name: str
    description: str
    base_mib: int
    copies: int
    sessions: object
    notes: object
    targets: object
    text: object
    write: object


def _options(benchmark):
    parser = argparse.ArgumentParser(description=benchmark.description)
    parser.add_argument("--repetitions", type=int, default=5, metavar="N")
    parser.add_argument("--cases", type=re.compile, default=re.compile(""), metavar="REGEX",
                        help="only the cases whose key and subject, as --list shows them with "
                             "one space between, match")
    parser.add_argument("--list", action="store_true", help="show the cases and their estimates")
    parser.add_argument("--guest-mib", type=int, default=benchmark.base_mib, metavar="MIB",
                        help="size of the base guest; every other size follows from it")
    parser.add_argument("--minutes", type=float, metavar="N",
                        help="begin no guest of a second or later repetition that would not be "
                             "done by then")
    parser.add_argument("--stock-as-is", action="store_true",
                        help="under TCG, leave our plugin's flush out of the stock rows")
    parser.add_argument("--output", type=Path, default=paths.BUILD / "bench",
                        help="the folder of the results")
    parser.add_argument("--redraw", action="store_true",
                        help="measure nothing, draw the page of the results that are there")
    return parser.parse_args()


def _plan(sessions, options):
    """[[session]] of each repetition, without what nothing is left of."""
    plan = []
    for repetition in range(1, options.repetitions + 1):
        matching = [session.matching(options.cases, repetition, options.repetitions)
                    for session in sessions]
        plan.append([session for session in matching if session.steps])
    return plan


def _minutes(seconds):
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _list_plan(plan, detailed):
    lines = []
    for session in plan[0]:
        lines.append(f"guest {session.name}: about {session.seconds():.0f} s, "
                     f"{len(session.steps)} cases")
        if detailed:
            lines += [f"  {step.key + ' ' + step.subject:54} {step.case}"
                      for step in dict.fromkeys(session.steps)]
    total = sum(session.seconds() for sessions in plan for session in sessions)
    lines.append(f"{len(plan[0])} guests or programs in the first repetition, "
                 f"{_minutes(sum(s.seconds() for s in plan[0]))}; {len(plan)} repetitions, about "
                 f"{_minutes(total)}")
    return lines


class _Clock:
    """How long a run has taken, and may still take, by its estimates and by its pace so far."""

    def __init__(self, plan, minutes):
        self._started = time.monotonic()
        self._all = self._left = sum(session.seconds() for sessions in plan for session in sessions)
        self._limit_s = minutes * 60 if minutes else None

    def _elapsed(self):
        return time.monotonic() - self._started

    def _pace(self):
        return self._elapsed() / (self._all - self._left) if self._all > self._left else 1.0

    def done(self, session):
        """A session is done."""
        self._left -= session.seconds()

    def left_text(self):
        """How long the rest may take."""
        return _minutes(self._left * self._pace())

    def too_late(self, session):
        """Whether a session would end after the limit."""
        return self._limit_s is not None and (
            self._elapsed() + session.seconds() * self._pace() > self._limit_s)


def _measure_plan(run, plan, clock, meta):
    """Measure every repetition, and say after each session how long the rest may take.

    Leaves in `meta` the seconds that each session took.
    """
    taken = meta["session_seconds"] = {}
    for repetition, sessions in enumerate(plan, 1):
        for number, session in enumerate(sessions, 1):
            if repetition > 1 and clock.too_late(session):
                meta["notes"].append(f"the time allowed was over in repetition {repetition} of "
                                     f"{len(plan)}, after {number - 1} of {len(sessions)} guests")
                return
            seconds = measure(run, session)
            taken.setdefault(session.name, []).append(round(seconds, 1))
            clock.done(session)
            run.tell(f"repetition {repetition} of {len(plan)}, {number} of {len(sessions)} guests "
                     f"done; about {clock.left_text()} left")


def _run(benchmark, options, progress):
    """Measure; returns the results, None where only a list was wanted."""
    progress.show("which accelerator boots a Debian kernel here")
    accelerator = accel.choose()
    base_mib = guest_mib(options.guest_mib, benchmark.copies)
    flush_stock = not options.stock_as_is
    notes = benchmark.notes(accelerator, flush_stock)
    if base_mib < options.guest_mib:
        notes.append(f"this machine had memory for a guest of {base_mib} MiB only, not "
                     f"{options.guest_mib}")
    plan = _plan(benchmark.sessions(accelerator, base_mib, flush_stock), options)
    if not plan or not plan[0]:
        raise HarnessError(f"no case matches {options.cases.pattern!r}: --list shows them")
    progress.say("\n".join(_list_plan(plan, options.list)))
    if options.list:
        return None
    progress.say(f"accelerator: {accelerator.name}, since {accelerator.reason}")
    results = Results(describe_run(accelerator, options.repetitions, notes))
    results.meta["base_mib"] = base_mib
    results.meta["cases"] = options.cases.pattern
    started = time.monotonic()
    try:
        _measure_plan(Run(accelerator, flush_stock, results.add, progress.show, progress.say), plan,
                      _Clock(plan, options.minutes), results.meta)
    except KeyboardInterrupt:
        progress.say("interrupted; the guests are gone, what was measured is kept")
        results.meta["interrupted"] = True
    results.meta["seconds"] = round(time.monotonic() - started)
    if guest_module.boot_retries:
        notes.append(f"{len(guest_module.boot_retries)} boots hung or failed under TCG and were repeated")
    return results


def _target_lines(targets):
    width = max((len(text) for text, _, _ in targets), default=0)
    return [f"  {text.ljust(width)}  {figure:>22}  {state}" for text, figure, state in targets]


def _finish(benchmark, options, results):
    """Write and print everything; returns the exit status."""
    targets = benchmark.targets(results)
    results.meta["targets"] = [{"target": text, "figure": figure, "state": state}
                               for text, figure, state in targets]
    json_path = options.output / f"{benchmark.name}.json"
    results.write(json_path)
    page = benchmark.write(results, options.output / benchmark.name)
    print(benchmark.text(results))
    print("\n" + "\n".join(f"* {note}" for note in results.meta["notes"]))
    print("\nTargets:\n" + "\n".join(_target_lines(targets)))
    print(f"\nResults: {json_path}\nPlots:   {page}")
    bad = failures(results)
    for line in bad:
        print(f"{benchmark.name}: {line}", file=sys.stderr)
    return 1 if bad or results.meta.get("interrupted") else 0


def failures(results):
    """What went wrong with this project's rows: lost memory, and guests that did not finish."""
    lines = []
    for case in results.cases():
        for subject in results.subjects(case):
            verdict = results.median(case, subject, "verdict") or "ok"
            if "ours" in subject and verdict != "ok" and not verdict.startswith(NOT_AVAILABLE):
                lines.append(f"{case}: {subject}: {verdict}")
    return lines


def main(benchmark):
    """Run a benchmark from the command line; returns the exit status.

    A failed row of a stock subject, a row that is not available and a target that is not met are
    results; a failed row of ours is a failure.
    """
    options = _options(benchmark)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress = Progress()
    try:
        if options.redraw:
            results = Results.read(options.output / f"{benchmark.name}.json")
        else:
            results = _run(benchmark, options, progress)
    except (HarnessError, OSError) as error:
        progress.say(f"{benchmark.name}: {error}")
        return 1
    except KeyboardInterrupt:
        progress.say("interrupted; the guests are gone")
        return 130
    return _finish(benchmark, options, results) if results else 0
