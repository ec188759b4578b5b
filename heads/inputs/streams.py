"""Which feature each stream of a head reads, as settings: ``SET="image=image50 body=body50"``.

A head's Config is put together from the streams it has, so that a setting it does not have is an error.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from cache.aligned import full_name
from cache.config import Settings
from cache.errors import ConfigError

PRESENCE = "presence"
ROLES = ("image", "scene", "body")
"""The settings that name the feature of a stream with one projection, in the order of the streams."""


def _feature(word: str) -> str:
    if not re.fullmatch(r"[\w.-]+", word):
        raise ValueError("must be a feature's name")
    return word


def _vector(word: str) -> str:
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", word):
        raise ValueError("must be a feature's name, or feature/array")
    return full_name(word)


def words(value: Any) -> Any:
    """``"a,b c"`` as a tuple; anything else as it is."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Pooled = Annotated[str, AfterValidator(_vector)]
"""``feature/array``; a feature's name alone means its array ``pooled``."""


Feature = Annotated[str, AfterValidator(_feature)]
"""A feature of which several arrays are read."""


class ImageStream(Settings):
    """image: the feature of the full image."""

    image: Pooled = "image/pooled"


class SceneStream(Settings):
    """scene: the feature of the full image by a network that was trained on Places365."""

    scene: Pooled = "scene/pooled"


class BodyStream(Settings):
    """body: the feature of the person crop."""

    body: Pooled = "body/pooled"


class SemanticStream(Settings):
    """sem2vec: the segmentation feature. semantic: its ``presence`` (0 or 1 for each class, eq. 3) or its ``area`` (the
    share of the image that each class covers)."""

    sem2vec: Feature = "sem2vec"
    semantic: Literal["presence", "area"] = "presence"


class ExtraStreams(Settings):
    """extra: vectors beside a head's own streams, each with a projection of its own:
    ``SET="extra=scene/scores,scene/attributes"``."""

    extra: Annotated[tuple[Pooled, ...], BeforeValidator(words)] = ()


class FeatureStreams(Settings):
    """features: any vectors of the store, side by side: ``SET="features=clip,scene/scores"``."""

    features: Annotated[tuple[Pooled, ...], BeforeValidator(words), Field(min_length=1)] = (
        "image/pooled",
        "body/pooled",
    )


def semantic_input(config: Settings) -> str | None:
    """The array that stands for Sem2Vec, None for a head without that stream."""
    return f"{config.sem2vec}/{config.semantic}" if isinstance(config, SemanticStream) else None


def inputs_of(config: Settings) -> tuple[str, ...]:
    """``feature/array`` of every stream that ``config`` has: image, scene, body, Sem2Vec, the extra ones, any features.

    Raises: ConfigError when two streams read the same array.
    """
    names = [str(getattr(config, role)) for role in ROLES if hasattr(config, role)]
    names += [name for name in (semantic_input(config),) if name]
    names += config.extra if isinstance(config, ExtraStreams) else ()
    names += config.features if isinstance(config, FeatureStreams) else ()
    return once(names)


def once(names: Sequence[str]) -> tuple[str, ...]:
    """``names`` as they are. Raises: ConfigError when two streams read the same array."""
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"{twice} is the input of two streams of one head; name another feature for one of them")
    return tuple(names)


def measured(config: Settings) -> tuple[str, ...]:
    """The inputs that are real numbers: all but presence, which is 0 or 1."""
    binary = semantic_input(config) if getattr(config, "semantic", None) == PRESENCE else None
    return tuple(name for name in inputs_of(config) if name != binary)
