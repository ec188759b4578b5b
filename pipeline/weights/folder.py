"""The folder of weights: which files are there, whether they are the right ones, and how a network is filled from them.

Checkpoints are read as tensors only; nothing that a file asks for is run. Torch is imported when weights are read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cache.errors import WeightsError
from pipeline.weights.catalogue import find
from pipeline.weights.checkpoints import fill, initialise, read
from pipeline.weights.colours import Colours, difference
from pipeline.weights.origins import Weight

if TYPE_CHECKING:
    from torch import Tensor, nn

Rename = Callable[[str], str | None]
Adapt = Callable[[Mapping[str, "Tensor"]], Mapping[str, "Tensor"]]
UNTRAINED = "untrained"
ITSELF = "such a file holds the network itself"
RECORD = ".sha256"
"""Suffix of the file that keeps the hash of a download whose hash was not known before, as sha256sum writes it."""


class Weights:
    """Trained weights in ``folder`` and in the packages that bundle some.

    untrained: networks whose file is absent are initialised from a seed instead; files that are there are used, and
    files that hold the network itself must be there.
    """

    def __init__(self, folder: Path, untrained: bool = False) -> None:
        self.folder = folder
        self.untrained = untrained

    def trained(self, name: str) -> bool:
        """Whether the weights' files are there. Raises: UnknownName."""
        return all(path.is_file() for path in self.paths(name))

    def paths(self, name: str) -> list[Path]:
        """Where the files are, or belong. Raises: UnknownName."""
        weight = find(name)
        return [_bundle(weight) / file if weight.bundled else self.folder / file for file in weight.files]

    def digest(self, name: str) -> str:
        """Hex sha256 over the files, checked against the known one, or the one recorded when it was fetched.

        "untrained" when absent and that is allowed.
        Raises: WeightsError when a file is absent or is not the one its name promises; UnknownName.
        """
        weight, paths = find(name), self.paths(name)
        absent = [path for path in paths if not path.is_file()]
        if absent and self.untrained and not weight.is_network:
            return UNTRAINED
        if absent:
            raise WeightsError(_where_from(weight, absent[0]))
        digest = sha256(paths)
        known = weight.sha256 or (_recorded(paths[0]) if weight.url else "")
        if not digest.startswith(known):
            got = digest[: len(known)]
            raise WeightsError(
                f"{paths[0]}: sha256 begins with {got}, not {known}: damaged or another file. "
                f"Delete it{'' if weight.sha256 else f' and its {RECORD}'} and fetch it again from {weight.url}"
            )
        return digest

    def demand(self, names: Iterable[str], fetching: str) -> None:
        """Look that every file of ``names`` is there. fetching: the command that fetches those that can be fetched.

        Raises: WeightsError in one line that names all the absent ones; UnknownName.
        """
        weights = {weight.file: weight for weight in map(find, names) if not weight.bundled}
        absent = {file: weight for file, weight in weights.items() if not (self.folder / file).is_file()}
        networks = [file for file, weight in absent.items() if weight.is_network]
        if self.untrained:
            absent = {file: absent[file] for file in networks}
        if not absent:
            return
        urls = [weight.url for weight in absent.values() if weight.url]
        what = urls[0] if len(urls) == 1 else "them (LIST=1 shows where from)"
        cures = [f"{fetching} fetches {what}"] if urls else []
        cures += [f"{file} is your own: put it there" for file, weight in absent.items() if not weight.url]
        files = ", ".join(absent)
        without = (
            f"UNTRAINED=1 does not: {', '.join(networks)}: {ITSELF}" if networks else "UNTRAINED=1 goes on without"
        )
        raise WeightsError(f"absent from {self.folder}/: {files}. {'. '.join(cures)}. {without}")

    def load_into(
        self,
        name: str,
        network: nn.Module,
        rename: Rename | None = None,
        adapt: Adapt | None = None,
        colours: Colours | None = None,
    ) -> None:
        """Fill ``network`` with the weights ``name``, or from a seed when these are absent and ``untrained``.

        rename: takes a tensor's name in the file to its name in the network; None leaves it out. adapt: takes all that
        is left to what the network wants, where names alone do not do it. colours: what the network will be given; a
        file that says that it was trained on others is refused.
        Every tensor of the network must come from the file, and every tensor of the file must be used.
        Raises: WeightsError, one line: absent, damaged, refused or not fitting; UnknownName.
        """
        if self.digest(name) == UNTRAINED:
            initialise(network, name)
            return
        weight, paths = find(name), self.paths(name)
        tensors: dict[str, Tensor] = {}
        for path in paths:
            prefix = f"{path.stem}." if len(paths) > 1 else ""
            held = read(path)
            if colours and (apart := difference(held.configuration, colours)):
                raise WeightsError(f"{path} was trained on colours with {apart}. {_instead(weight)}")
            tensors |= {prefix + key: value for key, value in held.tensors.items()}
        named = {rename(key) if rename else key: value for key, value in tensors.items()}
        kept: Mapping[str, Tensor] = {key: value for key, value in named.items() if key is not None}
        fill(network, adapt(kept) if adapt else kept, str(paths[0]), _instead(weight))


def _bundle(weight: Weight) -> Path:
    if weight.name != "mtcnn":
        return Path(__file__).parents[1] / "demo" / "weights"
    spec = find_spec("facenet_pytorch")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError("weights mtcnn: they ship with facenet-pytorch, which is not installed: see constraints.txt")
    return Path(spec.submodule_search_locations[0]) / "data"


def _where_from(weight: Weight, path: Path) -> str:
    if weight.bundled:
        cure = f"it ships with the code ({weight.source}): install again"
    elif weight.url:
        cure = f"make weights fetches {weight.url} into {path.parent}/"
    else:
        cure = f"put {weight.source} there"
    without = f". UNTRAINED=1 does not help: {ITSELF}" if weight.is_network else ", or set UNTRAINED=1 to go on without"
    return f"weights {weight.name}: {path} is absent; {cure}{without}"


def _instead(weight: Weight) -> str:
    """What to do with a file that is whole, but another one than the network wants."""
    if weight.bundled:
        return "It ships with the code: install again"
    own = "Name the network that it was trained as in the stage's settings, or put another file there"
    return own + (f": make weights fetches {weight.url} where there is none" if weight.url else "")


def _recorded(path: Path) -> str:
    """The hash beside ``path``, "" when there is none."""
    try:
        return path.with_name(path.name + RECORD).read_text().partition(" ")[0].strip()
    except (OSError, ValueError):
        return ""


def sha256(paths: Iterable[Path]) -> str:
    """Hex sha256 over the files' bytes, one after the other. Raises: WeightsError when one cannot be read."""
    try:
        return _sha256(tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in paths))
    except OSError as error:
        raise WeightsError(f"{error.filename}: cannot be read: {error.strerror}") from None


@lru_cache(maxsize=256)
def _sha256(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Time and size only key the cache."""
    digest = hashlib.sha256()
    for path, _, _ in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
