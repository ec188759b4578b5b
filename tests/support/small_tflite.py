"""Networks of the published shapes and tensors' names, in .tflite files small enough to be made on the spot.

Each output is a linear map of its averaged input plus constants, so it follows what is looked at. Nothing is trained.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from pipeline.networks import blazepose, facemesh
from pipeline.stages import hands, mask
from pipeline.weights.catalogue import WEIGHTS, find
from pipeline.weights.folder import Weights
from pipeline.weights.origins import Weight

MOST = 2000
"""Numbers of an output that each have a row of the map; a larger one shares a row between its places."""


class Out(NamedTuple):
    """An output: its values lie about ``low`` to ``high``."""

    name: str
    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0


class Writer:
    """Collects tensors and operators."""

    def __init__(self) -> None:
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.buffers, self.model.operatorCodes = 3, [schema.BufferT()], []
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.rng = np.random.default_rng(3)

    def tensor(self, name: str, shape: Sequence[int], values: np.ndarray | None = None) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer, tensor.type = name.encode(), list(shape), 0, schema.TensorType.FLOAT32
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            tensor.type = schema.TensorType.INT32 if values.dtype.kind == "i" else schema.TensorType.FLOAT32
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(
        self, code: int, inputs: list[int], output: int, kind: str = "", custom: str = "", **said: Any
    ) -> None:
        operator, known = schema.OperatorT(), schema.OperatorCodeT()
        known.builtinCode, known.deprecatedBuiltinCode, known.version = code, min(code, 127), 1
        if custom:
            known.customCode = custom.encode()
            operator.customOptions = np.frombuffer(bytes(flexbuffers.Dumps(said)), np.uint8)
        elif kind:
            operator.builtinOptions = getattr(schema, f"{kind}T")()
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            for name, value in said.items():
                setattr(operator.builtinOptions, name, value)
        operator.opcodeIndex = len(self.model.operatorCodes)
        self.model.operatorCodes.append(known)
        operator.inputs, operator.outputs = inputs, [output]
        self.graph.operators.append(operator)

    def pooled(self, source: int, parts: int = 8) -> int:
        """(1, n): means of the input's (1, s, s, c) parts."""
        _, side, _, channels = self.graph.tensors[source].shape
        step, code = side // parts, schema.BuiltinOperator
        small = self.tensor(f"mean_{source}", (1, parts, parts, channels))
        sizes = {"strideW": step, "strideH": step, "filterWidth": step, "filterHeight": step}
        self.operator(code.AVERAGE_POOL_2D, [source], small, "Pool2DOptions", padding=schema.Padding.VALID, **sizes)
        return self._reshaped(small, f"flat_{source}", (1, parts * parts * channels))

    def linear(self, flat: int, out: Out) -> int:
        """``out`` of ``flat`` (1, n)."""
        total, width = int(np.prod(out.shape)), self.graph.tensors[flat].shape[1]
        rows, code = total if total <= MOST else out.shape[-1], schema.BuiltinOperator
        spread = (out.high - out.low) / np.sqrt(width) / 4
        weights = self.rng.normal(0, spread, (rows, width)).astype(np.float32)
        mapped = self.tensor(f"{out.name}_mapped", (1, rows))
        matrix = self.tensor(f"{out.name}_weights", weights.shape, weights)
        self.operator(code.FULLY_CONNECTED, [flat, matrix, -1], mapped, "FullyConnectedOptions")
        shape = out.shape if rows == total else (*(1 for _ in out.shape[:-1]), rows)
        shaped = self._reshaped(mapped, f"{out.name}_shaped", shape)
        about = self.rng.uniform(out.low, out.high, out.shape).astype(np.float32)
        constant, made = self.tensor(f"{out.name}_constant", out.shape, about), self.tensor(out.name, out.shape)
        self.operator(code.ADD, [shaped, constant], made, "AddOptions")
        return made

    def _reshaped(self, source: int, name: str, shape: Sequence[int]) -> int:
        made = self.tensor(name, shape)
        wanted = self.tensor(f"{name}_shape", (len(shape),), np.array(shape, np.int32))
        self.operator(schema.BuiltinOperator.RESHAPE, [source, wanted], made, "ReshapeOptions", newShape=list(shape))
        return made

    def packed(self) -> bytes:
        self.model.subgraphs = [self.graph]
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def network(side: int, outputs: Sequence[Out]) -> bytes:
    """From (1, side, side, 3) to ``outputs``."""
    writer = Writer()
    source = writer.tensor("input_1", (1, side, side, 3))
    flat = writer.pooled(source)
    writer.graph.inputs = [source]
    writer.graph.outputs = [writer.linear(flat, out) for out in outputs]
    return writer.packed()


