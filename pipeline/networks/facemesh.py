"""MediaPipe's face mesh with attention: 478 points of a face, those of lips, eyes and irises looked at twice.

The file asks for three operations that only MediaPipe has. They stand between two parts of the network, so the parts
are run and the operations are done here: the features about the lips and about each eye are cut out along a square
that the mesh tells, and the points found in it are put back on the face.
Source: Grishchenko et al. 2020, "Attention Mesh: High-fidelity Face Mesh Prediction in Real-time"; MediaPipe's
operations Landmarks2TransformMatrix, TransformTensorBilinear and TransformLandmarks (version 2 of each), its graph
tensors_to_face_landmarks_with_attention.
"""

from __future__ import annotations

from math import atan2, cos, sin
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.errors import WeightsError
from pipeline.networks import tflite

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

Floats = NDArray[np.floating]
NAME = "mediapipe/face_landmark_with_attention"
SIDE = 192
MESH, IRIS = 468, 5
POINTS = MESH + 2 * IRIS
GRID, CHANNELS, PATCH = 48, 32, 16
"""Of the features that the squares are cut from, and of what is cut."""
FINE = SIDE // GRID
"""The points of a square are counted in cells ``FINE`` times as fine as the patch's."""
EYE_RING = 16
"""The first points of an eye's square are the eyelids' edge; their mean depth is the iris's."""
FEATURES, FLAG, MESHED = "p_re_lu_3", "conv_faceflag", "output_mesh"
CUTS = [f"transform_tensor_bilinear_v2{end}" for end in ("", "_1", "_2")]
REFINED = [f"reshape_{number}" for number in (1, 3, 6, 4, 7)]
"""Tensors of the file: where the first part ends; where the second begins, for lips, left and right eye, and ends, with
the irises after them."""


class Square(NamedTuple):
    """Of lips or an eye. ends: the two points that its rows run along. points: of the mesh, that it holds. scale: of
    the points' extent, the side."""

    ends: tuple[int, int]
    points: NDArray[np.int64]
    scale: tuple[float, float]

    def matrix(self, mesh: Floats) -> NDArray[np.float64]:
        """(2, 3) from cells of the patch to cells of the features, whose edges are (0, 0) in both. mesh: (468, 2)."""
        (x1, y1), (x2, y2) = mesh[list(self.ends)]
        angle = atan2(y2 - y1, x2 - x1)
        along = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
        turned = mesh[self.points] @ along  # the points as they lie when the ends are level
        low, high = turned.min(0), turned.max(0)
        linear = along * ((high - low) * self.scale / PATCH)
        return np.column_stack([linear, along @ (low + high) / 2 - linear.sum(1) * PATCH / 2])


class FaceMesh:
    """Safe in many threads at once."""

    def __init__(self, weights: Weights) -> None:
        """Raises: WeightsError."""
        model, where = tflite.read(weights, NAME)
        made = [(1, 1, 1, 3 * MESH), (1, GRID, GRID, CHANNELS), (1, 1, 1, 1)]
        first = tflite.part(model, where, ["input_1"], [MESHED, FEATURES, FLAG])
        self.first = tflite.Network(first, where, [(1, SIDE, SIDE, 3)], made)
        self.squares = squares(model, where)
        counts = [len(square.points) for square in self.squares]
        refined = [(1, count, 2) for count in (*counts, IRIS, IRIS)]
        second = tflite.part(model, where, CUTS, REFINED)
        self.second = tflite.Network(second, where, [(1, PATCH, PATCH, CHANNELS)] * 3, refined)

    def find(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float64], float]:
        """Of a face that fills ``pixels`` (192, 192, 3) RGB: (478, 3) x, y in fractions of it and depth in the same
        unit, the two irises last; and 0..1, that there is a face."""
        mesh, features, flag = self.first(tflite.fractions(pixels))
        points = np.zeros((POINTS, 3))
        points[:MESH] = mesh.reshape(MESH, 3)
        matrices = [square.matrix(points[:MESH, :2] / FINE) for square in self.squares]
        found = self.second(*(patch(features, matrix) for matrix in matrices))
        for square, matrix, fine in zip(self.squares, matrices, found[:3], strict=True):
            points[square.points, :2] = placed(fine, matrix)
        for eye in (1, 2):
            iris = slice(MESH + IRIS * (eye - 1), MESH + IRIS * eye)
            points[iris, :2] = placed(found[2 + eye], matrices[eye])
            points[iris, 2] = points[self.squares[eye].points[:EYE_RING], 2].mean()
        return points / SIDE, float(1 / (1 + np.exp(-np.clip(flag.item(), -80, 80))))


def placed(fine: Floats, matrix: Floats) -> Floats:
    """(n, 2) pixels of the face's square, of points ``fine`` (n, 2) in a patch's."""
    return fine @ matrix[:, :2].T + FINE * matrix[:, 2]


def patch(features: Floats, matrix: Floats) -> NDArray[np.float32]:
    """(16, 16, c) of ``features`` (h, w, c): bilinear between the middles of cells, 0 beyond the outermost of them."""
    height, width, _ = features.shape
    rows, columns = np.mgrid[:PATCH, :PATCH] + 0.5
    x, y = (matrix[:, :2] @ np.stack([columns.ravel(), rows.ravel()]) + matrix[:, 2:]) - 0.5
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    right, lower = (x - left)[:, None], (y - top)[:, None]
    upper = features[top, left] * (1 - right) + features[top, left + 1] * right
    under = features[top + 1, left] * (1 - right) + features[top + 1, left + 1] * right
    values: Floats = (upper * (1 - lower) + under * lower) * inside[:, None]
    return np.asarray(values.reshape(PATCH, PATCH, -1), np.float32)


def squares(model: bytes, where: str) -> list[Square]:
    """What the file says of lips, left and right eye. Raises: WeightsError."""
    from flatbuffers import flexbuffers

    whole = tflite.parsed(model, where)
    found = []
    for operator in whole.subgraphs[0].operators:
        if whole.operatorCodes[operator.opcodeIndex].customCode == b"Landmarks2TransformMatrix":
            said: dict[str, Any] = flexbuffers.Loads(bytes(operator.customOptions))
            ends = (said["left_rotation_idx"], said["right_rotation_idx"])
            found.append(Square(ends, np.array(said["subset_idxs"]).ravel(), (said["scale_x"], said["scale_y"])))
    if len(found) != len(CUTS):
        raise WeightsError(f"{where}: is another network: it turns {len(found)} squares, not {len(CUTS)}")
    return found
