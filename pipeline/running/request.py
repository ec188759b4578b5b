"""What the command line asked for, and the opened features that follow from it; also what a Dask worker is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cache import plugin_folders
from cache.feature import Feature
from cache.layout import Layout
from cache.manifest import Manifest
from pipeline.decoding.images import MAX_PIXELS
from pipeline.running.recipes import DatasetConfig, Recipe, dataset_config, is_name, recipes, weights_of
from pipeline.running.runner import Running
from pipeline.weights.folder import Weights


@dataclass(frozen=True)
class Request:
    """One extraction.

    stages: feature names, empty for all. config: instead of the shipped one. retry: do again what failed. make: make
    the dataset's files where they are absent and can be made (the demo's). executor: local or dask. scheduler: of a
    Dask cluster that runs already, else one is started with ``workers`` processes. threads: batches that run at a time
    in each process, each on one core; 0 for as many as there are cores. plugins: the folders of PLUGINS, for a process
    on another machine. box, max_pixels: what is said of the dataset's files, see ``pipeline.dataset.Reading``; "" and 0
    for what the store remembers.
    """

    dataset: str
    root: Path
    store: Path
    weights: Path
    untrained: bool = False
    stages: tuple[str, ...] = ()
    config: Path | None = None
    device: str = "cpu"
    retry: bool = False
    make: bool = False
    executor: str = "local"
    scheduler: str = ""
    workers: int = 2
    threads: int = 0
    plugins: str = ""
    box: str = ""
    max_pixels: int = 0

    @property
    def folder(self) -> Path:
        """Where the dataset's features go."""
        return self.store / self.dataset

    @property
    def running(self) -> Running:
        """How a process runs it."""
        return Running(self.root, self.device, threads=self.threads, max_pixels=self.max_pixels or MAX_PIXELS)

    def absolute(self) -> "Request":
        """The same for a process that stands in another folder."""
        paths = {name: getattr(self, name).resolve() for name in ("root", "store", "weights")}
        config = self.config if self.config is None or is_name(self.config) else self.config.resolve()
        return replace(self, **paths, config=config, plugins=plugin_folders.absolute())

    def settings(self) -> tuple[DatasetConfig, tuple[Recipe, ...]]:
        """The config and the features asked for.

        Raises: UnknownName, ConfigError, WeightsError naming all the files that are absent.
        """
        config, weights = dataset_config(self.dataset, self.config), Weights(self.weights, self.untrained)
        fetch = fetching(self.dataset, self.config, self.weights, self.stages)
        weights.demand(weights_of(config, self.stages), fetch)
        return config, tuple(recipes(config, list(self.stages), weights))

    def features(self, manifest: Manifest, images: int, chosen: tuple[Recipe, ...]) -> Mapping[str, Feature]:
        """The features of ``chosen``, opened; their feature.json must be there."""
        layout = Layout(manifest, images)
        return {one.feature: Feature(self.folder / one.feature / one.fingerprint, layout) for one in chosen}


def fetching(dataset: str, config: Path | None, weights: Path, stages: Sequence[str]) -> str:
    """The command that fetches the weights of ``stages``, of all when there are none."""
    words = ["make", "weights", f"DATASET={dataset}"]
    if stages:
        words.append(f'STAGES="{" ".join(stages)}"')
    if config:
        words.append(f"CONFIG={config}")
    if weights != Path("weights"):
        words.append(f"WEIGHTS={weights}")
    if folders := plugin_folders.absolute():
        words.append(f'PLUGINS="{folders}"')
    return " ".join(words)
