"""The only place that knows where trained weights come from: files, addresses, hashes, licences.

The table is here and in ``openmmlab.py``; names that need no entry (timm's, torchvision's, the user's own) are
settled in ``origins.py``.
Checkpoints are read as tensors only; nothing that a file asks for is run. Torch is imported when weights are read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cache.errors import UnknownName, WeightsError, nearest
from pipeline.weights.checkpoints import fill, initialise, read_tensors
from pipeline.weights.openmmlab import OPENMMLAB
from pipeline.weights.origins import FILE, TIMM, named, torchvision_weights
from pipeline.weights.origins import Weight as Weight

if TYPE_CHECKING:
    from torch import Tensor, nn

Rename = Callable[[str], str | None]
Adapt = Callable[[Mapping[str, "Tensor"]], Mapping[str, "Tensor"]]
UNTRAINED = "untrained"
RECORD = ".sha256"
"""Suffix of the file that keeps the hash of a download whose hash was not known before, as sha256sum writes it."""


def _torchvision(name: str, file: str, source: str) -> Weight:
    digits = re.findall(r"-([0-9a-f]{8,})\.pth$", file)[0]
    return Weight(name, (file,), f"https://download.pytorch.org/models/{file}", digits, "BSD-3-Clause", source)


def _demo(name: str, source: str) -> Weight:
    return Weight(name, (f"{name}.safetensors",), "", "", "Apache-2.0", source, bundled=True)


def _facenet(name: str, stamp: str, digits: str, megabytes: float) -> Weight:
    file = f"{stamp}-{name}.pt"
    url = f"https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/{file}"
    return Weight(name, (file,), url, digits, "MIT", f"facenet-pytorch InceptionResnetV1 on {name}", False, megabytes)


_IMAGENET = "torchvision IMAGENET1K_V1"
_ENTRIES = (
    *OPENMMLAB,
    _torchvision("resnet18", "resnet18-f37072fd.pth", _IMAGENET),
    _torchvision("resnet34", "resnet34-b627a593.pth", _IMAGENET),
    _torchvision("resnet50", "resnet50-0676ba61.pth", f"{_IMAGENET}, as the papers' (V2 is resnet50_v2)"),
    _torchvision("resnet50_v2", "resnet50-11ad3fa6.pth", "torchvision IMAGENET1K_V2"),
    _torchvision("shufflenet_v2_x0_5", "shufflenetv2_x0.5-f707e7126e.pth", _IMAGENET),
    _torchvision("shufflenet_v2_x1_0", "shufflenetv2_x1-5666bf0f80.pth", _IMAGENET),
    _torchvision("mobilenet_v2", "mobilenet_v2-b0353104.pth", _IMAGENET),
    _torchvision("mobilenet_v3_small", "mobilenet_v3_small-047dcff4.pth", _IMAGENET),
    _torchvision("mobilenet_v3_large", "mobilenet_v3_large-8738ca79.pth", _IMAGENET),
    _facenet("vggface2", "20180402-114759", "281cebca8662831adb987a874bdcb36e", 106.7),
    _facenet("casia-webface", "20180408-102900", "", 111),
    *(
        _torchvision(f"fasterrcnn_{net}", f"fasterrcnn_{net}{end}.pth", "torchvision COCO_V1")
        for net, end in (
            ("resnet50_fpn", "_coco-258fb6c6"),
            ("resnet50_fpn_v2", "_coco-dd69338a"),
            ("mobilenet_v3_large_fpn", "-fb6a3cc7"),
            ("mobilenet_v3_large_320_fpn", "-907ea3f9"),
        )
    ),
    *(
        Weight(name, (file,), f"http://places2.csail.mit.edu/models_places365/{file}", "", "CC BY", "CSAIL's Places365")
        for name, file in (
            ("wideresnet18_places365", "wideresnet18_places365.pth.tar"),
            ("places365_attributes", "W_sceneattribute_wideresnet18.npy"),
        )
    ),
    Weight(
        "depth_anything_v2_small",
        ("depth_anything_v2_small.safetensors",),
        "https://huggingface.co/depth-anything/Depth-Anything-V2-Small-hf/resolve/main/model.safetensors",
        "3152477ce0d8d6978d76b995120de97cb5b928701fd0f817769f59e249a16b70",
        "Apache-2.0",
        "Depth Anything V2, small",
    ),
    _demo("demo_hr8", "trained on drawn scenes by this project: make demo-weights"),
    _demo("demo_image", "trained on drawn scenes by this project: make demo-weights"),
    _demo("demo_body", "trained on drawn scenes by this project: make demo-weights"),
    Weight("mtcnn", ("pnet.pt", "rnet.pt", "onet.pt"), "", "", "MIT", "facenet-pytorch 2.5.3", bundled=True),
)
WEIGHTS: dict[str, Weight] = {weight.name: weight for weight in _ENTRIES}


class Weights:
    """Trained weights in ``folder`` and in the packages that bundle some.

    untrained: networks whose file is absent are initialised from a seed instead; files that are there are used.
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
        if absent and self.untrained:
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
        if not absent or self.untrained:
            return
        urls = [weight.url for weight in absent.values() if weight.url]
        what = urls[0] if len(urls) == 1 else "them (LIST=1 shows where from)"
        cures = [f"{fetching} fetches {what}"] if urls else []
        cures += [f"{file} is your own: put it there" for file, weight in absent.items() if not weight.url]
        files = ", ".join(absent)
        raise WeightsError(f"absent from {self.folder}/: {files}. {'. '.join(cures)}. UNTRAINED=1 goes on without")

    def load_into(
        self, name: str, network: nn.Module, rename: Rename | None = None, adapt: Adapt | None = None
    ) -> None:
        """Fill ``network`` with the weights ``name``, or from a seed when these are absent and ``untrained``.

        rename: takes a tensor's name in the file to its name in the network; None leaves it out. adapt: takes all that
        is left to what the network wants, where names alone do not do it.
        Every tensor of the network must come from the file, and every tensor of the file must be used.
        Raises: WeightsError, one line: absent, damaged, refused or not fitting; UnknownName.
        """
        if self.digest(name) == UNTRAINED:
            initialise(network, name)
            return
        tensors: dict[str, Tensor] = {}
        for path in self.paths(name):
            prefix = f"{path.stem}." if len(find(name).files) > 1 else ""
            tensors |= {prefix + key: value for key, value in read_tensors(path).items()}
        named = {rename(key) if rename else key: value for key, value in tensors.items()}
        kept: Mapping[str, Tensor] = {key: value for key, value in named.items() if key is not None}
        fill(network, adapt(kept) if adapt else kept, str(self.paths(name)[0]))


def find(name: str) -> Weight:
    """The table's entry, or what ``name`` stands for without one. Raises: UnknownName with the nearest, ConfigError."""
    if weight := WEIGHTS.get(name) or named(name):
        return weight
    near = get_close_matches(name, torchvision_weights(), n=1, cutoff=0.8)
    raise UnknownName(f"no weights {name!r}.{nearest(name, {*WEIGHTS, *near, f'{TIMM}<model>', f'{FILE}<name>'})}")


def _bundle(weight: Weight) -> Path:
    if weight.name != "mtcnn":
        return Path(__file__).parents[1] / "demo_weights"
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
    return f"weights {weight.name}: {path} is absent; {cure}, or set UNTRAINED=1 to go on without"


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
