"""What a checkpoint tells of itself beside its weights, and whether that is what a command asks for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cache.errors import StoreError, WeightsError
from cache.fingerprint import fingerprint
from heads.protocols.one_shot import Rules

_Width = Annotated[int, Field(ge=1, le=1_000_000)]
_Seed = Annotated[int, Field(ge=0, lt=2**31)]
_FEW = 120
"""Characters of a fault's text that are told."""


class About(BaseModel):
    """mapping: fingerprint of the rules that made classes of the labels. features: fingerprint by name."""

    model_config = ConfigDict(strict=True, frozen=True)

    head: str
    settings: dict[str, Any]
    widths: dict[str, _Width]
    seeds: list[_Seed] = Field(min_length=1, max_length=1000)
    seen: list[str] = Field(min_length=1)
    unseen: list[str] = Field(min_length=1)
    dataset: str
    release: str
    source: str
    protocol: str
    mapping_version: int
    mapping: str
    features: dict[str, str]
    untrained: list[str]


def checked(path: Path, content: Any) -> dict[str, Any]:
    """``content`` when it is an About.

    Raises: WeightsError naming the first fault, and for a checkpoint that was written before there was ``mapping``.
    """
    if isinstance(content, dict) and "mapping_version" in content and "mapping" not in content:
        raise WeightsError(
            f"{path}: does not say which mapping made its classes; it is of an older version. Train again"
        )
    try:
        return About.model_validate(content).model_dump()
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where, told = ".".join(map(str, fault["loc"])), fault["msg"][0].lower() + fault["msg"][1:]
        text = f"{where}: {told}" if where else told
        raise WeightsError(f"{path}: not a checkpoint of a head, or damaged: {text[:_FEW]}. Train again") from None


def mapping_of(rules: Rules) -> str:
    """The fingerprint of a mapping: another version is another, and so is the same version with another content."""
    return fingerprint(rules.model_dump(mode="json"))


def check_mapping(path: Path, about: Mapping[str, Any], rules: Rules) -> None:
    """Raises: StoreError when the checkpoint at ``path`` was trained with other rules."""
    if (now := mapping_of(rules)) != about["mapping"]:
        then = f"{about['mapping']} (version {about['mapping_version']})"
        cure = "Give the MAPPING of then, or train again"
        raise StoreError(
            f"{path}: was trained with mapping {then}, the one given is {now} (version {rules.version}). {cure}"
        )


def asked(about: Mapping[str, Any], dataset: str, protocol: str) -> bool:
    """Whether the checkpoint is of that dataset and protocol."""
    return (about["dataset"], about["protocol"]) == (dataset, protocol)
