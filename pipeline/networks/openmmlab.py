"""The only place that imports mmseg, mmpose and what they stand on.

Networks are built from the configs that the two packages ship, and are never fetched: a network comes back with the
values its constructor gave it, and `pipeline.weights` fills it. Both packages import names from `mmcv.ops`, `mmdet` and
`xtcocotools` when their models load. No network here uses one of them, so where a real package is absent a placeholder
stands in; it raises when it is called.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from cache.errors import NotInstalled, unknown

if TYPE_CHECKING:
    from torch import nn

SEGMENTORS = {
    "fcn_hr48": "hrnet/fcn_hr48_4xb4-160k_ade20k-512x512.py",
    "fcn_hr18s": "hrnet/fcn_hr18s_4xb4-160k_ade20k-512x512.py",
    "demo_hr8": "hrnet/fcn_hr18s_4xb4-160k_ade20k-512x512.py",
}


class Pose(NamedTuple):
    """file: below mmpose's shipped configs. keypoints: 26 of Halpe or 133 of COCO-WholeBody. size: (h, w)."""

    file: str
    keypoints: int
    size: tuple[int, int]


_HALPE = "body_2d_keypoint/rtmpose/body8/rtmpose"
_WHOLE = "wholebody_2d_keypoint/rtmpose/coco-wholebody/rtmpose"
_DWPOSE = "wholebody_2d_keypoint/rtmpose/ubody/rtmpose"
_RTMW = "wholebody_2d_keypoint/rtmpose/cocktail14/rtmw"
_SMALL, _LARGE = (256, 192), (384, 288)
POSES = {
    "rtmpose-t": Pose(f"{_HALPE}-t_8xb1024-700e_body8-halpe26-256x192.py", 26, _SMALL),
    "rtmpose-s": Pose(f"{_HALPE}-s_8xb1024-700e_body8-halpe26-256x192.py", 26, _SMALL),
    "rtmpose-m": Pose(f"{_HALPE}-m_8xb512-700e_body8-halpe26-256x192.py", 26, _SMALL),
    "rtmpose-m-wholebody": Pose(f"{_WHOLE}-m_8xb64-270e_coco-wholebody-256x192.py", 133, _SMALL),
    "rtmpose-l-wholebody": Pose(f"{_WHOLE}-l_8xb64-270e_coco-wholebody-256x192.py", 133, _SMALL),
    "rtmpose-l-wholebody-384": Pose(f"{_WHOLE}-l_8xb32-270e_coco-wholebody-384x288.py", 133, _LARGE),
    "dwpose-t": Pose(f"{_DWPOSE}-t_8xb64-270e_coco-ubody-wholebody-256x192.py", 133, _SMALL),
    "dwpose-s": Pose(f"{_DWPOSE}-s_8xb64-270e_coco-ubody-wholebody-256x192.py", 133, _SMALL),
    "dwpose-m": Pose(f"{_DWPOSE}-m_8xb64-270e_coco-ubody-wholebody-256x192.py", 133, _SMALL),
    "dwpose-l": Pose(f"{_DWPOSE}-l_8xb64-270e_coco-ubody-wholebody-256x192.py", 133, _SMALL),
    "dwpose-l-384": Pose(f"{_DWPOSE}-l_8xb32-270e_coco-ubody-wholebody-384x288.py", 133, _LARGE),
    "rtmw-m": Pose(f"{_RTMW}-m_8xb1024-270e_cocktail14-256x192.py", 133, _SMALL),
    "rtmw-l": Pose(f"{_RTMW}-l_8xb1024-270e_cocktail14-256x192.py", 133, _SMALL),
    "rtmw-x": Pose(f"{_RTMW}-x_8xb704-270e_cocktail14-256x192.py", 133, _SMALL),
    "rtmw-l-384": Pose(f"{_RTMW}-l_8xb320-270e_cocktail14-384x288.py", 133, _LARGE),
    "rtmw-x-384": Pose(f"{_RTMW}-x_8xb320-270e_cocktail14-384x288.py", 133, _LARGE),
}
# What the packages say when they are imported, build a loss or run; none of it concerns a user.
# The first comes from torch.distributed.optim, which mmengine imports.
KNOWN_WARNINGS: tuple[tuple[str, type[Warning], str], ...] = (
    (
        r"`torch\.jit\.(script|interface)` is deprecated",
        DeprecationWarning,
        r"torch\.jit\.",
    ),
    (r"``MultiScaleDeformableAttention`` has been moved", ImportWarning, r"mmcv\.cnn\."),
    (r"``build_loss`` would be deprecated soon", UserWarning, r"mmseg\.models\."),
    (r"Default ``avg_non_ignore`` is False", UserWarning, r"mmseg\.models\."),
    (r"`torch\.cuda\.amp\.autocast\(args\.\.\.\)` is deprecated", FutureWarning, r"mmpose\.models\."),
)
# Each package, and the module that shows that the real one is there: mmcv-lite ships mmcv/ops without its operators.
OPTIONAL = {"mmcv.ops": "mmcv._ext", "mmdet": "mmdet", "xtcocotools": "xtcocotools"}
ABSENT = {
    "mmseg": "sem2vec needs mmsegmentation, which is not installed. Run pip install 'affect-cache[extract]'",
    "mmpose": "pose needs mmpose, which goes in without its dependencies. Run pip install --no-deps mmpose",
}


