# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables and plots from results: text for the terminal, SVG, and one HTML page without links."""

import html
import io
import re

from results import unit
from subjects import ALL_SUBJECTS

TITLES = {subject.name: subject.title for subject in ALL_SUBJECTS}
COLOURS = {"stock-no-hints": "#b9bec6", "stock": "#7d8590", "ours-on-stock": "#5aa9e6",
           "stock-on-ours": "#b08800", "ours": "#1f6feb", "limit": "#2da44e"}
# The metrics of a case in the order of the table, and what a row of it is called.
ROWS = {
    "inflate_s": "inflate", "deflate_s": "deflate", "rss_before_bytes": "QEMU's RSS before",
    "rss_inflated_bytes": "QEMU's RSS inflated", "migration_s": "migration time",
    "downtime_s": "downtime", "sent_bytes": "sent", "source_rss_before_bytes":
    "source RSS before", "source_rss_bytes": "source RSS after", "verdict": "verified memory",
}
# The metrics that are plotted and set in ratio to stock, and the title of such a plot.
PLOTTED = {"inflate_s": "{}", "deflate_s": "deflate after: {}", "migration_s": "time to {}",
           "sent_bytes": "bytes sent to {}"}
# The picture in the README is one of these, and every file names its licence.
LICENCE = "<!-- SPDX-License-Identifier: " "GPL-2.0-or-later -->"
PLOT_COLUMNS = 2


def title(subject):
    """A subject's name for people; what it was told beside its defaults stands in brackets."""
    name, _, params = subject.partition(" ")
    return TITLES.get(name, name.replace("-", " ")) + (f" ({params})" if params else "")


def colour(subject):
    """The colour of a subject in plots."""
    return COLOURS.get(subject.partition(" ")[0], "#8250df")


def value_text(metric, value):
    """A value with its unit, for people."""
    if value is None:
        return "-"
    if metric == "verdict":
        return value
    kind = unit(metric)
    if kind == "bytes":
        return f"{value / (1 << 20):,.0f} MiB" if abs(value) >= 10 << 20 else f"{value / 1024:,.0f} KiB"
    if kind == "us":
        return f"{value:.0f} us"
    if kind != "s":
        return f"{value:.1%}" if kind == "share" else f"{value:,.0f}"
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value:.2f} s"


def ratio_text(ratio):
    """"12x", or "" where there is no ratio."""
    if ratio is None:
        return ""
    return f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.1f}x"


def cell_text(results, case, metric, subject, with_spread):
    """Median, the least and the greatest where they are wanted, and ratio to stock."""
    text = value_text(metric, results.median(case, subject, metric))
    if metric == "verdict":
        return text
    spread = results.spread(case, subject, metric)
    if with_spread and spread and spread[0] != spread[1]:
        text += f" ({value_text(metric, spread[0])} to {value_text(metric, spread[1])})"
    if metric in PLOTTED and subject != "stock":
        ratio = ratio_text(results.ratio(case, metric, subject, "stock"))
        text += f"  {ratio}" if ratio else ""
    return text


def case_rows(results, case, with_spread=False):
    """[(title, [cell of each subject])] of a case."""
    subjects = results.subjects(case)
    rows = []
    for metric, title in ROWS.items():
        if any(results.median(case, subject, metric) is not None for subject in subjects):
            rows.append((title, [cell_text(results, case, metric, subject, with_spread)
                                 for subject in subjects]))
        if metric == "migration_s" and "stock-no-hints" in subjects:
            rows.append(("faster than without hints", [
                ratio_text(results.ratio(case, metric, subject, "stock-no-hints"))
                if subject != "stock-no-hints" else "" for subject in subjects]))
    return rows


def text_table(results):
    """The results for a terminal: a block for each case."""
    blocks = []
    for case in results.cases():
        header = ("", [TITLES[subject] for subject in results.subjects(case)])
        rows = [header] + case_rows(results, case)
        first = max(len(title) for title, _ in rows)
        widths = [max(len(row[1][i]) for row in rows) for i in range(len(header[1]))]
        lines = ["  ".join([title.ljust(first)] + [c.ljust(w) for c, w in zip(cells, widths)])
                 for title, cells in rows]
        blocks.append("\n".join([case] + [f"  {line}".rstrip() for line in lines]))
    return "\n\n".join(blocks)


