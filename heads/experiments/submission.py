"""What a trained head says of the test people whose labels are not public, for a dataset's distributors to judge."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cache.errors import ConfigError
from cache.files import replace_text
from cache.store import Store
from heads import protocol as protocols
from heads.checkpoints import checkpoint
from heads.checkpoints.about import check_protocol
from heads.experiments.bench import Bench
from heads.experiments.evaluate import check_store
from heads.head import JUDGED_ONLY, Output
from heads.inputs.features import device, load_split
from heads.inputs.samples import outputs


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
    """Of the head at ``path``. Raises: ConfigError where every test person has a label, or no form is known;
    WeightsError, StoreError as ``evaluate``."""
    loaded = checkpoint.load(path, on)
    about, manifest = loaded.about, store.manifest(loaded.about["dataset"])
    features = store.features(manifest.dataset)
    check_store(path, about, {name: one.fingerprint for name, one in features.items()} | {"": manifest.source})
    protocol = protocols.find(about["protocol"], mapping)
    check_protocol(path, about, protocol)
    rows = protocol.unlabelled(manifest)
    if not len(rows):
        told = f"{manifest.dataset}: {protocol.name} has no test people whose labels are not known"
        raise ConfigError(f"{told}. make evaluate scores those that are")
    arrays = loaded.head.arrays_of(loaded.recipe)
    split = load_split(features, manifest, loaded.head.inputs, rows, device(on), arrays)
    here = split.having(loaded.head.inputs, len(manifest))[rows]
    bench = Bench(manifest, features, protocol, protocol.task(manifest), split, device(on))
    output = Output()
    if here.any():
        samples = bench.samples(loaded.head, loaded.scales, rows[here])
        output = outputs(loaded.head, samples, len(about["seeds"]), sorted(loaded.head.gives - JUDGED_ONLY))
    answers = protocol.answers(loaded.memory, about["task"], loaded.recipe, output, rows[here]) if here.any() else []
    text = protocol.submission(manifest, rows, here, answers)
    return Submission(text, len(rows), int(np.sum(~here)), tuple(about["untrained"]))
