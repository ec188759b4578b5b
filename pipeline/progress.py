"""How far a long step is: rate, time left, failures so far. A line that rewrites itself, or a line now and then."""

import sys
import time
from typing import TextIO

EVERY_TERMINAL = 0.2
EVERY_LOG = 10.0


class Ticker:
    """Writes lines to ``out``: over the last one on a terminal, one below the other elsewhere, not too often."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stderr
        self.live = self.out.isatty()
        self.start = self._shown = time.monotonic()

    def due(self, now: float) -> bool:
        """Whether a line at monotonic time ``now`` is wanted; if so, the next one is wanted later."""
        if now - self._shown < (EVERY_TERMINAL if self.live else EVERY_LOG):
            return False
        self._shown = now
        return True

    def write(self, line: str, last: bool = False) -> None:
        """Show ``line``; ``last`` leaves it standing."""
        if self.live:
            self.out.write(f"\r\x1b[2K{line}" + ("\n" if last else ""))
        else:
            self.out.write(line + "\n")
        self.out.flush()


class Progress:
    """Counts images, or other ``files``. total: how many there will be."""

    def __init__(self, what: str, total: int, out: TextIO | None = None, files: str = "images") -> None:
        self.what, self.total, self.files = what, total, files
        self.done = self.failed = 0
        self._first: tuple[float, int] | None = None
        self._ticker = Ticker(out)

    def step(self, done: int, failed: int) -> None:
        """So many more images, of which so many failed."""
        self.done += done
        self.failed += failed
        now = time.monotonic()
        self._first = self._first or (now, self.done)
        if self._ticker.due(now):
            self._ticker.write(self.line(now))

    def close(self) -> None:
        """The last line."""
        self.total = self.done
        if self.done:
            self._ticker.write(self.line(time.monotonic()), last=True)

    def stop(self, kept: int) -> None:
        """The last line of a step that did not end: only ``kept`` images are finished, the others were in work."""
        if self.done:
            lost = max(self.done - kept, 0)
            self._ticker.write(
                f"{self.what}: {kept} of {self.total} {self.files} kept, {lost} in work dropped", last=True
            )

    def line(self, now: float) -> str:
        """The state in words at monotonic time ``now``; the time left by the images after the first ones, for
        networks are loaded before those."""
        seconds = max(now - self._ticker.start, 1e-9)
        began, before = self._first or (now, self.done)
        after = self.done - before
        tail = ""
        if self.done >= self.total:
            tail = f" in {clock(seconds)},"
        elif after:
            tail = f" {clock((now - began) / after * (self.total - self.done))} left,"
        rate = f"{self.done}/{self.total} {self.files}, {self.done / seconds:.1f}/s"
        return f"{self.what}: {rate},{tail} {self.failed} failed"


class Transfer:
    """Counts bytes of one file. have: bytes there from before. total: of the whole file, None when not told."""

    def __init__(self, what: str, have: int, total: int | None, out: TextIO | None = None) -> None:
        self.what, self.have, self.total = what, have, total
        self.came = 0
        self._ticker = Ticker(out)

    def step(self, came: int) -> None:
        """So many more bytes."""
        self.came += came
        if self._ticker.due(now := time.monotonic()):
            self._ticker.write(self.line(now))

    def close(self) -> None:
        """The last line."""
        self._ticker.write(self.line(time.monotonic()), last=True)

    def line(self, now: float) -> str:
        """The state in words at monotonic time ``now``; the rate is that of the bytes which came now."""
        seconds = max(now - self._ticker.start, 1e-9)
        rate, there = self.came / seconds, self.have + self.came
        if self.total is None or there >= self.total:
            tail = f"in {clock(seconds)}"
        else:
            tail = f"{clock((self.total - there) / rate)} left" if rate else "waiting"
        of = "" if self.total is None else f" of {volume(self.total)}"
        return f"{self.what}: {volume(there)}{of}, {volume(rate)}/s, {tail}"


def volume(count: float) -> str:
    """Bytes in words: ``12 B``, ``3.4 kB``, ``102.5 MB``."""
    if count < 1e3:
        return f"{count:.0f} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def clock(seconds: float) -> str:
    """``3 s``, ``4 min 10 s``, ``5 h 02 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
