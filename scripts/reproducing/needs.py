"""What the cells of a grid read, what of it is there, and what is still to be extracted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cache.errors import WeightsError
from cache.feature import Feature
from cache.layout import Layout
from cache.manifest import Manifest
from heads.experiments.cell import Cell
from heads.experiments.grid import Grid, cells
from heads.known_protocols import find
from heads.protocol import Protocol
from pipeline.commands.weights import Need
from pipeline.commands.weights import needs as weights_needed
from pipeline.running.recipes import DatasetConfig, recipes
from pipeline.running.request import Request
from pipeline.weights.folder import Weights


@dataclass(frozen=True)
class Needs:
    """tables: the cells of each protocol. features: those that the config makes, their sources with them. unknown: the
    cells' features that it does not make, with how many cells want them. pending: feature -> the images it is to be
    extracted for. weights: of the pending features."""

    tables: Mapping[str, Sequence[Cell]]
    features: tuple[str, ...]
    unknown: Mapping[str, int]
    pending: Mapping[str, int]
    weights: Sequence[Need]

    def lines(self, images: int) -> list[str]:
        """Told to the user. images: of the dataset."""
        every = [one for table in self.tables.values() for one in table]
        out = [f"{len(every)} cells, which read {len(self.features) + len(self.unknown)} features"]
        if there := [name for name in self.features if not self.pending.get(name)]:
            out.append(f"  in the store: {' '.join(there)}")
        out += [f"  to extract: {name}, {count} of {images} images" for name, count in self.pending.items() if count]
        for name, count in self.unknown.items():
            out.append(f"  not in the config: {name}; {count} cells that read it will say so")
        for need in self.weights:
            told = f"{need.size / 2**20:.0f} MB" if need.size else "size not told"
            how = "there" if need.state == "present" else f"to fetch, {told}" if need.url else "absent: put it there"
            out.append(f"  weights {need.path.name} ({need.weight.licence}): {how}, for {' '.join(need.features)}")
        return out


def tables_of(grid: Grid, mapping: Path | None, overrides: dict[str, object]) -> dict[str, list[Cell]]:
    """Protocol -> its cells. Raises: UnknownName; ConfigError, also for a file that a cell reads and that is not there:
    training would say so hours later."""
    with grid.named(overrides):
        protocols: list[Protocol] = [find(word, mapping) for word in dict.fromkeys(grid.protocols)]
        found = {one.name: cells(grid, one, dict(overrides), protocols) for one in protocols}
    for one in (cell for table in found.values() for cell in table):
        one.check_files()
    return found


def find_needs(
    tables: Mapping[str, Sequence[Cell]], config: DatasetConfig, request: Request, manifest: Manifest
) -> Needs:
    """Raises: UnknownName, ConfigError, WeightsError."""
    wanted = [{name.partition("/")[0] for name in one.inputs} for table in tables.values() for one in table]
    every = sorted(set().union(*wanted))
    known = [name for name in every if name in config.stages]
    unknown = {name: sum(name in one for one in wanted) for name in every if name not in config.stages}
    if not known:
        return Needs(tables, (), unknown, {}, [])
    chosen = recipes(config, known, Weights(request.weights, untrained=True))
    names = tuple(one.feature for one in chosen)
    trained = [] if request.untrained else weights_needed(config, known, request.weights)
    pending = {name: _pending(name, config, request, manifest) for name in names}
    wanted_files = [need for need in trained if _any(pending, need.features)]
    return Needs(tables, names, unknown, {name: count for name, count in pending.items() if count}, wanted_files)


def _any(pending: Mapping[str, int], features: Iterable[str]) -> bool:
    return any(pending.get(name) for name in features)


def _pending(name: str, config: DatasetConfig, request: Request, manifest: Manifest) -> int:
    """Images whose shards of the feature are not there; all of them while its weights, or its source's, are absent,
    since these tell which feature it is."""
    layout = Layout(manifest, config.shard_images)
    try:
        every = recipes(config, [name], Weights(request.weights, request.untrained))
    except WeightsError:
        return len(layout.images)
    (recipe,) = (one for one in every if one.feature == name)
    folder = request.folder / name / recipe.fingerprint
    if not (folder / "feature.json").is_file():
        return len(layout.images)
    feature = Feature(folder, layout)
    return sum(len(block.persons) for block in layout.blocks() if feature.header(block) is None)