def plot_svg(results, case_filter=""):
    """Bars of the compared metrics, one panel each, as an SVG document.

    case_filter: a regular expression that the names of the plotted cases match.
    """
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = [(case, metric) for case in results.cases() for metric in PLOTTED
              if re.search(case_filter, case) and any(
                  results.median(case, s, metric) for s in results.subjects(case))]
    rows = -(-len(panels) // PLOT_COLUMNS)
    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["font.family"] = "sans-serif"
    figure, axes = pyplot.subplots(rows, PLOT_COLUMNS, figsize=(13, 2.1 * rows + 0.4),
                                   squeeze=False)
    flat = [axis for row in axes for axis in row]
    for axis, (case, metric) in zip(flat, panels):
        _plot_panel(axis, results, case, metric)
    for axis in flat[len(panels):]:
        axis.remove()
    figure.tight_layout(h_pad=1.6, w_pad=3)
    output = io.StringIO()
    figure.savefig(output, format="svg")
    pyplot.close(figure)
    declaration, _, rest = output.getvalue().partition("\n")
    return f"{declaration}\n{LICENCE}\n{rest}"


def _plot_panel(axis, results, case, metric):
    subjects = [s for s in results.subjects(case) if results.median(case, s, metric) is not None]
    values = [results.median(case, subject, metric) for subject in subjects]
    draw_bars(axis, results, case, metric, subjects, values)
    axis.set_title(PLOTTED[metric].format(case), fontsize=9.5, loc="left", fontweight="bold")


def draw_bars(axis, results, case, metric, subjects, values):
    """A bar for each subject with its value and its ratio to stock."""
    bars = axis.barh([title(subject) for subject in subjects], values,
                     color=[colour(subject) for subject in subjects], height=0.7)
    for bar, subject in zip(bars, subjects):
        ratio = results.ratio(case, metric, subject, "stock") if subject != "stock" else None
        label = value_text(metric, bar.get_width())
        label += f"  ({ratio_text(ratio)})" if ratio else ""
        axis.annotate(label, (bar.get_width(), bar.get_y() + bar.get_height() / 2),
                      xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    axis.invert_yaxis()
    axis.set_xlim(0, max(values) * 1.35)
    axis.set_xticks([])
    axis.tick_params(axis="y", length=0, labelsize=9)
    for side in ("top", "right", "bottom"):
        axis.spines[side].set_visible(False)


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em;
       color: #1f2328; }
table { border-collapse: collapse; margin: 0.5em 0 1.5em; }
th, td { text-align: left; padding: 0.3em 1em 0.3em 0; border-bottom: 1px solid #d0d7de; }
.ok { color: #1a7f37; } .lost { color: #cf222e; font-weight: bold; }
svg { max-width: 100%; height: auto; }
"""


def html_page(results, title):
    """A page with the plots, the tables and what they were measured with; needs no network."""
    svg = re.sub(r"^.*?(?=<svg)", "", plot_svg(results), flags=re.S)
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>",
             f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>",
             "<p>Less is better everywhere. A factor such as 50x says how many times better than "
             "the distribution's own driver and device (stock driver, stock device).</p>", svg]
    for case in results.cases():
        parts.append(_html_table(results, case))
    parts += notes_and_machine(results.meta)
    return "\n".join(parts + ["</html>"])


def notes_and_machine(meta):
    """HTML of how it was measured, and with what."""
    parts = ["<h2>How it was measured</h2><ul>"]
    parts += [f"<li>{html.escape(note)}</li>" for note in meta["notes"]]
    parts.append("</ul><h2>Machine and versions</h2><table>")
    parts += [f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
              for name, text in meta_lines(meta)]
    return parts + ["</table>"]


def _html_table(results, case):
    header = "".join(f"<th>{html.escape(TITLES[s])}</th>" for s in results.subjects(case))
    lines = [f"<h2>{html.escape(case)}</h2><table><tr><th></th>{header}</tr>"]
    for title, cells in case_rows(results, case, with_spread=True):
        data = "".join(f"<td{cell_class(cell)}>{html.escape(cell)}</td>" for cell in cells)
        lines.append(f"<tr><th>{html.escape(title)}</th>{data}</tr>")
    return "\n".join(lines + ["</table>"])


def cell_class(cell):
    if cell == "ok":
        return " class=ok"
    return " class=lost" if cell.startswith(("LOST", "CRASHED", "FAILED")) else ""


def meta_lines(meta):
    """[(name, text)] of the machine, the versions and the run."""
    machine = meta["machine"]
    return [
        ("processor", f"{machine['cpu']}, {machine['cpus']} CPUs"),
        ("memory", f"{machine['memory_mib']} MiB, transparent huge pages: "
                   f"{machine['transparent_hugepage']}"),
        ("host kernel", machine["kernel"]),
        ("accelerator", f"{meta['accelerator']['name']}: {meta['accelerator']['reason']}"),
        ("QEMU", meta["versions"]["qemu"]),
        ("guest kernel", meta["versions"]["guest_kernel"]),
        ("fastballoon", meta["commit"]),
        ("repetitions", str(meta["repetitions"])),
        ("date", meta["date"]),
    ]
