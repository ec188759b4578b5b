"""face and the face backbone beside facenet-pytorch: ``MTCNN.detect``, ``extract_face``, ``InceptionResnetV1``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from pipeline.weights.catalogue import find
from pipeline.weights.folder import Weights
from scripts.bench.faces import theirs as detected
from scripts.bench.references.case import FLOAT16, Arrays, Limit, Made, Photograph, Reference, drawn, relative

SIDE = 160
FACES = {
    "boxes": Limit(0.5, "pixels", "sums of float32 in another order; those of ours end at the image's edges"),
    "landmarks": Limit(0.5, "pixels", "as above"),
    "confidence": Limit(1e-4, "probability", "as above"),
    "faces": Limit(0, "faces found by one alone", "none"),
}


def face(folder: Path, timed: int = 24) -> Reference:
    """The trained detector, which is in the package; ``folder`` is not used for it."""
    from facenet_pytorch import MTCNN

    mtcnn = MTCNN(keep_all=True, device="cpu")

    def gaps(ours: Arrays, theirs: Any, _: Photograph) -> dict[str, float]:
        greatest = {"boxes": 0.0, "landmarks": 0.0, "confidence": 0.0}
        for row, box in enumerate(ours["box"] if len(theirs.boxes) else ()):
            nearest = int(np.abs(theirs.boxes - box).max(1).argmin())
            for mine, other in (("box", "boxes"), ("landmarks", "landmarks"), ("confidence", "confidence")):
                apart = np.abs(ours[mine][row] - getattr(theirs, other)[nearest]).max()
                greatest[other] = max(greatest[other], float(apart))
        return greatest | {"faces": float(abs(len(theirs.boxes) - len(ours["box"])))}

    def theirs(photo: Photograph) -> Any:
        return detected(mtcnn, Image.open(photo.path).convert("RGB"))

    return Reference(
        rival="facenet-pytorch: MTCNN(keep_all=True).detect",
        table={"stage": "face"},
        weights=Weights(folder),
        theirs=theirs,
        gaps=gaps,
        limits=FACES,
        deviations=(
            "crops are aligned by the landmarks, facenet-pytorch's are not: not compared",
            "ours cuts and stores the crops too, the rival only detects",
        ),
        timed=timed,
    )


def embedding(folder: Path, timed: int = 24) -> Reference:
    """``inception_resnet_v1`` of each person's box, as the package cuts it."""
    from facenet_pytorch import InceptionResnetV1, fixed_image_standardization
    from facenet_pytorch.models.utils.detect_face import extract_face

    path = folder / find("vggface2").file
    torch.save(drawn(InceptionResnetV1(classify=True, num_classes=8631), "vggface2"), path)
    network = InceptionResnetV1(classify=True, num_classes=8631)
    network.load_state_dict(torch.load(path))
    network.classify = False
    network.eval()

    def theirs(photo: Photograph) -> Any:
        image = Image.open(photo.path).convert("RGB")
        rows = [fixed_image_standardization(extract_face(image, box, SIDE)) for box in photo.boxes]
        with torch.no_grad():
            return torch.cat([network(row[None]) for row in rows])

    return Reference(
        rival="facenet-pytorch: extract_face, fixed_image_standardization, InceptionResnetV1; a face at a time",
        table={"stage": "backbone", "model": "inception_resnet_v1", "input": "body", "size": (SIDE, SIDE)},
        weights=Made(folder),
        theirs=theirs,
        gaps=lambda ours, theirs, _: {"pooled": relative(ours["pooled"], theirs)},
        limits={
            "pooled": Limit(
                5e-3, "of the greatest", f"{FLOAT16}; a box's edge is resized with the pixel beyond it here"
            )
        },
        timed=timed,
    )
