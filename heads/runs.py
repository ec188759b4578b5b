"""Where a run's folder is, and which checkpoint a command means."""

from pathlib import Path

from cache.errors import ConfigError, StoreError


def slug(protocol: str) -> str:
    """A protocol's name as a folder's: ``cat-6:6`` -> ``cat-6-6``."""
    return protocol.replace(":", "-")


def folder_name(word: str) -> str:
    """``word`` as the name of one folder. Raises: ConfigError when it is a path."""
    if Path(word).name != word or word in ("", ".", ".."):
        raise ConfigError(f"name {word!r}: it must be the name of one folder, without a path")
    return word


def trained(dataset: str, protocol: str, head: str) -> str:
    """The folder that ``train`` writes when no name is given."""
    return f"{dataset}-{slug(protocol)}-{head}"


def checkpoint(runs: Path, dataset: str, protocol: str, head: str, name: str | None = None) -> Path:
    """The checkpoint of ``head`` in run ``name``; without a name, of ``train``, else of the dataset's own grid. A grid
    over several protocols has a folder for each.

    Raises: StoreError naming the checkpoints that are there; ConfigError for a name that is a path.
    """
    names = [folder_name(name)] if name else [trained(dataset, protocol, head), dataset]
    for one in names:
        for folder in (runs / one, runs / one / slug(protocol)):
            if (path := folder / f"{head}.safetensors").is_file():
                return path
    found = sorted(str(path.relative_to(runs).with_suffix("")) for path in runs.glob("*/**/*.safetensors"))
    where = " or ".join(str(runs / one / f"{head}.safetensors") for one in names)
    there = f"Trained are {', '.join(found[:12])}" if found else "Nothing is trained yet"
    raise StoreError(
        f"{where}: no such checkpoint. {there}. Run make train HEAD={head} DATASET={dataset}, or give NAME"
    )
