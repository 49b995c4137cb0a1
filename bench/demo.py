# SPDX-License-Identifier: GPL-2.0-or-later
"""Stock and fastballoon side by side on the same kernel and QEMU: make demo, make bench-demo."""

import argparse
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from harness import accel, paths  # noqa: E402
from harness import guest as guest_module  # noqa: E402
from harness.errors import HarnessError  # noqa: E402

import cases  # noqa: E402
import report  # noqa: E402
from progress import Progress  # noqa: E402
from results import Results, describe_run  # noqa: E402
from subjects import ALL_SUBJECTS, INFLATE_SUBJECTS, MIGRATE_SUBJECTS  # noqa: E402


def measured_notes(accelerator):
    """What a reader of the results must know."""
    flush = ("under TCG, QEMU 7.2 itself may lose writes during a migration; fastballoon.so's flush "
             "(tcg-flush=on) prevents it and was on in the rows of ours, off in the stock rows, "
             "which run QEMU as it is") if accelerator.name == "tcg" else "no TCG flush was needed"
    return [
        "inflate and deflate: from the QMP command balloon until query-balloon says that the size "
        "is reached; both ends are seen by the same polling loop in every row",
        "untouched: the guest has just booted; populated: a process used as much as is then "
        "inflated, and exited, so that the host has to give up real pages",
        "migration: over loopback TCP, max-bandwidth 100 GiB/s, downtime-limit 2000 ms; time and "
        "bytes as query-migrate says",
        f"in every guest a process keeps writing and verifying patterns in {cases.VERIFY_MIB} MiB, "
        f"at most {cases.VERIFY_RATE_MIB_S} MiB a second, before, during and after",
        "guest kernels run with Debian's defaults, of which init_on_alloc=1 matters here",
        "free page reporting is off, except for our driver on the stock device while inflating, "
        "where it offers the queue that the driver inflates through",
        flush,
    ]


def run(repetitions, progress):
    """Measure every case with every subject, interleaved; returns the results."""
    progress.show("which accelerator boots a Debian kernel here")
    accelerator = accel.choose()
    progress.say(f"accelerator: {accelerator.name}, since {accelerator.reason}")
    inflate_mib = cases.guest_mib(cases.INFLATE_GUEST_MIB, 1)
    migrate_mib = cases.guest_mib(cases.MIGRATE_GUEST_MIB, 2)
    notes = measured_notes(accelerator)
    for wanted, size in ((cases.INFLATE_GUEST_MIB, inflate_mib),
                         (cases.MIGRATE_GUEST_MIB, migrate_mib)):
        if size < wanted:
            notes.append(f"this machine had memory for a guest of {size} MiB only, not {wanted}")
            progress.say(notes[-1])
    results = Results(describe_run(accelerator, repetitions, notes))
    for repetition in range(1, repetitions + 1):
        if repetitions > 1:
            progress.say(f"repetition {repetition} of {repetitions}")
        for subject in INFLATE_SUBJECTS:
            cases.measure_inflate(subject, inflate_mib, accelerator,
                                  _recorder(results, subject), progress.show, progress.say)
        for subject in MIGRATE_SUBJECTS:
            cases.measure_migration(subject, migrate_mib, accelerator,
                                    _recorder(results, subject), progress.show, progress.say)
    if guest_module.boot_retries:
        notes.append(f"{len(guest_module.boot_retries)} boots hung under TCG and were repeated")
    return results


def _recorder(results, subject):
    return lambda case, metric, value: results.add(case, subject.name, metric, value)


def write_all(results, folder, json_path):
    """Write the JSON file, the page and the picture; returns the page's path."""
    results.write(json_path)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "report.html"
    page.write_text(report.html_page(results, "fastballoon beside the stock balloon"))
    (folder / "result.svg").write_text(report.plot_svg(results))
    return page


def failed_subjects(results):
    """Titles of this project's subjects that lost memory or did not finish."""
    return [subject.title for subject in ALL_SUBJECTS
            if subject.ours and set(results.verdicts(subject.name)) != {"ok"}]


def main():
    """Command line: see --help."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1, metavar="N")
    parser.add_argument("--folder", type=Path, default=paths.BUILD / "demo",
                        help="where the page goes")
    parser.add_argument("--json", type=Path, help="where the results go (FOLDER/demo.json)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    progress = Progress()
    try:
        results = run(options.repetitions, progress)
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
