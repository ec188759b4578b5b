"""How far a long step is: rate, time left, failures so far. A line that rewrites itself, or a line now and then."""

import sys
import time
from typing import TextIO

EVERY_TERMINAL = 0.2
EVERY_LOG = 10.0


class Progress:
    """Counts images. total: how many there will be."""

    def __init__(self, what: str, total: int, out: TextIO | None = None) -> None:
        self.what, self.total = what, total
        self.done = self.failed = 0
        self.out = out or sys.stderr
        self.live = self.out.isatty()
        self._start = self._shown = time.monotonic()

    def step(self, done: int, failed: int) -> None:
        """So many more images, of which so many failed."""
        self.done += done
        self.failed += failed
        now = time.monotonic()
        if now - self._shown >= (EVERY_TERMINAL if self.live else EVERY_LOG):
            self._shown = now
            self._write(self.line(now), last=False)

    def close(self) -> None:
        """The last line."""
        self.total = self.done
        if self.done:
            self._write(self.line(time.monotonic()), last=True)

    def line(self, now: float) -> str:
        """The state in words at monotonic time ``now``."""
        seconds = max(now - self._start, 1e-9)
        rate = self.done / seconds
        left = (self.total - self.done) / rate if rate else 0.0
        tail = f"{clock(left)} left" if self.done < self.total else f"in {clock(seconds)}"
        return f"{self.what}: {self.done}/{self.total} images, {rate:.1f}/s, {tail}, {self.failed} failed"

    def _write(self, line: str, last: bool) -> None:
        if self.live:
            self.out.write(f"\r\x1b[2K{line}" + ("\n" if last else ""))
        else:
            self.out.write(line + "\n")
        self.out.flush()


def clock(seconds: float) -> str:
    """``3 s``, ``4 min 10 s``, ``5 h 02 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
