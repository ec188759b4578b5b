"""The calls that a benchmark replays are the outermost ones of networks of either kind."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import small_tflite
import torch
from torch import nn

from pipeline.networks.tflite import Network
from scripts.bench.extract import CORES, Call, recorded, replay, warm


def test_calls_of_both_kinds_once_each() -> None:
    small = Network(small_tflite.network(8, [small_tflite.Out("a", (1, 3))]), "here", [(1, 8, 8, 3)], [(1, 3)])
    module, pixels = nn.Sequential(nn.Linear(2, 2), nn.ReLU()), np.ones((8, 8, 3), np.float32)
    calls: list[Call] = []
    with recorded(calls):
        module(torch.ones(1, 2))
        small(pixels)
        small(pixels)
    assert [call[0] for call in calls] == [module, small, small], "not the layers inside"
    module(torch.ones(1, 2))
    small(pixels)
    assert len(calls) == 3
    with ThreadPoolExecutor(CORES) as pool:
        warm(calls, pool)
        list(pool.map(replay, calls))
