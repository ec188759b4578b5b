"""What the protocol keeps of its task, as a checkpoint holds it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from heads.document import first_fault


class About(BaseModel):
    """mapping: fingerprint of the rules that made classes of the labels."""

    model_config = ConfigDict(strict=True, frozen=True)

    seen: list[str] = Field(min_length=1)
    unseen: list[str] = Field(min_length=1)
    mapping: str
    mapping_version: int


def check(found: Mapping[str, Any], learned: int | None) -> None:
    """learned: how many classes the head tells by itself, None for a head without a classifier. Raises: ValueError with
    the first fault."""
    try:
        about = About.model_validate(found)
    except ValidationError as error:
        raise ValueError(f"task: {first_fault(error)}") from None
    if learned not in (None, len(about.seen)):
        raise ValueError(f"task: {len(about.seen)} seen classes, the head tells {learned}")
