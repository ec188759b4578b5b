"""What a trained head says of the test people whose labels are not public, for a dataset's distributors to judge."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cache.errors import ConfigError
from cache.files import replace_text
from cache.store import Store
from heads.experiments.loaded import load
from heads.protocol import Answer


@dataclass(frozen=True)
class Submission:
    """text: the file. people: how many it has. lacking: those of them who have not all features, and get the others'
    mean. untrained: features that no trained network made."""

    text: str
    people: int
    lacking: int
    untrained: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Raises: StoreError when the folder cannot be written."""
        replace_text(path, self.text)


def submission(path: Path, store: Store, mapping: Path | None = None, on: str = "cpu") -> Submission:
    """Of the head, or the ensemble, at ``path``. Raises: ConfigError where every test person has a label, or no form is
    known; WeightsError, StoreError as ``evaluate``."""
    loaded = load(path, store, mapping, on, lambda protocol, manifest, _: protocol.unlabelled(manifest))
    protocol, manifest, about = loaded.protocol, loaded.manifest, loaded.about
    rows = protocol.unlabelled(manifest)
    if not len(rows):
        told = f"{manifest.dataset}: {protocol.name} has no test people whose labels are not known"
        raise ConfigError(f"{told}. make evaluate scores those that are")
    here = loaded.here[rows]
    answers: list[Answer] = []
    if here.any():
        output = loaded.said(rows[here])
        answers = protocol.answers(loaded.memory, about["task"], loaded.recipe, output, rows[here])
    text = protocol.submission(manifest, rows, here, answers)
    return Submission(text, len(rows), int(np.sum(~here)), tuple(about["untrained"]))
