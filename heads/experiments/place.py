"""Where an experiment reads and writes."""

from dataclasses import dataclass
from pathlib import Path

from cache.store import Store


@dataclass(frozen=True)
class Place:
    """mapping: a TOML of the user's that says how labels become targets; None for the protocols' own. seeds: how many,
    from 0 on."""

    store: Store
    dataset: str
    runs: Path
    mapping: Path | None = None
    seeds: int = 5
    device: str = "cpu"
