"""From a dataset's TOML to features: which stage, with which settings, and the fingerprint that names the result."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import Field

from cache.config import Settings, build, load
from cache.errors import ConfigError, unknown
from cache.fingerprint import fingerprint
from cache.plugins import configs, names
from cache.plugins import load as load_plugin
from pipeline.images import DECODE_POLICY
from pipeline.stage import Stage
from pipeline.weights import Weights

LIBRARIES = ("torch", "torchvision", "numpy", "pillow", "opencv-python", "mmsegmentation", "mmpose", "facenet-pytorch")


class DatasetConfig(Settings):
    """``pipeline/configs/<dataset>.toml``.

    shard_images: images in one shard. stages: feature name -> its settings. Beside those of the stage itself a table
    may hold ``stage`` (which file; by default the feature's name), ``batch_size`` (changes no value) and
    ``untrained = true`` (go on without this feature's checkpoint; it is marked UNTRAINED wherever it is shown).
    """

    dataset: str
    shard_images: int = Field(default=256, ge=1, le=1 << 20)
    stages: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Recipe:
    """One feature to extract. weights: where its checkpoints come from. info: what feature.json will say."""

    feature: str
    stage: Stage[Any]
    weights: Weights
    fingerprint: str
    info: dict[str, Any]


def dataset_config(dataset: str, path: Path | None = None) -> DatasetConfig:
    """The config of ``dataset``: ``path``, or the one that ships here.

    Raises: UnknownName for another dataset, ConfigError for a fault in the file.
    """
    if dataset not in (known := names("pipeline.datasets")):
        raise unknown("dataset", dataset, known)
    path = path or configs("pipeline").get(dataset)
    if path is None:
        raise ConfigError(f"pipeline/configs/{dataset}.toml: no such config; give one with CONFIG=file.toml")
    config = load(path, DatasetConfig)
    if config.dataset != dataset:
        raise ConfigError(f"{path}: is for dataset {config.dataset!r}, DATASET is {dataset!r}")
    return config


def recipes(config: DatasetConfig, wanted: list[str], weights: Weights) -> list[Recipe]:
    """The features named in ``wanted`` (all of the config when empty), in the config's order.

    Raises: UnknownName for a feature or stage that is not there, ConfigError, WeightsError for a missing checkpoint.
    """
    for name in wanted:
        if name not in config.stages:
            raise unknown("stage", name, config.stages)
    chosen = [name for name in config.stages if not wanted or name in wanted]
    return [_recipe(name, config.stages[name], weights) for name in chosen]


def _recipe(feature: str, table: dict[str, Any], weights: Weights) -> Recipe:
    if not feature.isidentifier():
        raise ConfigError(f"[stages.{feature}]: a feature's name is letters, digits and underscores")
    settings = dict(table)
    stage_name = str(settings.pop("stage", feature))
    batch_size = settings.pop("batch_size", None)
    if settings.pop("untrained", False) is True:
        weights = Weights(weights.folder, untrained=True)
    extractor = load_plugin("pipeline.stages", stage_name, "Extractor")
    stage: Stage[Any] = extractor(build(extractor.Config, settings, f"[stages.{feature}]"))
    if batch_size is not None:
        stage.batch_size = _positive(batch_size, feature)
    digests = {name: weights.digest(name) for name in stage.weights}
    identity = {
        "stage": stage_name,
        "version": stage.version,
        "config": stage.config.model_dump(mode="json"),
        "weights": digests,
        "decode": DECODE_POLICY,
    }
    name = fingerprint(identity)
    info = identity | {
        "feature": feature,
        "fingerprint": name,
        "granularity": stage.granularity.value,
        "trained": all(weights.trained(one) for one in stage.weights),
        "arrays": {array: spec.to_json() for array, spec in stage.outputs.items()},
        "libraries": {library: _version(library) for library in LIBRARIES},
        "code": _version("affect-cache"),
    }
    return Recipe(feature, stage, weights, name, info)


def _positive(value: Any, feature: str) -> int:
    if not isinstance(value, int) or value < 1:
        raise ConfigError(f"[stages.{feature}]: batch_size is a whole number from 1, got {value!r}")
    return value


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
