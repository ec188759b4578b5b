"""The only place that knows where trained weights come from: files, addresses, hashes, licences.

The table is here, in ``openmmlab.py`` and in ``packages.py``; names that need no entry (timm's, torchvision's, the
user's own) are settled in ``origins.py``.
"""

import re
from difflib import get_close_matches

from cache.errors import UnknownName, nearest
from pipeline.weights.openmmlab import OPENMMLAB
from pipeline.weights.origins import FILE, TIMM, Weight, named, torchvision_weights
from pipeline.weights.packages import PACKAGED


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
    *PACKAGED,
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
    _torchvision("raft_small", "raft_small_C_T_V2-01064c6d.pth", "torchvision C_T_V2: trained on drawn scenes"),
    _torchvision("raft_large", "raft_large_C_T_SKHT_V2-ff5fadd5.pth", "torchvision C_T_SKHT_V2: drawn and real scenes"),
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


def find(name: str) -> Weight:
    """The table's entry, or what ``name`` stands for without one. Raises: UnknownName with the nearest, ConfigError."""
    if weight := WEIGHTS.get(name) or named(name):
        return weight
    near = get_close_matches(name, torchvision_weights(), n=1, cutoff=0.8)
    raise UnknownName(f"no weights {name!r}.{nearest(name, {*WEIGHTS, *near, f'{TIMM}<model>', f'{FILE}<name>'})}")
