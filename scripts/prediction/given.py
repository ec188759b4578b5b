"""A published head: everything that a prediction needs is in its file, and no store and no run is asked."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cache.errors import ConfigError, StoreError, WeightsError
from cache.plugins import names
from heads.checkpoints import published
from heads.checkpoints.published import Feature
from pipeline.running.recipes import DatasetConfig, Recipe, recipes
from pipeline.running.stage_code import STAGES
from pipeline.weights.catalogue import find
from pipeline.weights.folder import UNTRAINED, Weights
from scripts.prediction.answering import Answering
from scripts.prediction.model import build

OWN = ("protocol", "name", "mapping", "set", "config", "stages")
"""Words that the file itself answers."""


def choose(options: argparse.Namespace, weights: Weights) -> tuple[DatasetConfig, Answering]:
    """How the features are made, and who answers, by the file that HEAD names.

    Raises: ConfigError for words that the file answers; WeightsError for a file that is none, or that was made with
    other networks than those at hand; StoreError where this version makes a feature in another way.
    """
    if more := [word.upper() for word in OWN if getattr(options, word)]:
        raise ConfigError(f"HEAD={options.head}: is a file, which says {', '.join(more)} itself. Leave them out")
    path = Path(options.head)
    loaded, told = published.load(path)
    _check_plugins(path, told.features)
    _check_weights(path, told.features, weights)
    config = config_of(loaded.about["dataset"], told.features)
    _check_ways(path, told.features, recipes(config, list(told.features), weights))
    model = build(path, loaded, config, weights, options.device, [], lambda _: "make weights")
    about = {"head": loaded.about["head"], "checkpoint": str(path), **loaded.about, "drawn": told.drawn}
    return config, Answering(model, {**about, "licence": told.licence}, "")


def config_of(dataset: str, features: Mapping[str, Feature]) -> DatasetConfig:
    """What the features were extracted by. Raises: ConfigError for a file that tells of none."""
    if not features:
        raise ConfigError("a published head that reads no feature says nothing of anybody")
    stages: dict[str, dict[str, Any]] = {}
    for name, one in features.items():
        stages[name] = {**one.config, "stage": one.stage}
        if UNTRAINED in one.weights.values():
            stages[name]["untrained"] = True
        if one.frames and not one.source:
            stages[name]["frames"] = one.frames
    frames = max(one.frames for one in features.values())
    return DatasetConfig(dataset=dataset, frames=frames, stages=stages)


def _check_plugins(path: Path, features: Mapping[str, Feature]) -> None:
    known = names(STAGES)
    for name, one in features.items():
        if one.stage not in known:
            was = one.plugin if isinstance(one.plugin, dict) else {}
            made = f"the plug-in {was.get('file', one.stage)} ({was.get('digest', 'no digest')})"
            told = f"{path}: feature {name} is made by {made}, and stage {one.stage} is not known here"
            raise WeightsError(f"{told}. Give its folder: PLUGINS=<folder>")


def _check_weights(path: Path, features: Mapping[str, Feature], weights: Weights) -> None:
    """Raises: WeightsError, with what to fetch and to where."""
    lacking = dict[str, str]()
    for feature, one in features.items():
        for name, digest in one.weights.items():
            if digest == UNTRAINED:
                continue
            weight = find(name)
            where = f"fetch {weight.url} into {weights.folder}/" if weight.url else f"{weight.source}, ask who gave it"
            if not weights.trained(name):
                lacking[name] = f"{weight.file} of feature {feature} is absent: {where}"
            elif (here := weights.digest(name)) != digest:
                both = f"sha256 begins with {here[:8]}, the head's with {digest[:8]}"
                lacking[name] = f"{weight.file} of feature {feature} is another one, {both}: {where}"
    if lacking:
        raise WeightsError(f"{path}: was trained on other networks than are at hand. {'; '.join(lacking.values())}")


def _check_ways(path: Path, features: Mapping[str, Feature], made: list[Recipe]) -> None:
    """Raises: StoreError where a feature would be made in another way, with what differs."""
    for one in made:
        wanted = features[one.feature]
        if one.fingerprint == wanted.fingerprint:
            continue
        then = wanted.model_dump()
        keys = ("version", "config", "weights", "decode", "frames", "clips", "source", "plugin")
        apart = [key for key in keys if (then[key] or None) != (one.info.get(key) or None)]
        what = f"{', '.join(apart) or 'fingerprint'} of then ({wanted.code}) and now ({one.info['code']}) differ"
        told = f"{path}: feature {one.feature} would be made in another way than the head learned from: {what}"
        raise StoreError(f"{told}. Take the affect-cache {wanted.code} of then, or ask for a head of this one")


def line(about: Mapping[str, Any]) -> str:
    """What is told of a published head before it answers."""
    known = f"published head {about['checkpoint']}: {about['dataset']} {about['protocol']}"
    return f"{known}; licence: {about['licence'].splitlines()[0]}"


def is_given(word: str) -> bool:
    """Whether HEAD names a file."""
    return published.is_path(word)
