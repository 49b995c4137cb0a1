# SPDX-License-Identifier: GPL-2.0-or-later
"""Find the lines in a guest kernel's log that fail a test."""

import re

_BAD = re.compile(
    r"WARNING: |BUG: |\bOops\b|Bad page |general protection fault|Kernel panic"
    r"|rcu.*(stall|starved)|soft lockup|hard LOCKUP|blocked for more than \d+ seconds"
    r"|unable to handle|refcount_t: |list_(add|del) corruption|scheduling while atomic"
    r"|Unknown symbol|disagrees about version|segfault at"
)


def bad_lines(text):
    """The lines of a kernel log that no healthy kernel prints."""
    return [line.strip() for line in text.splitlines() if _BAD.search(line)]


def read_log(path):
    """The text of a console log; empty where there is none yet."""
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
