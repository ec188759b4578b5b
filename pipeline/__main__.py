"""``python -m pipeline``."""

import os
import sys
from collections.abc import Sequence


def run(words: Sequence[str] | None = None) -> int:
    """The command line's exit status; an interrupt while libraries load ends in one line too, a closed pipe in none."""
    try:
        from pipeline.cli import main

        status = main(words)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit must not complain again
        return 141


if __name__ == "__main__":
    raise SystemExit(run())
