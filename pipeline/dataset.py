"""What a dataset's file must provide: a Reader that turns annotations into a manifest."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cache.errors import ConfigError, DataError, nearest
from cache.fingerprint import digest_files, fingerprint
from cache.manifest import Manifest
from cache.plugin_code import code


@dataclass(frozen=True)
class Reading:
    """What the user says of the files; the store keeps it, so that it is said once.

    box: a word of BOX, "" for what the annotation itself says. max_pixels: the cap on an image's width x height, 0 for
    the usual one. asked: whether ``box`` was said of the annotation as it is now, so that nothing of it is doubted.
    annotation: digest of the one that ``box`` was said of, "" where that is not known.
    """

    box: str = ""
    max_pixels: int = 0
    asked: bool = False
    annotation: str = ""

    def remembered(self) -> dict[str, str | int]:
        """What the store keeps of it."""
        kept: dict[str, str | int] = {"box": self.box, "max_pixels": self.max_pixels, "annotation": self.annotation}
        return {name: value for name, value in kept.items() if value}


class Reader(ABC):
    """One dataset in its own layout below ``root``.

    name: the word on the command line. version: raised whenever the same files give another manifest. drawn: the images
    are drawings, so what is trained on them says nothing of photographs. forms: words of BOX that it takes. reading:
    what was said of the files; set it by ``say_how``. published: release -> what -> how many, as its authors tell them;
    what: ``images``, ``videos``, ``people`` or ``usable people``, also as ``people in train``.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    drawn: ClassVar[bool] = False
    forms: ClassVar[tuple[str, ...]] = ()
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {}
    reading: Reading = Reading()

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the files when the dataset is one that can be made (the demo); others leave this alone."""
        return

    def look(self) -> None:
        """Raises: DataError when ``root`` does not hold this dataset, before anything else is asked of it. A dataset
        whose annotation ``complete`` makes looks for something else."""
        self.annotation_files()

    def complete(self, say: Callable[[str], None]) -> None:  # noqa: B027 (most annotations are whole as they come)
        """Add to the annotation what can be found out from the images and is not there yet, such as faces.

        Called before the manifest is made, under the dataset's lock; what was found stays when the run is ended.
        ``say`` takes lines for the user. Raises: DataError.
        """

    def arrangement(self) -> str:
        """What the manifest depends on beside the annotation's bytes, such as which of two layouts the folder has."""
        return ""

    @abstractmethod
    def annotation_files(self) -> list[Path]:
        """The files that the manifest depends on, in a fixed order. Raises: DataError when one is absent."""

    @abstractmethod
    def read(self, source: str) -> Manifest:
        """The manifest, with ``source`` as its source. Raises: DataError naming file and row."""


def source_of(reader: Reader) -> str:
    """Names the state of the annotation: its bytes, the reader, its version (of one outside this project its code)
    and what it finds around them.

    Raises: DataError when an annotation file is absent or cannot be read.
    """
    about = {"reader": reader.name, "version": reader.version, "arrangement": reader.arrangement()}
    if outside := code(type(reader).__module__):
        about["plugin"] = outside.digest
    return fingerprint(about | {"files": annotation_digest(reader)})


def annotation_digest(reader: Reader) -> str:
    """Of the bytes of its annotation files. Raises: DataError when one is absent or cannot be read."""
    try:
        return digest_files(reader.annotation_files())
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}") from None


def say_how(reader: Reader, reading: Reading) -> None:
    """Have ``reader`` read its files so. Raises: ConfigError for a word of BOX that it does not take."""
    if reading.box and not reader.forms:
        told = f"the files of {reader.name} have boxes of one form, or say theirs"
        raise ConfigError(f"BOX={reading.box}: {told}. Leave the word out")
    if reading.box and reading.box not in reader.forms:
        raise ConfigError(f"BOX={reading.box}: no such form of a box.{nearest(reading.box, reader.forms)}")
    reader.reading = reading


def check_root(reader: Reader) -> None:
    """Raises: DataError when the dataset's folder is not there, or holds something else."""
    if not reader.root.is_dir():
        raise DataError(f"ROOT={reader.root}: no such folder. It is the folder that holds the dataset's own files")
    reader.look()


def manifest_of(reader: Reader, cached: Path) -> Manifest:
    """The reader's manifest; ``cached`` (a manifest.parquet) is taken when it was made from the same annotation.

    Raises: DataError.
    """
    check_root(reader)
    source = source_of(reader)
    if cached.exists() and (manifest := Manifest.load(cached)).source == source:
        return manifest
    return reader.read(source)
