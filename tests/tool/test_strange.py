# SPDX-License-Identifier: GPL-2.0-or-later
"""Replies as no QEMU gives them: the command, built with the sanitizers, bears them all."""
import random

import pytest

from played_guest import PlayedGuest
from vm import TOP

SANITIZED = TOP / "build/tests/tool/fastballoon"
COMMANDS = [["status"], ["status", "--json"], ["hints"], ["hints", "held", "--json"],
            ["set", "512M", "--no-wait"], ["set", "-1G", "--no-wait", "--best-effort", "--json"],
            ["migrate", "--detach", "--hints", "off", "tcp:h:1"],
            ["migrate", "--detach", "--json", "tcp:h:1"]]
VALUES = [None, True, False, 0, -1, 1 << 63, (1 << 64) - 1, -(1 << 63), 1e308, 0.5, "", "x" * 5000,
          "\x1b[2J\n", "%s%n", "ok", "done", [], [[]], [None, 3], {}, {"status": 7}, {"id": -1}]
RUNS = 25


class Strange(PlayedGuest):
    """A played guest in whose replies a value here and there is another one."""

    def __init__(self, seed):
        super().__init__(query_migrate_capabilities=[[{"capability": "postcopy-ram",
                                                       "state": True}]])
        self.random = random.Random(seed)
        self.properties |= {
            "free-page-hint": True, "fastballoon-hints": "on", "fastballoon-hint-min-order": 4,
            "fastballoon-hint-off-reason": "paused", "fastballoon-hint-state": "stop",
            "fastballoon-counters": {"hinted-bytes": 5, "requests": 3},
            "fastballoon-hole-skip": {"state": "off", "off-reason": "x", "skipped-bytes": 1}}

    def answer(self, command, arguments):
        """The reply, or a strange one in its place."""
        try:
            reply = super().answer(command, arguments)
        except (TypeError, AttributeError, KeyError):
            reply = {}
        return reply if isinstance(reply, Exception) else self.bend(reply)

    def bend(self, value):
        """Replace values at random, at any depth."""
        if self.random.random() < 0.1:
            return self.random.choice(VALUES)
        if isinstance(value, dict):
            return {key: self.bend(child) for key, child in value.items()}
        if isinstance(value, list):
            return [self.bend(child) for child in value]
        return value


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_strange_replies(run, peer, command):
    for seed in range(RUNS):
        result = run(*command, socket=peer(Strange(seed)).socket, tool=SANITIZED)
        assert result.status in (0, 1), (seed, result.err)
        assert "Sanitizer" not in result.err and "runtime error" not in result.err
        assert "\x1b" not in result.out + result.err
        assert result.status == 0 or result.err.splitlines()[-1].startswith("fastballoon: ")
