"""``python -m pipeline``."""

import sys
from collections.abc import Sequence


def run(words: Sequence[str] | None = None) -> int:
    """The command line's exit status; an interrupt while libraries load ends in one line too."""
    try:
        from pipeline.cli import main

        return main(words)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130


if __name__ == "__main__":
    raise SystemExit(run())
