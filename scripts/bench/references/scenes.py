"""scene beside the script that Places365 publishes, written down anew: its transform, network and arithmetic.

Source: github.com/CSAILVision/places365, run_placesCNN_unified.py and wideresnet.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision import transforms

from pipeline.stages._places365 import INDOOR, MATRIX, NETWORK
from pipeline.weights.catalogue import find
from scripts.bench.references.case import FLOAT16, Arrays, Limit, Made, Photograph, Reference, drawn, relative

LIMITS = {
    "scores": Limit(2e-3, "of the greatest", FLOAT16),
    "attributes": Limit(2e-3, "of the greatest", FLOAT16),
    "pooled": Limit(2e-3, "of the greatest", FLOAT16),
    "indoor": Limit(0, "share of ten votes", "none"),
}


def wide_resnet() -> nn.Module:
    """ResNet-18 whose stem does not pool, and whose last map of 14 x 14 is averaged whole."""
    network: nn.Module = torchvision.models.resnet18(num_classes=365)
    network.maxpool, network.avgpool = nn.Identity(), nn.AvgPool2d(14)
    return network


def scene(folder: Path, timed: int = 48) -> Reference:
    """The two published files are written into ``folder``, the tensors' names with their prefix."""
    path, matrix = folder / find(NETWORK).file, folder / find(MATRIX).file
    state = {f"module.{name}": value for name, value in drawn(wide_resnet(), NETWORK).items()}
    torch.save({"epoch": 90, "arch": "wideresnet18", "state_dict": state}, path)
    np.save(matrix, np.random.default_rng(5).normal(0, 0.3, (102, 512)).astype(np.float32))
    network, weight = wide_resnet(), np.load(matrix)
    tensors = torch.load(path)["state_dict"]
    network.load_state_dict({name.replace("module.", ""): value for name, value in tensors.items()})
    network.eval()
    features: list[Any] = []
    network.get_submodule("avgpool").register_forward_hook(lambda _m, _i, out: features.append(out.squeeze().numpy()))
    transform = transforms.Compose(
        [
            transforms.Resize((224, 224)),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    outdoors = 1 - np.array(INDOOR, int)  # the script's labels: 0 is indoors, 1 outdoors

    def theirs(photo: Photograph) -> Any:
        features.clear()
        with torch.no_grad():
            scores = network(transform(Image.open(photo.path).convert("RGB"))[None]).softmax(1)[0]
        _, order = scores.sort(0, descending=True)
        return scores.numpy(), float(outdoors[order[:10]].mean()), weight.dot(features[0]), features[0]

    def gaps(ours: Arrays, theirs: Any, _: Photograph) -> dict[str, float]:
        scores, outside, attributes, vector = theirs
        return {
            "scores": relative(ours["scores"][0], scores),
            "attributes": relative(ours["attributes"][0], attributes),
            "pooled": relative(ours["pooled"][0], vector),
            "indoor": float(np.round(abs(1 - ours["indoor"][0] - outside), 5)),
        }

    return Reference(
        rival="Places365's run_placesCNN_unified.py, its steps written down anew",
        table={"stage": "scene"},
        weights=Made(folder),
        theirs=theirs,
        gaps=gaps,
        limits=LIMITS,
        deviations=(
            "the script sets the classifier's negative weights to zero, which its class activation maps want and which "
            "changes the probabilities too; ours and the rival here do not",
            "the script draws those maps; the rival here does not",
        ),
        timed=timed,
    )
