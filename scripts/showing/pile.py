"""Where a gallery's pictures and people go: into the page itself, or, of many, into a folder beside it."""

import base64
import json
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cache.errors import StoreError
from heads.page.elements import Html, element, join

LARGEST = 24_000_000
"""Bytes of a page that holds everything."""
FILES = "gallery_files"
_OURS = re.compile(r"(picture|people)-\d+\.(jpg|js)")


@dataclass
class Pile:
    """Pieces by their file's name: ``picture-00012.jpg`` and ``people-00003.js``. folder: of the page. They wait in
    memory until they are more than ``largest`` bytes; then they lie in a new folder, which ``finish`` puts in the old
    one's place."""

    folder: Path
    largest: int = LARGEST
    size: int = 0
    _waiting: dict[str, bytes] = field(default_factory=dict)
    _new: Path | None = None

    def __post_init__(self) -> None:
        """Raises: StoreError where the folder for the pieces holds something else."""
        _check(self.folder / FILES)

    @property
    def files(self) -> str:
        """Name of the folder with the pieces; "" where the page holds them."""
        return FILES if self._new else ""

    def picture(self, number: int, jpeg: bytes) -> None:
        """Raises: StoreError."""
        self._add(f"picture-{number:05d}.jpg", jpeg)

    def people(self, number: int, part: list[Any]) -> None:
        """Raises: StoreError."""
        self._add(f"people-{number:05d}.js", script_json(part).encode())

    def finish(self) -> list[Html]:
        """The pieces that the page must hold: a script element each, that no browser runs. Raises: StoreError."""
        final = self.folder / FILES
        _clear(final)
        if self._new:
            self._new.rename(final)
            return []
        return [_held(name, content) for name, content in self._waiting.items()]

    def drop(self) -> None:
        """Leave nothing of a page that was not finished."""
        if self._new:
            shutil.rmtree(self._new, ignore_errors=True)

    def _add(self, name: str, content: bytes) -> None:
        self.size += len(content)
        if self._new:
            _write(self._new / name, content)
            return
        self._waiting[name] = content
        if self.size > self.largest:
            self._new = _made(self.folder)
            for one, waiting in self._waiting.items():
                _write(self._new / one, waiting)
            self._waiting = {}


def _made(folder: Path) -> Path:
    """A new folder of a name of its own, so that two galleries at once do not mix. Raises: StoreError."""
    try:
        made = Path(tempfile.mkdtemp(prefix=f".{FILES}.", dir=folder))
        made.chmod(0o755)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {error.strerror}. Give another OUT") from None
    return made


def _write(path: Path, content: bytes) -> None:
    """Into a folder that nobody sees before it is whole. Raises: StoreError."""
    kind, _, number = path.stem.partition("-")
    told = b"took(%d, %b);\n" % (int(number), content) if kind == "people" else content
    try:
        path.write_bytes(told)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}. Make room, or give another OUT") from None


def script_json(value: Any) -> str:
    """JSON that can stand in a script element, whatever texts are in it."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _held(name: str, content: bytes) -> Html:
    picture = name.endswith(".jpg")
    text = base64.b64encode(content).decode() if picture else content.decode()
    kind = "text/plain" if picture else "application/json"
    return element("script", join([Html(text)]), type=kind, id=Path(name).stem)


def _check(folder: Path) -> None:
    names = [one.name for one in folder.iterdir()] if folder.is_dir() else []
    if other := next((name for name in names if not _OURS.fullmatch(name)), None):
        raise StoreError(f"{folder}: holds {other}, which no gallery wrote. Move it away, or give another OUT")


def _clear(folder: Path) -> None:
    """Delete an earlier page's pieces. Raises: StoreError where there is something else among them."""
    _check(folder)
    if folder.exists():
        shutil.rmtree(folder)
