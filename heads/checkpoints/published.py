"""A trained head as one file to give away: a checkpoint that also says how its features are made, what it is worth and
what may be done with it.

Safetensors, so nothing in it is run. What stands beside the checkpoint is JSON in the file's metadata, with a digest of
all that the file holds. A foreign file is read as anybody's: every word is checked before a head is built of it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from cache import plugin_folders, plugins
from cache.errors import WeightsError
from cache.files import make_folder, replace
from heads import known_protocols
from heads.checkpoints import checkpoint
from heads.checkpoints.about import check_plugins
from heads.checkpoints.checkpoint import ABOUT, HEAD, Checkpoint
from heads.head import Head
from heads.learning.training import recipe

SUFFIX = ".safetensors"
NOT_STATED = "not stated"
"""The licence of a head whose giver said nothing."""
_PUBLISHED, _DIGEST = "affect-cache-published", "affect-cache-digest"
_VERSION = 1
_LARGEST = 4 << 30
"""Bytes of a file."""
_FEW = 120
_Word = Annotated[str, Field(max_length=1000)]


class Network(BaseModel):
    """A network that some of the features are made by. file, url, sha256: of its weights; of each "" where there is
    none. licence: of those weights, as the catalogue has it."""

    model_config = ConfigDict(strict=True, frozen=True)

    name: _Word
    file: _Word
    url: _Word
    sha256: _Word
    licence: _Word
    source: _Word
    features: list[_Word]


class Feature(BaseModel):
    """How a feature is made: what its feature.json says that its fingerprint covers, with the arrays. weights: name ->
    sha256. source: the feature that it is made from -> its fingerprint. code: version of affect-cache."""

    model_config = ConfigDict(strict=True, frozen=True)

    stage: _Word
    version: int
    config: dict[str, Any]
    weights: dict[_Word, _Word]
    decode: dict[str, Any]
    fingerprint: _Word
    trained: bool
    arrays: dict[_Word, dict[str, Any]]
    code: _Word
    frames: Annotated[int, Field(ge=0, le=4096)] = 0
    clips: dict[str, Any] | None = None
    source: dict[_Word, _Word] = Field(default_factory=dict)
    plugin: Any = None


class Published(BaseModel):
    """name: of the row. licence: of the head, as its giver says, or NOT_STATED. features: those that it reads, each
    after its source. drawn: it learned from drawings. people: train, val, test -> how many. table: Markdown.
    metrics: of the row, as in results.json."""

    model_config = ConfigDict(strict=True, frozen=True)

    version: Annotated[int, Field(ge=_VERSION, le=_VERSION)] = _VERSION
    name: _Word
    licence: Annotated[str, Field(min_length=1, max_length=100_000)]
    features: dict[_Word, Feature]
    networks: list[Network]
    drawn: bool
    people: dict[_Word, int]
    table: Annotated[str, Field(max_length=1_000_000)]
    metrics: dict[_Word, dict[str, Any]]


def is_path(word: str) -> bool:
    """Whether the word of HEAD is a file, not a head's name."""
    return word.endswith(SUFFIX) or Path(word).is_file()


def write(path: Path, trained: Path, published: Published) -> None:
    """Make ``path`` of the checkpoint ``trained``. Raises: WeightsError, StoreError."""
    checkpoint.load(trained)
    with safe_open(trained, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        about = file.metadata()[ABOUT]
    told = published.model_dump_json()
    metadata = {ABOUT: about, _PUBLISHED: told, _DIGEST: _digest(tensors, about, told)}
    make_folder(path.parent)
    replace(path, [to_bytes(tensors, metadata)])


def load(path: Path, device: str = "cpu") -> tuple[Checkpoint, Published]:
    """Raises: WeightsError in one line: absent, damaged, not published, or in need of a plug-in that is not here."""
    found = read(path)
    about = checkpoint.about(path)
    check_plugins(path, about)
    _check_shapes(path, about)
    return checkpoint.load(path, device), found


def read(path: Path) -> Published:
    """What the file says beside its checkpoint, once its digest is right. Raises: WeightsError."""
    if not path.is_file():
        raise WeightsError(f"HEAD={path}: no such file. make publish HEAD=.. writes one")
    if path.stat().st_size > _LARGEST:
        raise WeightsError(f"{path}: has {path.stat().st_size} bytes; a head has {_LARGEST} at most")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if ABOUT in metadata and _PUBLISHED not in metadata:
                cure = "make publish makes a file of it that does; in its own store, HEAD is its name"
                raise WeightsError(f"{path}: is a run's checkpoint and does not say how its features are made. {cure}")
            parts = [metadata[name] for name in (ABOUT, _PUBLISHED, _DIGEST)]
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except (SafetensorError, OSError, KeyError) as error:
        raise _damaged(path, f"{type(error).__name__} {error}") from None
    if _digest(tensors, *parts[:2]) != parts[2]:
        raise _damaged(path, "its digest is of another content")
    try:
        return Published.model_validate_json(parts[1])
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise _damaged(path, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None


def _check_shapes(path: Path, about: Mapping[str, Any]) -> None:
    """Whether the head that the settings make has the file's tensors, before memory is taken for it: a head of another
    size is a damaged file, or one that wants to fill the memory. Raises: WeightsError."""
    if about["head"] == checkpoint.ENSEMBLE or f"heads.models.{about['head']}" in plugin_folders.found().modules:
        return  # told by ``checkpoint.load``; a plug-in need not be able to be built without memory
    model: type[Head] = plugins.load("heads.models", about["head"], "Model")
    settings = recipe(model, known_protocols.load(about["kind"]), about["settings"], str(path))
    widths = about["widths"] | {name: tuple(shape) for name, shape in about["shapes"].items()}
    try:
        with torch.device("meta"):
            wanted = model(settings, widths, about["sizes"], about["seeds"]).state_dict()
    except (RuntimeError, ValueError, LookupError, TypeError) as error:
        raise _damaged(path, str(error)) from None
    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith(HEAD)]  # noqa: SIM118 (not a mapping)
        there = {name.removeprefix(HEAD): tuple(file.get_slice(name).get_shape()) for name in names}
    for name in sorted(wanted.keys() | there.keys()):
        if name not in there or name not in wanted or there[name] != tuple(wanted[name].shape):
            here = tuple(wanted[name].shape) if name in wanted else "none"
            raise _damaged(path, f"tensor {name} is {there.get(name, 'none')}, its settings make {here}")


def _digest(tensors: Mapping[str, Tensor], about: str, told: str) -> str:
    """Hex sha256 over names, dtypes, shapes, numbers and both texts."""
    made = hashlib.sha256()
    for text in (about, told):
        made.update(f"{len(text.encode())} {text}".encode())
    for name in sorted(tensors):
        x = tensors[name].contiguous()
        made.update(json.dumps([name, str(x.dtype), list(x.shape)]).encode())
        made.update(x.reshape(-1).view(torch.uint8).numpy().tobytes())
    return made.hexdigest()


def _damaged(path: Path, told: str) -> WeightsError:
    text = " ".join(told.split())[:_FEW]
    return WeightsError(f"{path}: not a published head, or damaged: {text}. Get it again from who gave it")
