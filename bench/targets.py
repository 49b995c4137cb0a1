# SPDX-License-Identifier: GPL-2.0-or-later
"""Targets: a figure of the results beside what it has to be."""

MET, MISSED, UNKNOWN = "met", "NOT MET", "not measured"


def at_least(text, value, bound, form="{:.1f}x"):
    """(text, figure, state) of a figure that shall be at least so much; None: not measured."""
    return _judged(text, value, bound, form, value is not None and value >= bound)


def at_most(text, value, bound, form="{:.3g}"):
    """(text, figure, state) of a figure that shall be at most so much; None: not measured."""
    return _judged(text, value, bound, form, value is not None and value <= bound)


def reported(text, value, form="{}"):
    """(text, figure, state) of a figure that nothing is asked of."""
    return text, "-" if value is None else form.format(value), UNKNOWN if value is None else ""


def _judged(text, value, bound, form, met):
    if value is None:
        return text, "-", UNKNOWN
    figure = f"{form.format(value)} (bound {form.format(bound)})"
    return text, figure, MET if met else MISSED


def share_text(value):
    """A share as text for reported()."""
    return f"{value:.3%}"


def quotient(value, base):
    """value / base, None where one of them is missing or the base is zero."""
    return None if value is None or not base else value / base
