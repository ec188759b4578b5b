"""What a checkpoint tells of itself beside its weights, and whether that is what a command asks for."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cache import plugins
from cache.errors import StoreError, WeightsError
from cache.plugin_code import code
from cache.plugin_rooms import PACKAGES
from heads.protocol import Protocol

_Width = Annotated[int, Field(ge=1, le=1_000_000)]
_Seed = Annotated[int, Field(ge=0, lt=2**31)]
_LOG = logging.getLogger(__name__)
_FEW = 120
"""Characters of a fault's text that are told."""


class _Plugin(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    file: str
    digest: str


class About(BaseModel):
    """kind: the protocol's file. protocol: its word. task: what the protocol keeps of it (``Task.about``). widths: of
    inputs that are vectors. shapes: of a row of each other input. sizes: kind of target -> how many classes or numbers.
    features: fingerprint by name. plugins: those outside this project that it was trained with, by module."""

    model_config = ConfigDict(strict=True, frozen=True)

    head: str
    settings: dict[str, Any]
    widths: dict[str, _Width]
    shapes: dict[str, list[_Width]] = Field(default_factory=dict)
    sizes: dict[str, _Width]
    seeds: list[_Seed] = Field(min_length=1, max_length=1000)
    dataset: str
    release: str
    source: str
    kind: str
    protocol: str
    task: dict[str, Any]
    features: dict[str, str]
    untrained: list[str]
    plugins: dict[str, _Plugin] = Field(default_factory=dict)


class Part(BaseModel):
    """One row of an ensemble. path: of its checkpoint, from the folder of the ensemble's, without suffix. digest: of
    that file. votes: how much it counts."""

    model_config = ConfigDict(strict=True, frozen=True)

    path: str
    digest: str
    votes: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Ensemble(BaseModel):
    """The ``settings`` of several rows as one."""

    model_config = ConfigDict(strict=True, frozen=True)

    rows: list[Part] = Field(min_length=2)
    how: Literal["average", "maximum"]


def checked(path: Path, content: Any) -> dict[str, Any]:
    """``content`` when it is an About.

    Raises: WeightsError naming the first fault, and for a checkpoint that was written before there was ``kind``.
    """
    if isinstance(content, dict) and {"head", "protocol"} <= content.keys() and "kind" not in content:
        raise WeightsError(f"{path}: does not say which kind of protocol it is of, an older version's. Train again")
    return _checked(path, About, content)


def checked_ensemble(path: Path, settings: Any) -> dict[str, Any]:
    """``settings`` when they are an Ensemble. Raises: WeightsError naming the first fault."""
    return _checked(path, Ensemble, settings)


def _checked(path: Path, model: type[BaseModel], content: Any) -> dict[str, Any]:
    try:
        return model.model_validate(content).model_dump()
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where, told = ".".join(map(str, fault["loc"])), fault["msg"][0].lower() + fault["msg"][1:]
        text = f"{where}: {told}" if where else told
        raise WeightsError(f"{path}: not a checkpoint of a head, or damaged: {text[:_FEW]}. Train again") from None


def check_plugins(path: Path, about: Mapping[str, Any]) -> None:
    """Whether the plug-ins that the checkpoint at ``path`` was trained with are here; other code of one is logged.

    Raises: WeightsError when one is not, or for a name that is no plug-in's.
    """
    for module, told in about["plugins"].items():
        package, _, name = module.rpartition(".")
        if package not in PACKAGES:  # names are imported, and a checkpoint is anybody's
            raise WeightsError(
                f"{path}: not a checkpoint of a head, or damaged: plugins: {module[:_FEW]!r}. Train again"
            )
        if name not in plugins.names(package):
            was = f"it was trained with the plug-in {told['file']} ({told['digest']})"
            word = plugins.kind(package)
            raise WeightsError(f"{path}: {word} {name} is not known here; {was}. Give its folder: PLUGINS=<folder>")
        if (here := code(module)) and here.digest != told["digest"]:
            was = f"was trained with {told['file']} {told['digest']}, here it is {here.file} {here.digest}"
            _LOG.warning("%s: %s. It may give other numbers than then; train again to be sure", path, was)


def check_protocol(path: Path, about: Mapping[str, Any], protocol: Protocol) -> None:
    """Raises: StoreError when the checkpoint at ``path`` was trained under another protocol, or another state of it."""
    if (about["kind"], about["protocol"]) != (protocol.kind, protocol.name):
        raise StoreError(f"{path}: is of protocol {about['protocol']}, asked for is {protocol.name}. Train again")
    if apart := protocol.agree(about["task"]):
        raise StoreError(f"{path}: was trained with {apart}, or train again")


def asked(about: Mapping[str, Any], dataset: str, protocol: str) -> bool:
    """Whether the checkpoint is of that dataset and protocol."""
    return (about["dataset"], about["protocol"]) == (dataset, protocol)
