#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the test suites in order, collects their JUnit XML and prints the closing line.

A suite that ends in no XML, crashes or exceeds its time counts as one failed test.
"""
import argparse
import os
import pathlib
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

# Each suite's tests and the seconds that it may take; in the order in which they run.
SUITES = {
    "lint": ("tests/lint", 180),
    "setup": ("tests/setup", 180),
    "unit": (None, 300),
    "tool": ("tests/tool", 300),
    "qtest": ("tests/qtest", 600),
    "guest": ("tests/guest", 1800),
}
XML_DIR = pathlib.Path("build/check")
PYTEST_NO_TESTS = 5


class Tally:
    """Counts over all suites, and what is to be told of failed and skipped tests."""

    def __init__(self):
        self.passed = 0
        self.failures = []
        self.skips = []

    def add_xml(self, suite, path):
        """Counts the test cases of one XML file; returns how many it holds, None if unreadable."""
        try:
            # pytest leaves a case without a name for the test that an interrupt ended.
            cases = [case for case in ElementTree.parse(path).getroot().iter("testcase")
                     if case.get("name")]
        except (OSError, ElementTree.ParseError):
            return None
        for case in cases:
            name = f"{suite}: {case.get('classname', '')} {case.get('name', '')}"
            bad = [part for part in case if part.tag in ("failure", "error")]
            skipped = [part for part in case if part.tag == "skipped"]
            if bad:
                self.failures.append(f"{name}: {first_line(bad[0])}")
            elif skipped:
                self.skips.append(f"{name}: {first_line(skipped[0])}")
            else:
                self.passed += 1
        return len(cases)

    def closing_line(self):
        return f"{self.passed} passed, {len(self.failures)} failed, {len(self.skips)} skipped"


def first_line(part):
    """What an XML part says, shortened to one line."""
    text = (part.get("message") or part.text or "").strip()
    return text.splitlines()[0][:200] if text else "no reason given"


def run(command, seconds, environment):
    """Runs a command in a process group of its own; returns its status, None if out of time."""
    # Who is started in the background of a shell ignores SIGINT, and its children would, too.
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        end_group(process)


def end_group(process):
    """Ends a command, gently first so that it can tidy up, and all that it has left running."""
    for number, patience in ((signal.SIGINT, 30), (signal.SIGTERM, 5)):
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run_pytest(tally, suite, folder, seconds, environment):
    xml = XML_DIR / f"{suite}.xml"
    if not pathlib.Path(folder).is_dir():
        tally.failures.append(f"{suite}: there is no {folder}")
        return
    status = run(["/usr/bin/python3", "-m", "pytest", "-v", "--tb=short", "--color=auto",
                  "-p", "no:cacheprovider", f"--basetemp={XML_DIR / 'tmp'}", f"--junitxml={xml}",
                  folder], seconds, environment)
    before = len(tally.failures)
    count = tally.add_xml(suite, xml)
    if status is None:
        tally.failures.append(f"{suite}: not done after {seconds} s, ended")
    elif status == PYTEST_NO_TESTS or count == 0:
        tally.failures.append(f"{suite}: holds no test")
    elif count is None:
        tally.failures.append(f"{suite}: ended with status {status} and without results")
    elif status != 0 and len(tally.failures) == before:
        tally.failures.append(f"{suite}: ended with status {status} though no test failed")


def run_program(tally, suite, program, seconds, environment):
    """Runs one cmocka program; each of its groups writes an XML file."""
    name = pathlib.Path(program).name
    pattern = XML_DIR / f"{suite}-{name}-%g.xml"
    status = run([program], seconds, environment | {
        "CMOCKA_MESSAGE_OUTPUT": "xml", "CMOCKA_XML_FILE": str(pattern)})
    before = len(tally.failures)
    files = sorted(XML_DIR.glob(f"{suite}-{name}-*.xml"))
    counts = [tally.add_xml(f"{suite} {name}", path) for path in files]
    if status is None:
        tally.failures.append(f"{suite}: {name} not done after {seconds} s, ended")
    elif not counts or None in counts:
        tally.failures.append(f"{suite}: {name} ended with status {status} and without results")
    elif status != 0 and len(tally.failures) == before:
        tally.failures.append(f"{suite}: {name} ended with status {status} though no test failed")
    print(f"{name}: {sum(count or 0 for count in counts)} tests, status {status}", flush=True)


def run_suite(tally, suite, programs):
    folder, seconds = SUITES[suite]
    print(f"== {suite}", flush=True)
    for stale in XML_DIR.glob(f"{suite}[.-]*xml"):
        stale.unlink()
    # The make that calls this gives its job server and flags to no test.
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    if folder:
        run_pytest(tally, suite, folder, seconds, environment)
        return
    if not programs:
        tally.failures.append(f"{suite}: no test program was built")
    deadline = time.monotonic() + seconds
    for program in programs:
        left = max(1, round(deadline - time.monotonic()))
        run_program(tally, suite, program, left, environment)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="+", choices=SUITES, metavar="SUITE")
    parser.add_argument("--programs", default="", help="the unit suite's programs, by spaces")
    arguments = parser.parse_args()
    # As Ctrl-C does: what runs is ended before this is.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    XML_DIR.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    for suite in SUITES:
        if suite in arguments.suites:
            run_suite(tally, suite, arguments.programs.split())
    for line in tally.skips:
        print("SKIPPED", line)
    for line in tally.failures:
        print("FAILED", line)
    print(tally.closing_line())
    return 1 if tally.failures or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