def face_network() -> bytes:
    """With the operations that are MediaPipe's own between its two parts."""
    writer = Writer()
    source = writer.tensor("input_1", (1, facemesh.SIDE, facemesh.SIDE, 3))
    flat, grid = writer.pooled(source), facemesh.GRID
    mesh = writer.linear(flat, Out(facemesh.MESHED, (1, 1, 1, 3 * facemesh.MESH), 40, 150))
    features = writer.linear(flat, Out(facemesh.FEATURES, (1, grid, grid, facemesh.CHANNELS), -1, 1))
    flag = writer.linear(flat, Out(facemesh.FLAG, (1, 1, 1, 1), 0, 4))
    counts, custom, made = (80, 71, 71), schema.BuiltinOperator.CUSTOM, []
    for name, count in zip(facemesh.CUTS, counts, strict=True):
        matrix = writer.tensor(f"{name}_matrix", (1, 4, 4))
        said = {"left_rotation_idx": 3, "right_rotation_idx": 7, "scale_x": 1.5, "scale_y": 1.25}
        points = list(range(10, 10 + count))
        writer.operator(custom, [mesh], matrix, custom="Landmarks2TransformMatrix", subset_idxs=points, **said)
        cut = writer.tensor(name, (1, facemesh.PATCH, facemesh.PATCH, facemesh.CHANNELS))
        writer.operator(custom, [features, matrix], cut, custom="TransformTensorBilinear")
        made.append(writer.pooled(cut, 2))
    irises = ((made[1], facemesh.IRIS), (made[2], facemesh.IRIS))
    parts = zip(facemesh.REFINED, [*zip(made, counts, strict=True), *irises], strict=True)
    refined = [writer.linear(patch, Out(name, (1, count, 2), 10, 50)) for name, (patch, count) in parts]
    writer.graph.inputs, writer.graph.outputs = [source], [mesh, flag, *refined]
    return writer.packed()


def networks() -> dict[str, bytes]:
    """By the weights' names."""
    points, side = blazepose.POINTS, blazepose.SIDE
    body = [
        Out("Identity", (1, 5 * points), -20, 250),
        Out("Identity_1", (1, 1), 0.6, 0.9),
        Out("Identity_2", (1, side, side, 1), -4, 4),
        Out("Identity_3", (1, side // 4, side // 4, points), -8, 1),
        Out("Identity_4", (1, 3 * points), -1, 1),
    ]
    found = [
        Out("Identity", (1, blazepose.ANCHORS, 12), -60, 60),
        Out("Identity_1", (1, blazepose.ANCHORS, 1), -60, -1),
    ]
    hand = [Out("Identity", (1, 3 * hands.JOINTS), 0, hands.SIDE), Out("Identity_1", (1, 1), 0.5, 0.6)]
    hand += [Out("Identity_2", (1, 1)), Out("Identity_3", (1, 3 * hands.JOINTS), -0.1, 0.1)]
    return {
        blazepose.LANDMARKS: network(side, body),
        blazepose.DETECTION: network(blazepose.SEARCHED, found),
        mask.NETWORK: network(side, [Out("activation_10", (1, side, side, 1))]),
        hands.NETWORK: network(hands.SIDE, hand),
        facemesh.NAME: face_network(),
    }


def write(folder: Path) -> dict[str, Weight]:
    """Write the files into ``folder``; returns the catalogue's entries for them, with these files' hashes."""
    entries = {}
    for name, model in networks().items():
        entries[name] = replace(find(name), sha256=sha256(model).hexdigest())
        (folder / entries[name].file).write_bytes(model)
    return entries


@contextmanager
def in_place(folder: Path, untrained: bool = False) -> Iterator[Weights]:
    """The files in ``folder``, and the catalogue's hashes are theirs meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        for name, entry in write(folder).items():
            patch.setitem(WEIGHTS, name, entry)
        yield Weights(folder, untrained)
