# SPDX-License-Identifier: GPL-2.0-or-later
"""Stock and fastballoon side by side on the same kernel and QEMU: make demo, make bench-demo."""

import argparse
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from harness import accel, host, paths  # noqa: E402
from harness import guest as guest_module  # noqa: E402
from harness.errors import HarnessError  # noqa: E402

import cases  # noqa: E402
import report  # noqa: E402
import run as run_module  # noqa: E402
from progress import Progress  # noqa: E402
from results import Results, describe_run  # noqa: E402
from subjects import INFLATE_SUBJECTS, MIGRATE_SUBJECTS  # noqa: E402


def measured_notes(accelerator, flush_stock):
    """What a reader of the results must know."""
    stock_rows = "on in the stock rows too" if flush_stock else (
        "off in the stock rows, which run QEMU as it is")
    flush = ("under TCG, QEMU 7.2 itself may lose writes during a migration; fastballoon.so's flush "
             f"(tcg-flush=on) prevents it and was on in the rows of ours, {stock_rows}") if accelerator.name == "tcg" else "no TCG flush was needed"
    return [
        "inflate and deflate: from the QMP command balloon until query-balloon says that the size "
        "is reached; both ends are seen by the same polling loop in every row",
        "untouched: the guest has just booted; populated: a process used as much as is then "
        "inflated, and exited, so that the host has to give up real pages",
        "just before each inflate and each migration as much host memory was filled and freed as "
        "the guest or the destination may need: where the machine is itself a virtual machine, its "
        "hypervisor would otherwise provide those pages during the measurement",
        f"migration: over loopback TCP with {host.tcp_congestion_control()}, max-bandwidth 100 "
        "GiB/s, downtime-limit 2000 ms; time and bytes as query-migrate says",
        f"in every guest a process keeps writing and verifying patterns in {cases.VERIFY_MIB} MiB, "
        f"at most {cases.VERIFY_RATE_MIB_S} MiB a second, before, during and after",
        "guest kernels run with Debian's defaults, of which init_on_alloc=1 matters here",
        "free page reporting is off, except for our driver on the stock device while inflating, "
        "where it offers the queue that the driver inflates through",
        "a C program: a program without a guest that gives back as much populated memory "
        "of its own in one call",
        flush,
    ]


def measure(repetitions, flush_stock, progress):
    """Measure every case with every subject, interleaved; returns the results."""
    progress.show("which accelerator boots a Debian kernel here")
    accelerator = accel.choose()
    progress.say(f"accelerator: {accelerator.name}, since {accelerator.reason}")
    inflate_mib = run_module.guest_mib(cases.INFLATE_GUEST_MIB, 1)
    migrate_mib = run_module.guest_mib(cases.MIGRATE_GUEST_MIB, 2)
    notes = measured_notes(accelerator, flush_stock)
    for wanted, size in ((cases.INFLATE_GUEST_MIB, inflate_mib),
                         (cases.MIGRATE_GUEST_MIB, migrate_mib)):
        if size < wanted:
            notes.append(f"this machine had memory for a guest of {size} MiB only, not {wanted}")
            progress.say(notes[-1])
    results = Results(describe_run(accelerator, repetitions, notes))
    run = run_module.Run(accelerator, flush_stock, results.add, progress.show, progress.say)
    for repetition in range(1, repetitions + 1):
        if repetitions > 1:
            progress.say(f"repetition {repetition} of {repetitions}")
        for subject in INFLATE_SUBJECTS:
            cases.measure_inflate(run, subject, inflate_mib)
        cases.measure_limit(run, inflate_mib)
        for subject in MIGRATE_SUBJECTS:
            cases.measure_migration(run, subject, migrate_mib)
    if guest_module.boot_retries:
        notes.append(f"{len(guest_module.boot_retries)} boots hung or failed under TCG and were repeated")
    return results


def write_all(results, folder, json_path):
    """Write the JSON file, the page and the picture; returns the page's path."""
    results.write(json_path)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "report.html"
    page.write_text(report.html_page(results, "fastballoon beside the stock balloon"))
    (folder / "result.svg").write_text(report.plot_svg(results, "populated|migrate"))
    return page


def failed_subjects(results):
    """Titles of this project's subjects that lost memory or did not finish."""
    return [subject.title for subject in MIGRATE_SUBJECTS
            if subject.ours and set(results.verdicts(subject.name)) != {"ok"}]


def main():
    """Command line: see --help."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1, metavar="N")
    parser.add_argument("--flush-stock", action="store_true",
                        help="under TCG, switch our plugin's flush on in the stock rows too")
    parser.add_argument("--folder", type=Path, default=paths.BUILD / "demo",
                        help="where the page goes")
    parser.add_argument("--json", type=Path, help="where the results go (FOLDER/demo.json)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    progress = Progress()
    try:
        results = measure(options.repetitions, options.flush_stock, progress)
    except HarnessError as error:
        progress.say(f"demo: {error}")
        return 1
    except KeyboardInterrupt:
        progress.say("interrupted; the guests are gone")
        return 130
    page = write_all(results, options.folder, options.json or options.folder / "demo.json")
    progress.say("")
    print(report.text_table(results))
    print("\n" + "\n".join(f"* {note}" for note in results.meta["notes"]))
    print(f"\nPlots: {page}")
    failed = failed_subjects(results)
    if failed:
        print(f"demo: failed for: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
