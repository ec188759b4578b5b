"""A file in the published form for every entry of the catalogue that holds tensors by name, as its project ships it.

Every tensor is one number, stretched to its shape and stored once, so that the largest file has some kilobytes; no two
tensors of a file have the same number. What a project's own classes name their tensors is asked of these classes on the
meta device; what a file names differently, or has beside them, is written here, with where that is public.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import old_checkpoint
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.networks import hrnet, openmmlab
from pipeline.stages import depth

Shape = tuple[int, ...]
Named = dict[str, Tensor]
Build = Callable[[], nn.Module]
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


class Form(NamedTuple):
    """table: of a config whose stage reads the file. build: the network by its own project. save: how its project
    writes tensors. has: some of the file's names with their shapes, from the project's pages and code. rename: the
    file's name of a tensor of the network. more: what the file has that the stage leaves out."""

    table: dict[str, Any]
    build: Build
    save: Callable[[Path, Named], object]
    has: dict[str, Shape]
    rename: Callable[[str], str] = str
    more: dict[str, Shape] = {}  # noqa: RUF012 (nobody writes into it)

    def tensors(self) -> tuple[Named, dict[str, str]]:
        """Those of the file, and network's name -> file's name."""
        with torch.device("meta"):
            state = self.build().state_dict()
        shapes = {name: tuple(value.shape) for name, value in state.items() if not name.endswith("num_batches_tracked")}
        names = {name: self.rename(name) for name in shapes if self.rename(name) not in self.more}
        wanted = {names[name]: shapes[name] for name in names} | self.more
        return {
            name: torch.tensor(1 + at / 1024).expand(shape) for at, (name, shape) in enumerate(wanted.items())
        }, names


def plain(path: Path, tensors: Named) -> None:
    """``torch.save(network.state_dict())``."""
    torch.save(tensors, path)


def legacy(path: Path, tensors: Named) -> None:
    """The same by a torch from before 1.6, which wrote no zip."""
    torch.save(tensors, path, _use_new_zipfile_serialization=False)


def openmm(
    kind: str, mean: list[float] = MEAN, std: list[float] = STD, rgb: bool = True
) -> Callable[[Path, Named], Any]:
    """As mmsegmentation's and mmdetection's tools/publish_model.py leave a file (without ``optimizer``), and mmpose's
    (``meta`` and ``state_dict`` alone: optimiser, log, ``ema_state_dict`` and data_preprocessor are taken out).

    kind: where the configuration is, ``config`` (mmcv) or ``cfg`` (mmengine); "" for one that tells no colours.
    """
    configuration = {
        "config": f"img_norm_cfg = dict(\n    mean={mean}, std={std}, to_rgb={rgb})\nlog_level = 'INFO'\n",
        "cfg": f"model = dict(\n    data_preprocessor=dict(bgr_to_rgb={rgb}, mean={mean}, std={std},\n"
        "        type='PoseDataPreprocessor'),\n    type='TopdownPoseEstimator')\n",
        "": "model = dict(type='DWPoseDistiller', teacher_cfg='configs/rtmpose-l.py')\n",
    }[kind]

    def save(path: Path, tensors: Named) -> None:
        meta = {"epoch": 160, "CLASSES": ("wall", "sky"), "PALETTE": [[120, 120, 120]], kind or "cfg": configuration}
        torch.save({"meta": meta, "state_dict": tensors}, path, _use_new_zipfile_serialization=kind != "config")

    return save


def hub(path: Path, tensors: Named) -> None:
    """safetensors, as transformers and timm write it: its metadata is ``format`` alone; colours are in another file."""
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, {"format": "pt"})


def _torchvision(name: str, **settings: Any) -> Build:
    from torchvision.models import get_model

    return lambda: get_model(name, weights=None, **settings)


def _classifier(name: str, head: str, width: int, **has: Shape) -> Form:
    """download.pytorch.org/models: with the 1000 classes, whose part the stage leaves out."""
    model, known = "resnet50" if name == "resnet50_v2" else name, has
    more = {f"{head}.weight": (1000, width), f"{head}.bias": (1000,)}
    if head == "classifier.3":  # MobileNetV3: a hidden layer before them
        features = 960 if name.endswith("large") else 576
        more |= {"classifier.0.weight": (width, features), "classifier.0.bias": (width,)}
    table = {"stage": "backbone", "model": model, "weights": name}
    return Form(
        table, _torchvision(model), legacy, {key.replace("__", "."): at for key, at in known.items()}, more=more
    )


