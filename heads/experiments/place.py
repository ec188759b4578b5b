"""Where an experiment reads and writes."""

from dataclasses import dataclass
from pathlib import Path

from cache.store import Store

SEEDS = 5
"""How many there are when nobody says."""


@dataclass(frozen=True)
class Place:
    """mapping: a TOML of the user's that says how labels become targets; None for the protocols' own. seeds: how many,
    from 0 on. log: whether each epoch of what is trained is written down (``heads.experiments.log``)."""

    store: Store
    dataset: str
    runs: Path
    mapping: Path | None = None
    seeds: int = SEEDS
    device: str = "cpu"
    log: bool = False
