"""A search for faces small enough to be killed: no network, answers that hang on the path.

``python face_search_run.py FILE`` looks at 120 images, about a hundred a second on each core, and prints which.
"""

import json
import sys
import time
from pathlib import Path

from cache.errors import AffectError
from cache.spec import Status
from pipeline.datasets._face_list import Entry
from pipeline.datasets._face_search import complete

MANY = {f"train/Sad/{number:04d}.png": 100 + number for number in range(120)}
"""Path -> bytes."""


def found(path: str, length: int) -> Entry:
    """A face whose place hangs on the path."""
    left = sum(path.encode()) % 30
    return Entry(path, length, Status.OK, (64, 48), (left, 1.25, left + 20.5, 40.0), 0.75, 2)


def run(file: Path) -> int:
    """Returns the exit status."""
    asked = []

    def look(path: str, length: int) -> Entry:
        asked.append(path)
        time.sleep(0.01)
        return found(path, length)

    try:
        complete(file, MANY, look, lambda line: print(line, flush=True))
    except AffectError as error:
        print(error)
        return 2
    print(json.dumps(asked))
    return 0


if __name__ == "__main__":
    raise SystemExit(run(Path(sys.argv[-1])))