def _facenet(name: str, people: int) -> Form:
    """github.com/timesler/facenet-pytorch, releases of v2.2.9: with the logits of the people it was trained on."""

    def build() -> nn.Module:
        from facenet_pytorch import InceptionResnetV1

        return InceptionResnetV1()

    table = {"stage": "backbone", "model": "inception_resnet_v1", "weights": name}
    more = {"logits.weight": (people, 512), "logits.bias": (people,)}
    has = {"conv2d_1a.conv.weight": (32, 3, 3, 3), "last_linear.weight": (512, 1792), "last_bn.running_var": (512,)}
    return Form(table, build, legacy, has, more=more)


def _segmentor(name: str, width: int) -> Form:
    """mmsegmentation 0.x, configs/hrnet."""
    wide = 15 * width
    has = {"decode_head.conv_seg.weight": (150, wide, 1, 1), "decode_head.convs.0.bn.running_mean": (wide,)}
    return Form({"stage": "sem2vec", "model": name}, lambda: openmmlab.build_segmentor(name), openmm("config"), has)


def _detector(width: int) -> Form:
    """mmdetection 2.0, configs/hrnet: backbone, neck and two heads; hrnet_maps takes the backbone."""
    model = f"hrnet_w{width}"
    more: dict[str, Shape] = {"neck.reduction_conv.conv.weight": (256, 15 * width, 1, 1), "rpn_head.rpn_cls.bias": (3,)}
    table = {"stage": "hrnet_maps", "model": model, "weights": f"faster_rcnn_{model}"}
    has = {"backbone.transition1.1.0.0.weight": (2 * width, 256, 3, 3)}
    return Form(table, lambda: hrnet.build(model), openmm("config"), has, "backbone.{}".format, more)


def _pose(name: str) -> Form:
    """mmpose 1.x; DWPose's by its tools/misc/pth_transfer.py: the student's tensors, the distiller's configuration."""
    points = 26 if name in ("rtmpose-t", "rtmpose-s", "rtmpose-m") else 133
    width, height = (576, 768) if name.endswith("-384") else (384, 512)
    has = {"head.cls_x.weight": (width, 256), "head.cls_y.weight": (height, 256), "head.mlp.0.g": (1,)}
    if not name.startswith("rtmw"):
        has["head.final_layer.bias"] = (points,)
    save = openmm("" if name.startswith("dwpose") else "cfg")
    return Form({"stage": "pose", "model": name}, lambda: openmmlab.build_pose(name), save, has)


def _older_fpn(name: str) -> str:
    """torchvision before 0.13, whose files are served on: its feature_pyramid_network.py and rpn.py, ``_version`` 2,
    say how FPN's and RPN's convolutions were named."""
    for level in "0123":
        for block in ("inner_blocks", "layer_blocks"):
            name = name.replace(f"backbone.fpn.{block}.{level}.0.", f"backbone.fpn.{block}.{level}.")
    return name.replace("rpn.head.conv.0.0.", "rpn.head.conv.")


def _objects(name: str) -> Form:
    has: dict[str, Shape] = {"roi_heads.box_predictor.cls_score.weight": (91, 1024)}
    newer = name.endswith("v2")
    new = {"backbone.fpn.inner_blocks.0.1.running_mean": (256,), "rpn.head.conv.1.0.weight": (256, 256, 3, 3)}
    has |= new if newer else {"rpn.head.conv.weight": (256, 256, 3, 3), "backbone.fpn.layer_blocks.0.bias": (256,)}
    build = _torchvision(name, weights_backbone=None)
    return Form(
        {"stage": "objects", "model": name}, build, plain if newer else legacy, has, str if newer else _older_fpn
    )


def _flow(name: str) -> Form:
    table = {"stage": "flow", "method": name, "model": "shufflenet_v2_x0_5", "weights": "demo_image"}
    has = {"feature_encoder.convnormrelu.0.weight": (32 if name == "raft_small" else 64, 3, 7, 7)}
    return Form(table, _torchvision(name), plain, has)


def _scenes() -> Form:
    """CSAILVision/places365, train_placesCNN.py by Python 2: a GPU's storages, in parallel, byte strings (issue 25)."""

    def save(path: Path, tensors: Named) -> None:
        old_checkpoint.save(path, {name.removeprefix("module."): value for name, value in tensors.items()})

    has = {"module.conv1.weight": (64, 3, 7, 7), "module.fc.weight": (365, 512)}
    return Form({"stage": "scene"}, _torchvision("resnet18", num_classes=365), save, has, "module.{}".format)


