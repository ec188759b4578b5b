"""What a form's file must provide: a Form, which writes the people and their arrays."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from scripts.exporting.reading import Exported


class Form(ABC):
    """told: how what is written is read, for README.md."""

    told: ClassVar[str]

    @abstractmethod
    def check(self, asked: Exported) -> None:
        """Raises: AffectError when the form cannot hold what is asked, before anything is written."""

    @abstractmethod
    def write(self, folder: Path, asked: Exported) -> None:
        """The files, in an empty folder, from ``asked.parts()``. Raises: OSError when the disk refuses."""
