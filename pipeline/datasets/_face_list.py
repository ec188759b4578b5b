"""faces.csv: the largest face of each image, found once, for a data set whose annotation names no person.

The list is an annotation like any other from then on: it is read, checked, copied with the images, and may be mended by
hand. An image that is new, or whose file has another number of bytes, is looked at again. The bytes stand for the
image's identity since times change with every copy and 14 GB of pixels cannot be digested in every run: a file
replaced by another of equal length is not noticed. Images that could not be read are tried again every time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from cache.errors import DataError
from cache.fingerprint import fingerprint
from cache.spec import FAILURES, Status
from pipeline.decoding.images import DECODE_POLICY
from pipeline.networks import faces
from pipeline.weights.folder import Weights

VERSION: Final = 1
COLUMNS: Final = ("path", "bytes", "status", "width", "height", "x1", "y1", "x2", "y2", "confidence", "faces", "note")
_START: Final = "# affect-cache faces "
_OK: Final = Status.OK.word
_STATUS: Final = {status.word: status for status in (Status.OK, Status.NO_FACE, *sorted(FAILURES))}

Box = tuple[float, float, float, float]


class Entry(NamedTuple):
    """One image. path: below the root. bytes: of its file when it was looked at. status: OK, NO_FACE or a failure,
    with its note. size: width, height. box: of the largest face, xyxy pixels with two decimals. faces: how many there
    are."""

    path: str
    bytes: int
    status: Status
    size: tuple[int, int] = (0, 0)
    box: Box | None = None
    confidence: float = 0.0
    faces: int = 0
    note: str = ""

    def line(self) -> str:
        """One line of the list, without its end; what is no plain letter in a path is percent-encoded."""
        corners = [f"{value:.2f}" for value in self.box] if self.box else [""] * 4
        start = [quote(self.path, safe="/ ()+=@"), str(self.bytes), self.status.word, *map(str, self.size)]
        end = [f"{self.confidence:.4f}" if self.box else "", str(self.faces), " ".join(self.note.split())]
        return ",".join([*start, *corners, *end])

    @classmethod
    def parse(cls, line: str) -> Entry:
        """Raises: ValueError, in words that follow on "line 3:", for what ``line`` does not write."""
        fields = line.split(",", len(COLUMNS) - 1)
        if len(fields) != len(COLUMNS):
            raise ValueError(f"has {len(fields)} fields, {len(COLUMNS)} are wanted")
        path, length, word, width, height, *corners, confidence, count, note = fields
        if word not in _STATUS:
            raise ValueError(f"status {word[:40]!r} is none of {', '.join(_STATUS)}")
        box = _box(corners, (int(width), int(height))) if word == _OK else None
        return cls(
            path=unquote(path, errors="strict"),
            bytes=int(length),
            status=_STATUS[word],
            size=(int(width), int(height)),
            box=box,
            confidence=float(confidence) if box else 0.0,
            faces=int(count),
            note=note,
        )


def head() -> str:
    """The first line: what, and the fingerprint of the detector."""
    return f"{_START}{VERSION}, detector {_detector()}"


def read(file: Path) -> tuple[dict[str, Entry], bool]:
    """Path -> entry, and whether this very detector found them; nothing where there is no list.

    Raises: DataError naming the file and the line.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}, True
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{file}: is not UTF-8 text. Move it away, and it is made again") from None
    first, *lines = [line.rstrip("\r") for line in text.split("\n")]
    if not first.startswith(_START):
        raise DataError(f"{file}:1: does not begin with {_START!r}. Move it away, and it is made again")
    entries: dict[str, Entry] = {}
    for number, line in enumerate(lines[1:], start=3):
        if not line.strip():
            continue
        try:
            entry = Entry.parse(line)
            if entry.path in entries:
                raise ValueError(f"{entry.path!r} stands twice")
        except ValueError as error:
            raise DataError(f"{file}:{number}: {error}. Mend the line, or delete it: it is made again") from None
        entries[entry.path] = entry
    return entries, first == head()


def text(entries: Iterable[Entry]) -> str:
    """The whole list, by path: the same entries give the same text."""
    lines = [entry.line() for entry in sorted(entries, key=lambda entry: entry.path)]
    return "\n".join([head(), ",".join(COLUMNS), *lines, ""])


def stale(entries: Mapping[str, Entry], images: Mapping[str, int]) -> list[str]:
    """The paths of ``images`` (path -> bytes) that are not in the list as they are now."""
    return [path for path, length in images.items() if path not in entries or entries[path].bytes != length]


def _box(corners: list[str], size: tuple[int, int]) -> Box:
    x1, y1, x2, y2 = map(float, corners)
    if not (0 <= x1 < x2 <= size[0] and 0 <= y1 < y2 <= size[1]):
        raise ValueError(f"box ({x1:g}, {y1:g}, {x2:g}, {y2:g}) is not inside the image ({size[0]} x {size[1]})")
    return (x1, y1, x2, y2)


def _detector() -> str:
    """Of what decides which faces are found; needs no torch."""
    return fingerprint(
        {
            "weights": Weights(Path()).digest(faces.WEIGHTS),
            "settings": [faces.MIN_FACE, faces.MAX_SIDE, list(faces.THRESHOLDS), faces.PYRAMID_FACTOR],
            "decode": DECODE_POLICY["version"],
        }
    )