def ade20k_classes() -> list[str]:
    """The 150 names, in the order of the segmentors' classes."""
    with _loading():
        names: list[str] = importlib.import_module("mmseg.utils").get_classes("ade20k")
    return names


def build_segmentor(model: str) -> nn.Module:
    """An mmsegmentation encoder-decoder with 150 ADE20K classes, on the CPU, its values not trained.

    model: a name of SEGMENTORS. `encode_decode(x, metas)` takes (n, 3, h, w) float RGB, ImageNet-normalised in units
    of 0..255, and gives (n, 150, h, w) logits.
    Raises: UnknownName.
    Source: Wang et al., Deep High-Resolution Representation Learning (HRNetV2), as configured by mmsegmentation.
    """
    settings = _settings("mmseg", SEGMENTORS, model)
    if model == "demo_hr8":
        _narrow(settings, (8, 16, 32, 64))
    return _build("mmseg", settings)


def build_pose(model: str) -> nn.Module:
    """An RTMPose, DWPose or RTMW estimator, on the CPU, its values not trained.

    model: a name of POSES. `head(extract_feat(x))` takes (n, 3, h, w) float RGB, ImageNet-normalised in units of
    0..255, and gives the SimCC scores of x (n, keypoints, 2 w) and y (n, keypoints, 2 h).
    Raises: UnknownName.
    Source: Jiang et al., RTMPose and RTMW; Yang et al., DWPose (RTMPose, distilled); as configured by mmpose.
    """
    settings = _settings("mmpose", {name: pose.file for name, pose in POSES.items()}, model)
    settings["backbone"].pop("_scope_", None)  # names mmdet, whose copy of CSPNeXt mmpose carries too
    return _build("mmpose", settings)


def published(package: str, file: str) -> Any:
    """mmengine's Config of a ``file`` below the configs that ``package``, mmseg or mmpose, ships. From then on all of
    the package can be imported: placeholders are in place."""
    with _loading():
        folder = Path(str(importlib.import_module(package).__file__)).parent / ".mim" / "configs"
        return importlib.import_module("mmengine.config").Config.fromfile(str(folder / file))


def hold_back_known_warnings() -> None:
    """Ignore KNOWN_WARNINGS from now on. mmpose's networks warn in every forward pass: call this before one."""
    for message, category, module in KNOWN_WARNINGS:
        warnings.filterwarnings("ignore", message, category, module)


def _settings(package: str, files: dict[str, str], model: str) -> dict[str, Any]:
    if model not in files:
        raise unknown(f"{package} model", model, files)
    if find_spec(package) is None:
        raise NotInstalled(ABSENT[package])
    settings: dict[str, Any] = published(package, files[model]).model.to_dict()
    _localise(settings)
    return settings


def _localise(settings: dict[str, Any]) -> None:
    """Nothing fetched, and batch normalisation that runs on one device."""
    settings.pop("pretrained", None)
    if settings.get("init_cfg", {}).get("type") == "Pretrained":
        settings["init_cfg"] = None
    if settings.get("type") == "SyncBN":
        settings["type"] = "BN"
    for value in settings.values():
        if isinstance(value, dict):
            _localise(value)


def _narrow(settings: dict[str, Any], channels: tuple[int, int, int, int]) -> None:
    """The demo's network: HRNet with thin branches and one block and one module in every stage, 0.33 M parameters."""
    extra = settings["backbone"]["extra"]
    for branches in (1, 2, 3, 4):
        extra[f"stage{branches}"].update(num_modules=1, num_blocks=(1,) * branches, num_channels=channels[:branches])
    extra["stage1"]["num_channels"] = (32,)
    settings["decode_head"].update(in_channels=list(channels), channels=sum(channels))


def _build(package: str, settings: dict[str, Any]) -> nn.Module:
    with _loading():
        importlib.import_module(f"{package}.models")
        scope = importlib.import_module("mmengine.registry").DefaultScope
        with scope.overwrite_default_scope(package):
            network: nn.Module = importlib.import_module(f"{package}.registry").MODELS.build(settings)
    return network


@contextmanager
def _loading() -> Iterator[None]:
    """Placeholders in place, and the packages' own known warnings held back."""
    _place()
    with warnings.catch_warnings():
        hold_back_known_warnings()
        yield


def _place() -> None:
    """Put the placeholders of what is absent on the import path, once."""
    absent = [name for name, proof in OPTIONAL.items() if name not in sys.modules and find_spec(proof) is None]
    if absent and not any(isinstance(finder, _Placeholders) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Placeholders(absent))


class _Placeholders(MetaPathFinder, Loader):
    """Gives any module below the absent packages."""

    def __init__(self, absent: Sequence[str]) -> None:
        self.absent = tuple(absent)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        covered = any(fullname == name or fullname.startswith(f"{name}.") for name in self.absent)
        return ModuleSpec(fullname, self, is_package=True) if covered else None

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__getattr__"] = lambda name: _placeholder(module.__name__, name)


def _placeholder(module: str, name: str) -> type:
    """An empty network class to import and to derive from; using it raises."""
    if name.startswith("__"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    from torch import nn

    def refuse(self: object, *_: object, **__: object) -> None:
        raise NotImplementedError(
            f"{module}.{name} is a placeholder: install the real {module.split('.')[0]} to use it."
        )

    return type(name, (nn.Module,), {"__init__": refuse, "__module__": module})
