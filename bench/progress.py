# SPDX-License-Identifier: GPL-2.0-or-later
"""Live progress on a terminal: one line that changes; plain lines where there is no terminal."""

import shutil
import sys
import time


class Progress:
    """Shows what is being done and for how long; `say` prints lines that stay."""

    MIN_PAUSE = 0.1

    def __init__(self, stream=sys.stderr):
        self._stream = stream
        self._live = stream.isatty()
        self._started = time.monotonic()
        self._shown = ""
        self._last = 0.0

    def show(self, step, detail=""):
        """Replace the changing line; without a terminal, print each new step once."""
        now = time.monotonic()
        if not self._live:
            if step != self._shown:
                self._shown = step
                print(f"[{now - self._started:6.1f} s] {step}", file=self._stream, flush=True)
            return
        if step == self._shown and now - self._last < self.MIN_PAUSE:
            return
        self._shown, self._last = step, now
        width = shutil.get_terminal_size().columns - 1
        line = f"[{now - self._started:6.1f} s] {step}{detail}"[:width]
        self._stream.write(f"\r\033[K{line}")
        self._stream.flush()

    def say(self, text):
        """Print lines that stay."""
        if self._live:
            self._stream.write("\r\033[K")
        print(text, file=self._stream, flush=True)
        self._shown = ""
