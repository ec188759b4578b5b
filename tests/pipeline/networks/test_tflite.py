"""The runner of .tflite files: threads, parts, what is no network, and what has no file."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import small_tflite
from small_tflite import Out

from cache.errors import WeightsError
from pipeline.networks import facemesh, tflite
from pipeline.weights.catalogue import WEIGHTS
from pipeline.weights.folder import Weights
from pipeline.weights.origins import Weight

SIDE = 32
MODEL = small_tflite.network(SIDE, [Out("a", (1, 5)), Out("b", (1, 4, 3), -2, 2)])
SHAPES = [(1, SIDE, SIDE, 3)], [(1, 5), (1, 4, 3)]


def test_an_output_is_the_linear_map_that_the_file_holds() -> None:
    """numpy's own average, matrix and constant, taken from the file's tensors."""
    network = tflite.Network(MODEL, "x.tflite", *SHAPES)
    graph = tflite.parsed(MODEL, "x")
    held = {
        tensor.name.decode(): np.frombuffer(bytes(graph.buffers[tensor.buffer].data), np.float32).reshape(tensor.shape)
        for tensor in graph.subgraphs[0].tensors
        if tensor.buffer and tensor.type == 0
    }
    pixels = np.random.default_rng(0).random((SIDE, SIDE, 3), np.float32)
    means = pixels.reshape(8, 4, 8, 4, 3).mean((1, 3)).ravel()
    for name, found in zip("ab", network(pixels), strict=True):
        wanted = (held[f"{name}_weights"] @ means).reshape(found.shape) + held[f"{name}_constant"][0]
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_many_threads_give_the_bytes_of_one() -> None:
    network = tflite.Network(MODEL, "x.tflite", *SHAPES)
    images = np.random.default_rng(1).random((60, SIDE, SIDE, 3), np.float32)
    alone = [[part.tobytes() for part in network(image)] for image in images]
    together = threading.Barrier(4)

    def work(share: int) -> list[list[bytes]]:
        together.wait()
        return [[part.tobytes() for part in network(image)] for image in images[share::4]]

    with ThreadPoolExecutor(4) as pool:
        for share, found in enumerate(pool.map(work, range(4))):
            assert found == alone[share::4]


def test_a_result_stays_when_the_network_runs_again() -> None:
    network = tflite.Network(MODEL, "x.tflite", *SHAPES)
    first = network(np.zeros((SIDE, SIDE, 3), np.float32))
    kept = [part.copy() for part in first]
    network(np.ones((SIDE, SIDE, 3), np.float32))
    for one, other in zip(first, kept, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("model", [b"", b"no network at all", MODEL[: len(MODEL) // 2], MODEL[:-100]])
def test_a_damaged_file_is_one_line(model: bytes) -> None:
    with pytest.raises(WeightsError, match=r"^w/x\.tflite: damaged, or no network for LiteRT \(.*\)$"):
        tflite.Network(model, "w/x.tflite", *SHAPES)


def test_another_network_is_told_by_both_shapes() -> None:
    text = r"x: holds a network from 1 x 32 x 32 x 3 to 1 x 5, 1 x 4 x 3; wanted is one from 1 x 32 x 32 x 3 to 1 x 5$"
    with pytest.raises(WeightsError, match=text):
        tflite.Network(MODEL, "x", SHAPES[0], SHAPES[1][:1])
    with pytest.raises(WeightsError, match="x: is another network: it has no tensor 'conv_faceflag'"):
        tflite.part(MODEL, "x", ["input_1"], ["a", "conv_faceflag"])
    with pytest.raises(WeightsError, match=r"x: damaged, or no \.tflite file"):
        tflite.part(b"no network at all", "x", ["input_1"], ["a"])


def test_a_part_gives_what_the_whole_gives_there_and_runs_nothing_else() -> None:
    """face_network holds operations that LiteRT refuses, so the whole of it cannot even be prepared."""
    pixels = np.random.default_rng(2).random((SIDE, SIDE, 3), np.float32)
    whole = tflite.Network(MODEL, "x", *SHAPES)(pixels)[1]
    (alone,) = tflite.Network(tflite.part(MODEL, "x", ["input_1"], ["b"]), "x", SHAPES[0], SHAPES[1][1:])(pixels)
    np.testing.assert_array_equal(alone, whole)
    face = small_tflite.face_network()
    with pytest.raises(WeightsError, match="no network for LiteRT"):
        tflite.Network(face, "x", [(1, 192, 192, 3)], [])
    tflite.Network(tflite.part(face, "x", ["input_1"], [facemesh.FLAG]), "x", [(1, 192, 192, 3)], [(1, 1, 1, 1)])


def test_untrained_is_no_way_without_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network without its file cannot be filled from a seed: nobody knows its layers."""
    monkeypatch.setitem(WEIGHTS, "net", Weight("net", ("net.tflite",), "https://x/net.tflite", "", "MIT", "x"))
    weights = Weights(tmp_path, untrained=True)
    line = "UNTRAINED=1 does not help: such a file holds the network itself"
    with pytest.raises(WeightsError, match=line):
        tflite.load(weights, "net", *SHAPES)
    with pytest.raises(WeightsError, match=r"net\.tflite.*UNTRAINED=1 does not: net\.tflite: such a file holds"):
        weights.demand(["net", "resnet18"], "make weights")
    (tmp_path / "net.tflite").write_bytes(MODEL)
    weights.demand(["net", "resnet18"], "make weights")
    assert len(tflite.load(weights, "net", *SHAPES)(np.zeros((SIDE, SIDE, 3), np.float32))) == 2
