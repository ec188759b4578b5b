"""The other side of a benchmark's conversation; standard library only, for rivals in environments of their own."""

import os
import sys
import time
from collections.abc import Callable


def answer(run: Callable[[], None]) -> None:
    """One run, and its seconds, for every line of standard input. Whatever the tool prints goes to standard error."""
    reply = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    reply.write("ready\n")
    for _ in sys.stdin:
        started = time.perf_counter()
        run()
        reply.write(f"{time.perf_counter() - started}\n")