def _transformers_4(name: str) -> str:
    """huggingface.co/depth-anything/Depth-Anything-V2-Small-hf was written by transformers 4."""
    for new, old in (("q_proj", "query"), ("k_proj", "key"), ("v_proj", "value")):
        name = name.replace(f".attention.{new}.", f".attention.attention.{old}.")
    return name.replace(".attention.o_proj.", ".attention.output.dense.")


def _depth() -> Form:
    attention = "backbone.encoder.layer.0.attention"
    has = {f"{attention}.attention.query.weight": (384, 384), f"{attention}.output.dense.bias": (384,)}
    has |= {"neck.reassemble_stage.layers.0.projection.weight": (48, 384, 1, 1), "head.conv3.bias": (1,)}
    return Form({"stage": "depth"}, depth.build, hub, has, _transformers_4)


def _lite0_name(name: str) -> str:
    """The wheel's, those of EfficientNet-PyTorch: blocks counted through, normalisations from 0."""
    parts = name.split(".")
    if parts[0] != "blocks":
        return {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}[
            parts[0]
        ] + f".{parts[1]}"
    number = sum((1, 2, 2, 3, 3, 4, 1)[: int(parts[1])]) + int(parts[2])
    wide = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1"}
    wide |= {"conv_pwl": "_project_conv", "bn3": "_bn2"}
    first = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    return f"_blocks.{number}.{(wide if number else first)[parts[3]]}.{parts[4]}"


def _lite0() -> Form:
    def build() -> nn.Module:
        import timm

        return timm.create_model("tf_efficientnet_lite0", num_classes=0)

    has = {"_blocks.15._project_conv.weight": (320, 1152, 1, 1), "_blocks.0._bn1.running_var": (32,)}
    more = {"_fc.weight": (1000, 1280), "_fc.bias": (1000,)}
    return Form({"stage": "backbone", "model": "package/efficientnet_lite0"}, build, legacy, has, _lite0_name, more)


_POSES = (
    *("rtmpose-t", "rtmpose-s", "rtmpose-m", "rtmpose-m-wholebody", "rtmpose-l-wholebody", "rtmpose-l-wholebody-384"),
    *("dwpose-t", "dwpose-s", "dwpose-m", "dwpose-l", "dwpose-l-384"),
    *("rtmw-m", "rtmw-l", "rtmw-x", "rtmw-l-384", "rtmw-x-384"),
)
_OBJECTS = ("resnet50_fpn", "resnet50_fpn_v2", "mobilenet_v3_large_fpn", "mobilenet_v3_large_320_fpn")
FORMS: dict[str, Form] = {
    **{f"fcn_{net}": _segmentor(f"fcn_{net}", width) for net, width in (("hr48", 48), ("hr18s", 18))},
    **{f"faster_rcnn_hrnet_w{width}": _detector(width) for width in (18, 32)},
    **{name: _pose(name) for name in _POSES},
    "package/efficientnet_lite0": _lite0(),
    "resnet18": _classifier("resnet18", "fc", 512, layer4__1__bn2__running_var=(512,)),
    "resnet34": _classifier("resnet34", "fc", 512, layer3__5__conv2__weight=(256, 256, 3, 3)),
    "resnet50": _classifier("resnet50", "fc", 2048, layer1__0__downsample__0__weight=(256, 64, 1, 1)),
    "resnet50_v2": _classifier("resnet50_v2", "fc", 2048, layer1__0__downsample__0__weight=(256, 64, 1, 1)),
    "shufflenet_v2_x0_5": _classifier("shufflenet_v2_x0_5", "fc", 1024, conv5__0__weight=(1024, 192, 1, 1)),
    "shufflenet_v2_x1_0": _classifier("shufflenet_v2_x1_0", "fc", 1024, conv5__0__weight=(1024, 464, 1, 1)),
    "mobilenet_v2": _classifier("mobilenet_v2", "classifier.1", 1280, features__18__0__weight=(1280, 320, 1, 1)),
    "mobilenet_v3_small": _classifier("mobilenet_v3_small", "classifier.3", 1024, features__12__1__bias=(576,)),
    "mobilenet_v3_large": _classifier("mobilenet_v3_large", "classifier.3", 1280, features__16__1__bias=(960,)),
    **{name: _facenet(name, people) for name, people in (("vggface2", 8631), ("casia-webface", 10575))},
    **{name: _flow(name) for name in ("raft_small", "raft_large")},
    **{f"fasterrcnn_{net}": _objects(f"fasterrcnn_{net}") for net in _OBJECTS},
    "wideresnet18_places365": _scenes(),
    "depth_anything_v2_small": _depth(),
}
