"""Which head answers: the one that HEAD names, else the usual one where it was trained on these features, else none."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from cache.errors import AffectError, ConfigError
from cache.plugins import load as load_plugin
from heads.checkpoints import checkpoint
from heads.checkpoints.about import check_protocol
from heads.checkpoints.checkpoint import Checkpoint
from heads.experiments import runs
from heads.experiments.grid import usual_protocol
from heads.known_protocols import find
from pipeline.running.recipes import DatasetConfig
from pipeline.running.request import fetching
from pipeline.weights.folder import Weights
from scripts.prediction.model import Model, build

USUAL = "sem_ib_dml"
"""The head that is asked when none is named."""


class Answering(NamedTuple):
    """model: what looks, with the head if there is one. about: of the head and its checkpoint, {} without one. why:
    there is none, "" when there is."""

    model: Model
    about: dict[str, Any]
    why: str

    @property
    def drawn(self) -> bool:
        """Whether the head learned from drawings; a published one says so itself."""
        if "drawn" in self.about:
            return bool(self.about["drawn"])
        return bool(self.about) and bool(load_plugin("pipeline.datasets", self.about["dataset"], "Reader").drawn)


def choose(options: argparse.Namespace, config: DatasetConfig, weights: Weights) -> Answering:
    """The head that the words mean, and the networks. Without HEAD, or what a head is trained with, those networks of
    ``config`` do that STAGES or its own ``shown`` name.

    Raises: AffectError when the head that is named is not there or was trained on other features.
    """
    asked = options.stages.split()
    shown = asked or list(config.shown)
    fetch = partial(fetching, options.dataset, options.config, options.weights)
    named = any((options.head, options.protocol, options.name, options.mapping, options.set))
    try:
        path, loaded = trained(options)
        if config.frames and asked:
            raise ConfigError(f"STAGES={options.stages}: {path} was trained on clips, beside which nothing is told")
        model = build(path, loaded, config, weights, options.device, [] if config.frames else shown, fetch)
        return Answering(model, {"head": options.head or USUAL, "checkpoint": str(path), **loaded.about}, "")
    except AffectError as error:
        if named or not shown:
            raise
        why = str(error)
    return Answering(build(Path(), None, for_photographs(config), weights, options.device, shown, fetch), {}, why)


def for_photographs(config: DatasetConfig) -> DatasetConfig:
    """As ``config`` is, frame by frame."""
    return config.model_copy(update={"frames": 0})


def trained(options: argparse.Namespace) -> tuple[Path, Checkpoint]:
    """The checkpoint that the words of HEAD and what it is trained with mean. Raises: AffectError for none."""
    head = options.head or USUAL
    runs.check_head(options.runs, head)
    protocol = find(options.protocol or usual_protocol(head), options.mapping)
    asked = (options.runs, options.dataset, protocol.name, head, options.name, options.mapping)
    path = runs.checkpoint(*asked, runs.changed(options.seeds, options.set))
    loaded = checkpoint.load(path)
    if options.mapping:
        check_protocol(path, loaded.about, protocol)
    return path, loaded
