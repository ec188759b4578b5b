"""Training as lines for people: one that is rewritten on a terminal, one now and then elsewhere."""

import time
from typing import TextIO

from heads.experiments.cell import Cell, Result
from heads.learning.epoch import Epoch

_QUIET = 10.0
"""Seconds between two lines where nobody can rewrite one."""


class Progress:
    """Told of every epoch and every finished cell; writes to ``stream``."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.terminal = stream, stream.isatty()
        self.last = time.monotonic()
        self._first: tuple[float, int] | None = None

    def __call__(self, cell: Cell, event: Epoch | Result) -> None:
        """An epoch gives its number, rate, time left at most, loss and validation score."""
        now = time.monotonic()
        if isinstance(event, Result):
            told = f", trained for {event.trained_for}" if event.trained_for else ""
            self._write(
                f"{cell.name}: {event.seconds:.1f} s, best epochs {event.best.epoch.tolist()}{told}", final=True
            )
            self.last, self._first = time.monotonic(), None
        elif self.terminal or now - self.last > _QUIET:
            loss, score = float(event.loss.mean()), float(event.validation.mean())
            state = f"loss {loss:.3f}, validation {score:.3f}, {event.running} seeds running"
            self._write(f"{cell.name}: epoch {event.number}/{event.of}, {self._pace(event, now)}{state}")
            self.last = now
        if isinstance(event, Epoch) and self._first is None:
            self._first = now, event.number

    def _pace(self, event: Epoch, now: float) -> str:
        """By the epochs after the first one, before which features are read."""
        began, before = self._first or (now, event.number)
        if event.number == before:
            return ""
        pace = (now - began) / (event.number - before)
        return f"{pace:.2f} s each, {pace * (event.of - event.number):.0f} s left, "

    def told(self, line: str) -> None:
        """A line of somebody else's work."""
        self._write(line, final=True)

    def _write(self, line: str, final: bool = False) -> None:
        start, end = ("\r\x1b[K", "\n" if final else "") if self.terminal else ("", "\n")
        self.stream.write(f"{start}{line}{end}")
        self.stream.flush()
