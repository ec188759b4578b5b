"""TOML to frozen pydantic models. Unknown keys are errors with the nearest name; all faults are told at once."""

import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from cache.errors import ConfigError, nearest

Model = TypeVar("Model", bound=BaseModel)


class Settings(BaseModel):
    """Base of every config: frozen, nothing beside the declared fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def read_toml(path: Path) -> dict[str, Any]:
    """Raises: ConfigError when the file is absent or not TOML, with the line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such config file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not readable as TOML: {' '.join(str(error).split())}") from None


def build(model: type[Model], values: dict[str, Any], where: str) -> Model:
    """``model`` from plain values; ``where`` (a file, or 'SET') opens the error text.

    Raises: ConfigError that lists every fault, unknown keys with the nearest known one.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [_fault(model, fault) for fault in error.errors(include_url=False)]
        raise ConfigError(f"{where}: {'; '.join(faults)}") from None


def load(path: Path, model: type[Model]) -> Model:
    """A config file as ``model``. Raises: ConfigError."""
    return build(model, read_toml(path), str(path))


def assignments(text: str) -> dict[str, Any]:
    """``"lr=1e-3 epochs=40 loss=triplet"`` as a dict; values are TOML scalars, bare words are strings.

    Raises: ConfigError when a word has no ``=``, a name stands twice or a quotation is not closed.
    """
    out: dict[str, Any] = {}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"SET: {text!r}: {str(error).lower()}") from None
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ConfigError(f'SET: {word!r} is not of the form name=value, as in SET="lr=1e-3 epochs=40"')
        if key in out:
            raise ConfigError(f"SET: {key!r} stands twice, with {out[key]!r} and {value!r}")
        out[key] = _scalar(value)
    return out


_SHOWN = 100
"""Characters of a wrong value."""


def _scalar(text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return table["value"] if len(table) == 1 else text


def _fault(model: type[BaseModel], fault: Any) -> str:
    path = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown setting {path!r}.{nearest(str(fault['loc'][-1]), _fields(model, fault['loc'][:-1]))}"
    told = fault["msg"].replace("valid tuple", "list")
    if fault["type"] == "missing":
        return f"{path}: is not there"
    shown = repr(fault["input"])
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}..."
    return f"{path}: {told[0].lower()}{told[1:]}, got {shown}"


def _fields(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    for part in loc:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = next(_models(field.annotation), model)
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's type names, also inside ``dict[str, ...]``, ``list[...]`` or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
