# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables, bars and curves of benchmarks with many subjects in a case, and their page."""

import html
import io
import re

from report import (LICENCE, STYLE, cell_class, colour, draw_bars, notes_and_machine, ratio_text,
                    title, value_text)

COLUMN_SEPARATOR = "  "


def table(results, case, columns):
    """(header, rows) of a case: a row for each subject, its cells in the order of `columns`.

    columns: {metric: title}. Where a metric has a ratio to stock, the cell shows it.
    """
    subjects = results.subjects(case)
    shown = [metric for metric in columns
             if any(results.median(case, subject, metric) is not None for subject in subjects)]
    rows = [[title(subject)] + [_cell(results, case, subject, metric) for metric in shown]
            for subject in subjects]
    return [""] + [columns[metric] for metric in shown], rows


def _cell(results, case, subject, metric):
    value = results.median(case, subject, metric)
    if value is None:
        return ""
    text = value_text(metric, value)
    ratio = results.ratio(case, metric, subject, "stock") if (
        metric in results.compared and subject != "stock") else None
    return f"{text} {ratio_text(ratio)}" if ratio else text


def text_tables(results, columns):
    """The results for a terminal: a block for each case."""
    blocks = []
    for case in results.cases():
        header, rows = table(results, case, columns)
        widths = [max(len(row[i]) for row in [header] + rows) for i in range(len(header))]
        lines = [COLUMN_SEPARATOR.join(cell.ljust(width) for cell, width in zip(row, widths))
                 for row in [header] + rows]
        blocks.append("\n".join([case] + [f"  {line}".rstrip() for line in lines]))
    return "\n\n".join(blocks)


def _html_table(results, case, columns):
    header, rows = table(results, case, columns)
    lines = [f"<h2>{html.escape(case)}</h2><table><tr>"]
    lines += [f"<th>{html.escape(text)}</th>" for text in header] + ["</tr>"]
    for row in rows:
        cells = "".join(f"<td{cell_class(cell)}>{html.escape(cell)}</td>" for cell in row[1:])
        lines.append(f"<tr><th>{html.escape(row[0])}</th>{cells}</tr>")
    return "\n".join(lines + ["</table>"])


def _target_table(targets):
    lines = ["<h2>Targets</h2><table><tr><th>target</th><th>measured</th><th></th></tr>"]
    for target in targets:
        kind = {"met": " class=ok", "NOT MET": " class=lost"}.get(target["state"], "")
        lines.append(f"<tr><td>{html.escape(target['target'])}</td>"
                     f"<td>{html.escape(target['figure'])}</td>"
                     f"<td{kind}>{html.escape(target['state'])}</td></tr>")
    return "\n".join(lines + ["</table>"])


def _pyplot():
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["font.family"] = "sans-serif"
    return pyplot


def _save(figure, path):
    """Write a figure as SVG and as PNG; returns the SVG."""
    output = io.StringIO()
    figure.tight_layout(h_pad=1.6, w_pad=3)
    figure.savefig(output, format="svg")
    figure.savefig(path.with_suffix(".png"), dpi=110)
    _pyplot().close(figure)
    declaration, _, rest = output.getvalue().partition("\n")
    path.with_suffix(".svg").write_text(f"{declaration}\n{LICENCE}\n{rest}")
    return re.sub(r"^.*?(?=<svg)", "", rest, flags=re.S)


def bars(results, panels, path):
    """A panel of bars for each (case, metric, heading), as path.svg and path.png; returns the SVG.

    Panels without values are left out; None where none is left.
    """
    filled = []
    for case, metric, heading in panels:
        subjects = [subject for subject in results.subjects(case)
                    if results.median(case, subject, metric) is not None]
        if subjects:
            filled.append((case, metric, heading, subjects))
    if not filled:
        return None
    heights = [0.24 * len(subjects) + 0.55 for *_, subjects in filled]
    figure, axes = _pyplot().subplots(len(filled), 1, figsize=(11, sum(heights) + 0.4),
                                      squeeze=False, gridspec_kw={"height_ratios": heights})
    for (axis,), (case, metric, heading, subjects) in zip(axes, filled):
        values = [results.median(case, subject, metric) for subject in subjects]
        draw_bars(axis, results, case, metric, subjects, values)
        axis.set_title(heading, fontsize=9.5, loc="left", fontweight="bold")
    return _save(figure, path)


def curves(results, panels, path):
    """A panel of lines for each (heading, x title, y title, metric, points, (log x, log y)).

    points: [(x, case)], or [(metric of x, case)] where x was measured as well. Returns the SVG,
    None where no panel has two points.
    """
    drawn = [(panel, _lines(results, panel[3], panel[4])) for panel in panels]
    drawn = [(panel, lines) for panel, lines in drawn if any(len(l) > 1 for l in lines.values())]
    if not drawn:
        return None
    figure, axes = _pyplot().subplots(1, len(drawn), figsize=(6.5 * len(drawn), 4.2), squeeze=False)
    for axis, ((heading, x_title, y_title, _, _, logarithmic), lines) in zip(axes[0], drawn):
        for subject, points in lines.items():
            axis.plot(*zip(*sorted(points)), marker="o", color=colour(subject),
                      label=title(subject))
        if logarithmic[0]:
            axis.set_xscale("log", base=2)
            axis.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        if logarithmic[1]:
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
        axis.set_title(heading, fontsize=9.5, loc="left", fontweight="bold")
        axis.set_xlabel(x_title)
        axis.set_ylabel(y_title)
        axis.grid(True, alpha=0.3)
        axis.legend(fontsize=8)
    return _save(figure, path)


def _lines(results, metric, points):
    """{subject: [(x, y)]} of what was measured."""
    lines = {}
    for x, case in points:
        for subject in results.subjects(case):
            at = results.median(case, subject, x) if isinstance(x, str) else x
            value = results.median(case, subject, metric)
            if at is not None and value is not None:
                lines.setdefault(subject, []).append((at, value))
    return lines


def write_page(results, heading, pictures, columns, folder):
    """Write index.html below `folder`: targets, pictures, tables; needs no network."""
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8>"
             f"<title>{html.escape(heading)}</title>", f"<style>{STYLE}</style>",
             f"<h1>{html.escape(heading)}</h1>",
             "<p>Medians. Less is better, except in huge pages. A factor such as 50x says how "
             "many times better than the distribution's own driver and device in the same "
             "case.</p>", _target_table(results.meta.get("targets", []))]
    parts += [picture for picture in pictures if picture]
    parts += [_html_table(results, case, columns) for case in results.cases()]
    parts += notes_and_machine(results.meta)
    page = folder / "index.html"
    page.write_text("\n".join(parts + ["</html>"]))
    return page
