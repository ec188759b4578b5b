"""From a dataset's TOML to features: which stage, with which settings, and the fingerprint that names the result."""

from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import Field

from cache.config import Settings, build, load
from cache.errors import ConfigError, nearest, unknown
from cache.fingerprint import fingerprint
from cache.plugins import configs, names
from cache.plugins import load as load_plugin
from pipeline.images import DECODE_POLICY
from pipeline.stage import Stage
from pipeline.weights import Weights

LIBRARIES = (
    *("torch", "torchvision", "numpy", "pillow", "opencv-python"),
    *("mmsegmentation", "mmpose", "facenet-pytorch", "timm", "transformers"),
)


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
    """The features named in ``wanted`` (all of the config when empty), in the config's order, each after its source.

    A feature that is the source of another one is added to those wanted.
    Raises: UnknownName for a feature or stage that is not there, ConfigError, WeightsError for a missing checkpoint.
    """
    _check(config, wanted)
    made: dict[str, Recipe] = {}
    for name in config.stages:
        if not wanted or name in wanted:
            _make(name, config, weights, made, ())
    return list(made.values())


def weights_of(config: DatasetConfig, wanted: Collection[str]) -> dict[str, list[str]]:
    """Names of the weights that these features and their sources need, each with the features; no file is looked at.

    A feature with ``untrained = true`` needs none. Raises: UnknownName, ConfigError.
    """
    _check(config, wanted)
    found: dict[str, list[str]] = {}
    features = list(wanted) or list(config.stages)
    for feature in features:  # grows by sources
        _, stage, untrained = stage_of(feature, config.stages[feature])
        for name in () if untrained else stage.weights:
            found.setdefault(name, []).append(feature)
        if stage.source in config.stages and stage.source not in features:
            features.append(stage.source)
    return found


def _check(config: DatasetConfig, wanted: Collection[str]) -> None:
    for name in wanted:
        if name not in config.stages:
            raise unknown("stage", name, config.stages)


def _make(
    feature: str, config: DatasetConfig, weights: Weights, made: dict[str, Recipe], users: tuple[str, ...]
) -> Recipe:
    """The recipe of ``feature``, put into ``made`` after its source's. users: the features that lead here."""
    if feature in users:
        raise ConfigError(f"[stages.{feature}]: is its own source, by way of {', '.join(users)}")
    if feature not in made:
        name, stage, untrained = stage_of(feature, config.stages[feature])
        source = None
        if stage.source:
            if stage.source not in config.stages:
                text = f"[stages.{feature}]: is made from {stage.source!r}, which this config does not extract."
                raise ConfigError(text + nearest(stage.source, config.stages))
            source = _make(stage.source, config, weights, made, (*users, feature))
            _check_source(feature, stage, source)
        own = Weights(weights.folder, untrained=True) if untrained else weights
        made[feature] = _recipe(feature, name, stage, own, source)
    return made[feature]


def stage_of(feature: str, table: dict[str, Any]) -> tuple[str, Stage[Any], bool]:
    """The stage's name, the stage with the settings of its table, and whether the table says ``untrained``.

    Raises: UnknownName, ConfigError.
    """
    if not feature.isidentifier():
        raise ConfigError(f"[stages.{feature}]: a feature's name is letters, digits and underscores")
    settings = dict(table)
    name = str(settings.pop("stage", feature))
    batch_size = settings.pop("batch_size", None)
    untrained = settings.pop("untrained", False) is True
    extractor = load_plugin("pipeline.stages", name, "Extractor")
    stage: Stage[Any] = extractor(build(extractor.Config, settings, f"[stages.{feature}]"))
    if batch_size is not None:
        stage.batch_size = _positive(batch_size, feature)
    return name, stage, untrained


def _check_source(feature: str, stage: Stage[Any], source: Recipe) -> None:
    given = source.stage.outputs
    if absent := [name for name in stage.reads if name not in given]:
        text = f"[stages.{feature}]: wants {absent[0]!r} of {source.feature}, which does not give it."
        raise ConfigError(text + nearest(absent[0], given))
    if stage.granularity is not source.stage.granularity:
        both = f"{stage.granularity} rows cannot be made from {source.stage.granularity} rows of {source.feature}"
        raise ConfigError(f"[stages.{feature}]: {both}")


def _recipe(feature: str, name: str, stage: Stage[Any], weights: Weights, source: Recipe | None) -> Recipe:
    identity = {
        "stage": name,
        "version": stage.version,
        "config": stage.config.model_dump(mode="json"),
        "weights": {one: weights.digest(one) for one in stage.weights},
        "decode": DECODE_POLICY,
    }
    if source:
        identity["source"] = {source.feature: source.fingerprint}
    trained = all(weights.trained(one) for one in stage.weights) and (source is None or source.info["trained"])
    named = fingerprint(identity)
    info = identity | {
        "feature": feature,
        "fingerprint": named,
        "granularity": stage.granularity.value,
        "trained": trained,
        "arrays": {array: spec.to_json() for array, spec in stage.outputs.items()},
        "libraries": {library: _version(library) for library in LIBRARIES},
        "code": _version("affect-cache"),
    }
    return Recipe(feature, stage, weights, named, info)


def _positive(value: Any, feature: str) -> int:
    if not isinstance(value, int) or value < 1:
        raise ConfigError(f"[stages.{feature}]: batch_size is a whole number from 1, got {value!r}")
    return value


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
