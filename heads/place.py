"""Where an experiment reads and writes."""

from dataclasses import dataclass
from pathlib import Path

from cache.store import Store
from heads.protocols.one_shot import Rules


@dataclass(frozen=True)
class Place:
    """rules: the mapping of labels. seeds: how many, from 0 on."""

    store: Store
    dataset: str
    runs: Path
    rules: Rules
    seeds: int = 5
    device: str = "cpu"
