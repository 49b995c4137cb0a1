# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of a benchmark in the one schema that every plot and document is drawn from.

{"meta": {...},
 "results": [{"case", "subject", "metric", "unit", "values", "median"}],
 "ratios": [{"case", "metric", "subject", "baseline", "ratio"}]}

A metric's name says its unit; one that says none is a count. The metric "verdict" is a text: its
median is "ok" where every value is, else the first that is not. A ratio over 1 means that the
subject is better than the baseline; for every metric that has one, less is better.
"""

import datetime
import json
import statistics
import subprocess

from harness import host, paths

UNITS = {"_s": "s", "_us": "us", "_bytes": "bytes", "_share": "share", "verdict": "text"}
RATIO_METRICS = ("inflate_s", "deflate_s", "touch_again_s", "migration_s", "sent_bytes",
                 "source_rss_bytes", "destination_rss_bytes", "work_s")
BASELINES = ("stock", "stock-no-hints")


def unit(metric):
    """The unit that a metric's name says."""
    return next((text for end, text in UNITS.items() if metric.endswith(end)), "count")


class Results:
    """Values by case, subject and metric, in the order in which they came."""

    def __init__(self, meta):
        self.meta = meta
        self._values = {}
        self.compared = RATIO_METRICS

    def add(self, subject, case, metric, value):
        """Keep one repetition's value."""
        self._values.setdefault((case, subject, metric), []).append(value)

    def median(self, case, subject, metric):
        """Median of the repetitions, or None where there is no value."""
        values = self._values.get((case, subject, metric))
        if not values:
            return None
        if metric == "verdict":
            return next((value for value in values if value != "ok"), "ok")
        return statistics.median(values)

    def spread(self, case, subject, metric):
        """(least, greatest) of the repetitions, or None."""
        values = self._values.get((case, subject, metric))
        return (min(values), max(values)) if values else None

    def cases(self):
        """Names of the cases, in order."""
        return list(dict.fromkeys(case for case, _, _ in self._values))

    def subjects(self, case):
        """Names of the subjects of a case, in order."""
        return list(dict.fromkeys(s for c, s, _ in self._values if c == case))

    def verdicts(self, subject):
        """Every verdict of a subject, over cases and repetitions."""
        return [value for (_, name, metric), values in self._values.items()
                if name == subject and metric == "verdict" for value in values]

    def ratio(self, case, metric, subject, baseline):
        """How many times better the subject's median is than the baseline's, or None."""
        ours = self.median(case, subject, metric)
        theirs = self.median(case, baseline, metric)
        return theirs / ours if ours and theirs else None

    def to_dict(self):
        """The results in the schema above."""
        results = [{"case": case, "subject": subject, "metric": metric, "unit": unit(metric),
                    "values": values, "median": self.median(case, subject, metric)}
                   for (case, subject, metric), values in self._values.items()]
        return {"meta": self.meta, "results": results, "ratios": self._ratios()}

    def write(self, path):
        """Write the results as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_dict(), indent=1) + "\n")

    @classmethod
    def read(cls, path):
        """Results that write() wrote."""
        data = json.loads(path.read_text())
        results = cls(data["meta"])
        for entry in data["results"]:
            results._values[entry["case"], entry["subject"], entry["metric"]] = entry["values"]
        return results

    def _ratios(self):
        ratios = []
        for case, subject, metric in self._values:
            for baseline in BASELINES:
                ratio = metric in RATIO_METRICS and subject != baseline and self.ratio(
                    case, metric, subject, baseline)
                if ratio:
                    ratios.append({"case": case, "metric": metric, "subject": subject,
                                   "baseline": baseline, "ratio": round(ratio, 2)})
        return ratios


def describe_run(accelerator, repetitions, notes):
    """The meta part: the machine, the versions and what a reader must know."""
    return {
        "machine": host.describe(),
        "accelerator": {"name": accelerator.name, "reason": accelerator.reason},
        "versions": {"qemu": host.qemu_version(), "guest_kernel": paths.kernel_release()},
        "commit": _commit(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "repetitions": repetitions,
        "notes": notes,
    }


def _commit():
    found = subprocess.run(["git", "-C", str(paths.TOP), "describe", "--always", "--dirty"],
                           capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
