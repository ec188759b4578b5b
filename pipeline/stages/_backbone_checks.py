"""Which settings of ``backbone`` say nothing together."""

from __future__ import annotations

from typing import Any

from cache.errors import ConfigError
from pipeline.stages._strides import BRANCHES

SOURCES = {"face": "crop", "depth": "map"}
"""Inputs that are made from another feature, and the array they read there."""
HIDDEN = {"mask": ("mask", "region"), "face": ("box",)}
"""The words of ``blank`` that read another feature too, by default the one of that name, and its arrays."""
LAST, CUT = "layer4", ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
"""The block after the cut, and the networks that heads can build it of."""


def check(config: Any) -> None:
    """config: an ``Extractor.Config``. Raises: ConfigError for a setting that says nothing for this input."""
    derived = config.input in SOURCES or config.blank in HIDDEN
    if bool(config.source) != derived:
        others = f"input {', '.join(SOURCES)} only, or blank = {' or '.join(map(repr, HIDDEN))}"
        wants = others if config.source else f"input {config.input!r}, and there is none"
        raise ConfigError(f"backbone: source = {config.source!r} is for {wants}")
    if bool(config.blank) != (config.input == "context"):
        raise ConfigError(f"backbone: blank = {config.blank!r} is for input 'context', not {config.input!r}")
    if config.cut and config.model not in CUT:
        raise ConfigError(f"backbone: cut = {config.cut!r} is for {', '.join(CUT)}, not {config.model}")
    if config.maps and (config.cut or config.map):
        raise ConfigError("backbone: maps = 'strides' keeps the last map too: leave cut and map out")
    if not config.maps and (config.branches != BRANCHES or config.largest or config.compressed):
        raise ConfigError("backbone: branches, largest and compressed are for maps = 'strides'")
    if config.cut and config.map:
        raise ConfigError(f"backbone: a feature has one map, of cut = {config.cut!r} or the last: leave map out")
    if config.crop != "stretch" and config.input != "body":
        raise ConfigError(f"backbone: crop = {config.crop!r} is for input 'body', not {config.input!r}")
    if config.margin and config.crop == "stretch":
        raise ConfigError(f"backbone: margin = {config.margin:g} is for crop 'expand' or 'square', not 'stretch'")
    if not config.margin and config.crop == "expand":
        raise ConfigError(
            "backbone: margin = 0 leaves the box as it is: crop 'expand' takes more, 'stretch' is without"
        )
