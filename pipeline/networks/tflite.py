"""Networks that come as .tflite files: run on the CPU by LiteRT, one row at a time, with the same bytes each time.

Such a file holds the network itself and not only its weights: without the file there is no network, not even an
untrained one.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cache.errors import WeightsError

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

Floats = NDArray[np.float32]
Shape = tuple[int, ...]


class Network:
    """A network, or a part of one; safe in many threads at once.

    An interpreter holds the values of its run, so each thread has one of its own. It computes on one core: whoever
    calls spreads rows over cores.
    """

    cores = 1
    """Of one row, in interpreters made from now on: more for benchmarks alone."""

    def __init__(self, model: bytes, where: str, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> None:
        """model: what the file ``where`` holds. inputs, outputs: its shapes, in the file's order.

        Raises: WeightsError when it is damaged or another network.
        """
        self._model, self._where = model, where
        self._own = threading.local()
        got = [[tuple(map(int, one["shape"])) for one in side] for side in _details(self._interpreter())]
        if got != [list(inputs), list(outputs)]:
            text = (
                f"from {_words(got[0])} to {_words(got[1])}; wanted is one from {_words(inputs)} to {_words(outputs)}"
            )
            raise WeightsError(f"{where}: holds a network {text}")

    def __call__(self, *inputs: Floats) -> list[Floats]:
        """One row's outputs, of its ``inputs``; each of the file's shape, the leading 1 of a batch left out."""
        interpreter = self._interpreter()
        given, made = _details(interpreter)
        for one, values in zip(given, inputs, strict=True):
            interpreter.set_tensor(one["index"], values[None])
        interpreter.invoke()
        return [interpreter.get_tensor(one["index"])[0] for one in made]

    def _interpreter(self) -> Any:
        """This thread's. Raises: WeightsError."""
        from ai_edge_litert.interpreter import Interpreter

        if not hasattr(self._own, "interpreter"):
            try:
                interpreter = Interpreter(model_content=self._model, num_threads=self.cores)
                interpreter.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                reason = " ".join(str(error).split())[:160]
                raise WeightsError(f"{self._where}: damaged, or no network for LiteRT ({reason})") from None
            self._own.interpreter = interpreter
        return self._own.interpreter


def read(weights: Weights, name: str) -> tuple[bytes, str]:
    """What the file of the weights ``name`` holds, checked, and where it is. Raises: WeightsError, UnknownName."""
    weights.digest(name)
    (path,) = weights.paths(name)
    try:
        return path.read_bytes(), str(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from None


def load(weights: Weights, name: str, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Network:
    """The network of the weights ``name``. Raises: WeightsError, UnknownName."""
    return Network(*read(weights, name), inputs, outputs)


def part(model: bytes, where: str, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The part of ``model`` that leads from the tensors ``inputs`` to the tensors ``outputs``, as a model.

    For networks with steps that LiteRT does not know: the parts before and after them are run, the steps done here.
    Raises: WeightsError when it is damaged or a tensor is not there.
    """
    import flatbuffers

    whole = parsed(model, where)
    graph = whole.subgraphs[0]
    places = {tensor.name.decode(): place for place, tensor in enumerate(graph.tensors)}
    if absent := [name for name in (*inputs, *outputs) if name not in places]:
        raise WeightsError(f"{where}: is another network: it has no tensor {absent[0]!r}")
    graph.inputs, graph.outputs = ([places[name] for name in names] for names in (inputs, outputs))
    graph.operators = _leading(graph.operators, set(graph.inputs), set(graph.outputs))
    whole.signatureDefs = whole.metadata = None
    builder = flatbuffers.Builder(len(model))
    builder.Finish(whole.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def parsed(model: bytes, where: str) -> Any:
    """``model`` as objects of the schema. Raises: WeightsError."""
    from ai_edge_litert import schema_py_generated as schema

    try:
        return schema.ModelT.InitFromPackedBuf(model, 0)
    except Exception as error:  # whatever a damaged table leads to
        raise WeightsError(f"{where}: damaged, or no .tflite file ({type(error).__name__})") from None


def fractions(pixels: NDArray[np.uint8]) -> Floats:
    """``pixels`` of 0..255 in 0..1, as most of these networks take them."""
    return np.divide(pixels, np.float32(255), dtype=np.float32)


def _leading(operators: Sequence[Any], known: Collection[int], wanted: set[int]) -> list[Any]:
    """Those of ``operators``, which stand in order of work, that make ``wanted`` out of ``known``."""
    kept = []
    for operator in reversed(operators):
        if wanted.intersection(operator.outputs):
            kept.append(operator)
            wanted |= {place for place in operator.inputs if place >= 0} - set(known)
    return kept[::-1]


def _details(interpreter: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return interpreter.get_input_details(), interpreter.get_output_details()


def _words(shapes: Sequence[Shape]) -> str:
    return ", ".join(" x ".join(map(str, shape)) for shape in shapes)
