"""From a dataset's TOML to features: which stage, with which settings, and the fingerprint that names the result."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from cache.config import Settings, build, load
from cache.errors import ConfigError, nearest, unknown
from cache.fingerprint import fingerprint
from cache.plugin_code import code
from cache.plugins import configs, names
from cache.plugins import load as load_plugin
from pipeline.framed import Framed
from pipeline.running.identity import identity
from pipeline.running.stage_code import STAGES, version_of
from pipeline.stage import Stage
from pipeline.weights.folder import Weights

LIBRARIES = (
    *("torch", "torchvision", "numpy", "pillow", "opencv-python", "av"),
    *("mmsegmentation", "mmpose", "facenet-pytorch", "timm", "transformers", "pillow-heif", "ai-edge-litert"),
)
MAX_FRAMES = 4096
"""Of one sample in one feature."""


class DatasetConfig(Settings):
    """``pipeline/configs/<dataset>.toml``.

    dataset: "" for any. shard_images: images in one shard; where there is no ``dataset``, by default as many as that
    dataset's own config has. frames: of a dataset of clips, how many frames of each the features have; 0 for one of
    photographs; where there is no ``dataset``, as in that dataset's own. shown: features that ``make predict`` tells
    without STAGES. stages: feature name -> its settings. Beside those of the stage itself a table may hold ``stage``
    (which file; by default the feature's name), ``frames`` (this feature's own), ``batch_size`` (changes no value) and
    ``untrained = true`` (go on without this feature's checkpoint; it is marked UNTRAINED wherever it is shown).
    """

    dataset: str = ""
    shard_images: int = Field(default=256, ge=1, le=1 << 20)
    frames: int = Field(default=0, ge=0, le=MAX_FRAMES)
    shown: tuple[str, ...] = ()
    stages: dict[str, dict[str, Any]] = Field(min_length=1)


@dataclass(frozen=True)
class Recipe:
    """One feature to extract. weights: where its checkpoints come from. info: what feature.json will say."""

    feature: str
    stage: Stage[Any]
    weights: Weights
    fingerprint: str
    info: dict[str, Any]


def dataset_config(dataset: str, path: Path | None = None) -> DatasetConfig:
    """The config of ``dataset``: the file ``path``, the shipped one that it names, or the dataset's own.

    Raises: UnknownName for another dataset or config, ConfigError for a fault in the file.
    """
    if dataset not in (known := names("pipeline.datasets")):
        raise unknown("dataset", dataset, known)
    shipped = configs("pipeline")
    if path and is_name(path) and str(path) not in shipped:
        raise unknown("config", str(path), shipped)
    own = shipped.get(dataset)
    path = (shipped[str(path)] if is_name(path) else path) if path else own
    if path is None:
        raise ConfigError(f"pipeline/configs/{dataset}.toml: no such config; give one with CONFIG=file.toml")
    config = load(path, DatasetConfig)
    if config.dataset not in ("", dataset):
        raise ConfigError(f"{path}: is for dataset {config.dataset!r}, DATASET is {dataset!r}")
    if absent := [name for name in config.shown if name not in config.stages]:
        raise ConfigError(f"{path}: shown: no stage {absent[0]!r}.{nearest(absent[0], config.stages)}")
    return config if config.dataset else _fitted(config, dataset, own)


def is_name(path: Path) -> bool:
    """Whether the word of CONFIG is a shipped config's name: it has no folder and no suffix, and is no file."""
    return str(path) == path.stem and not path.is_file()


def _fitted(config: DatasetConfig, dataset: str, own: Path | None) -> DatasetConfig:
    """A ``config`` for any dataset, for this one. Its shards are as large as those of the dataset's ``own`` config, so
    that features of both lie side by side in a store, and its clips have as many frames."""
    named: dict[str, Any] = {"dataset": dataset}
    if own:
        theirs = load(own, DatasetConfig)
        named |= {name: getattr(theirs, name) for name in {"shard_images", "frames"} - config.model_fields_set}
    return config.model_copy(update=named)


def recipes(config: DatasetConfig, wanted: list[str], weights: Weights) -> list[Recipe]:
    """The features named in ``wanted`` (all of the config when empty), in the config's order, each after its source.

    A feature that is the source of another one is added to those wanted.
    Raises: UnknownName for a feature or stage that is not there, ConfigError, WeightsError for a missing checkpoint.
    """
    made: dict[str, Recipe] = {}
    for one in _planned(config, wanted):
        own = Weights(weights.folder, untrained=True) if one.untrained else weights
        made[one.feature] = _recipe(one, own, made.get(one.stage.source))
    return list(made.values())


def weights_of(config: DatasetConfig, wanted: Collection[str]) -> dict[str, list[str]]:
    """Names of the weights that these features and their sources need, each with the features; no file is looked at.

    A feature with ``untrained = true`` needs none. Raises: UnknownName, ConfigError.
    """
    found: dict[str, list[str]] = {}
    for one in _planned(config, wanted):
        for name in () if one.untrained else one.stage.weights:
            found.setdefault(name, []).append(one.feature)
    return found


class Planned(NamedTuple):
    """A feature's table in the config, read. name: of the stage. untrained: whether the table says so. frames: of a
    clip, as the table has it; 0 where it does not say."""

    feature: str
    name: str
    stage: Stage[Any]
    untrained: bool
    frames: int = 0


def _planned(config: DatasetConfig, wanted: Collection[str]) -> list[Planned]:
    """The features of ``wanted`` (all when empty) and their sources, each after its source. Raises: UnknownName,
    ConfigError."""
    for name in wanted:
        if name not in config.stages:
            raise unknown("stage", name, config.stages)
    made: dict[str, Planned] = {}
    for name in config.stages:
        if not wanted or name in wanted:
            _plan(name, config, made, ())
    return list(made.values())


def _plan(feature: str, config: DatasetConfig, made: dict[str, Planned], users: tuple[str, ...]) -> Planned:
    """Put ``feature`` into ``made`` after its source. users: the features that lead here."""
    if feature in users:
        raise ConfigError(f"[stages.{feature}]: is its own source, by way of {', '.join(users)}")
    if feature not in made:
        one, frames = stage_of(feature, config.stages[feature]), config.frames
        if source := one.stage.source:
            if source not in config.stages:
                text = f"[stages.{feature}]: is made from {source!r}, which this config does not extract."
                raise ConfigError(text + nearest(source, config.stages))
            origin = _plan(source, config, made, (*users, feature))
            frames = origin.stage.frames
        one = one._replace(stage=for_clips(one, frames) if config.frames else for_photographs(one))
        if source:
            _check_source(one, origin)
        made[feature] = one
    return made[feature]


def stage_of(feature: str, table: dict[str, Any]) -> Planned:
    """The stage of a config's table, as it is for photographs. Raises: UnknownName, ConfigError."""
    if not feature.isidentifier():
        raise ConfigError(f"[stages.{feature}]: a feature's name is letters, digits and underscores")
    settings = dict(table)
    name = str(settings.pop("stage", feature))
    batch_size, frames = settings.pop("batch_size", None), settings.pop("frames", None)
    if not isinstance(untrained := settings.pop("untrained", False), bool):
        raise ConfigError(f"[stages.{feature}]: untrained is true or false, got {untrained!r}")
    extractor = load_plugin(STAGES, name, "Extractor")
    stage: Stage[Any] = extractor(build(extractor.Config, settings, f"[stages.{feature}]"))
    if batch_size is not None:
        stage.batch_size = _positive(batch_size, f"[stages.{feature}]: batch_size")
    if frames is not None:
        frames = _positive(frames, f"[stages.{feature}]: frames", MAX_FRAMES)
    return Planned(feature, name, stage, untrained, frames or 0)


def for_photographs(one: Planned) -> Stage[Any]:
    """Its stage. Raises: ConfigError when it takes clips alone."""
    if one.frames:
        raise ConfigError(f"[stages.{one.feature}]: frames is for datasets of clips. Leave it out")
    if one.stage.following or one.stage.temporal or not one.stage.pixels:
        raise ConfigError(f"[stages.{one.feature}]: is made of the frames of clips, and this dataset has photographs")
    return one.stage


def for_clips(one: Planned, frames: int) -> Stage[Any]:
    """Its stage on ``frames`` frames, or as many as its table says. Raises: ConfigError."""
    if one.frames and one.stage.source:
        text = f"[stages.{one.feature}]: has as many frames as {one.stage.source}, which it is made from. Leave it out"
        raise ConfigError(text)
    if not one.stage.temporal:
        return Framed(one.stage, one.frames or frames)
    one.stage.frames = frames
    return one.stage


def _check_source(one: Planned, source: Planned) -> None:
    given = source.stage.outputs
    if absent := [name for name in one.stage.reads if name not in given]:
        text = f"[stages.{one.feature}]: wants {absent[0]!r} of {source.feature}, which does not give it."
        raise ConfigError(text + nearest(absent[0], given))
    if one.stage.granularity is not source.stage.granularity:
        both = f"{one.stage.granularity} rows cannot be made from {source.stage.granularity} rows of {source.feature}"
        raise ConfigError(f"[stages.{one.feature}]: {both}")


def _recipe(one: Planned, weights: Weights, source: Recipe | None) -> Recipe:
    feature, stage = one.feature, one.stage
    known = identity(one.name, stage, weights, {source.feature: source.fingerprint} if source else {})
    trained = all(weights.trained(name) for name in stage.weights) and (source is None or source.info["trained"])
    named, outside = fingerprint(known), code(f"{STAGES}.{one.name}")
    info = known | {
        "feature": feature,
        "fingerprint": named,
        "granularity": stage.granularity.value,
        "trained": trained,
        "arrays": {array: spec.to_json() for array, spec in stage.outputs.items()},
        "libraries": {library: version_of(library) for library in LIBRARIES},
        "code": version_of("affect-cache"),
        **({"plugin": outside.document()} if outside else {}),
    }
    return Recipe(feature, stage, weights, named, info)


def _positive(value: Any, name: str, largest: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or value > (largest or value):
        raise ConfigError(f"{name} is a whole number from 1{f' to {largest}' if largest else ''}, got {value!r}")
    return value
