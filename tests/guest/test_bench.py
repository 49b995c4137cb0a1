# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmarks: they run to their end, in small, and a row that fails spoils no other."""

import json
import re
import subprocess
import sys

import pytest

from harness import host, paths
from harness.errors import HarnessError

sys.path.insert(0, str(paths.TOP / "bench"))

import targets  # noqa: E402
from results import Results  # noqa: E402
from run import Run  # noqa: E402
from session import Session, Step, Unavailable, measure  # noqa: E402

META = {"notes": []}


def run_benchmark(name, guest_mib, cases, copies, folder):
    """Run a benchmark once with small guests; returns its results as JSON."""
    if host.fit_guest_mib(guest_mib, copies) < guest_mib:
        pytest.skip(f"{copies} guests of {guest_mib} MiB need more memory than this machine has "
                    f"free: {host.available_mib()} MiB")
    done = subprocess.run(
        ["/usr/bin/python3", paths.TOP / "bench" / f"{name}.py", "--repetitions", "1",
         "--guest-mib", str(guest_mib), "--cases", cases, "--output", folder],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Targets:" in done.stdout
    page = (folder / name / "index.html").read_text()
    assert "<svg" in page and not re.search(r'(src|href)="?https?:', page)
    return json.loads((folder / f"{name}.json").read_text())


def values_of(data, subject):
    """{metric: median} of a subject's only case."""
    return {entry["metric"]: entry["median"] for entry in data["results"]
            if entry["subject"] == subject}


def test_inflate(tmp_path):
    """Stock, ours and the C program: each with figures, the guests' memory verified."""
    data = run_benchmark("inflate", 768, "base/populated (stock|ours)$|base/limit", 2, tmp_path)
    for subject in ("stock", "ours"):
        values = values_of(data, subject)
        assert values["verdict"] == "ok"
        assert values["inflate_s"] > 0 and values["inflate_requests"] > 0
        assert values["rss_inflated_bytes"] < values["rss_before_bytes"]
    assert values_of(data, "ours")["inflate_ranges"] > 0
    assert values_of(data, "limit")["inflate_s"] > 0
    assert any(ratio["subject"] == "ours" and ratio["metric"] == "inflate_s"
               for ratio in data["ratios"])
    assert {target["state"] for target in data["meta"]["targets"]} <= {
        "met", "NOT MET", "not measured", ""}


def test_migration(tmp_path):
    """Stock, ours and the C program migrate an idle guest; the destinations verify memory."""
    data = run_benchmark("migration", 768, "idle (stock|ours)$", 2, tmp_path)
    for subject in ("stock", "ours"):
        values = values_of(data, subject)
        assert values["verdict"] == "ok"
        assert values["migration_s"] > 0 and values["sent_bytes"] > 0
        assert values["source_cpu_s"] > 0 and values["destination_cpu_s"] > 0
        assert 0 < values["in_use_bytes"] < 768 << 20
    assert values_of(data, "ours")["hinted_bytes"] > 0
    assert values_of(data, "limit")["migration_s"] > 0


def test_steps_do_not_spoil_each_other():
    """What fails or is not there is told in its own row; the others are measured."""
    def fail(bench, record):
        raise HarnessError("the cause")

    def lack(bench, record):
        raise Unavailable("no such thing")

    steps = [Step("a", "ours", "case a", fail, 1), Step("b", "ours", "case b", lack, 1),
             Step("c", "ours", "case c", lambda bench, record: record("inflate_s", 2.0), 1)]
    results, told = Results(META), []
    run = Run(None, True, results.add, lambda *_: None, told.append)
    measure(run, Session("none", None, steps))
    assert results.median("case a", "ours", "verdict") == "FAILED (the cause)"
    assert results.median("case b", "ours", "verdict") == "not available: no such thing"
    assert results.median("case c", "ours", "inflate_s") == 2.0
    assert len(told) == 2


def test_a_filter_and_the_repetition_choose_steps():
    """Steps are chosen by key and subject; those in a row are all in the first repetition."""
    steps = [Step("a", "ours", "case", None, 1), Step("a", "ours x=1", "case", None, 1, True)]
    session = Session("none", None, steps)
    assert session.matching(re.compile("a ours$")).steps == steps[:1]
    assert session.matching(re.compile("")).steps == steps
    assert session.matching(re.compile(""), 1, 3).steps == steps + steps[1:] * 2
    assert session.matching(re.compile(""), 3, 3).steps == steps[:1]
    assert Session("none", None, []).seconds() == 0


def test_targets():
    """A figure meets its bound, misses it, or is not there."""
    assert targets.at_least("t", 3, 2)[2] == "met"
    assert targets.at_least("t", 1, 2)[2] == "NOT MET"
    assert targets.at_most("t", 3, 2)[2] == "NOT MET"
    assert targets.at_most("t", None, 2)[2] == "not measured"
    assert targets.quotient(1, 0) is None
