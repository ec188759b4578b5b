"""What a task gives beside the inputs: there in training and judging, absent in prediction."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_features import make_store

from heads.checkpoints import checkpoint
from heads.experiments.bench import prepare
from heads.experiments.experiment import run
from heads.experiments.grid import cell
from heads.head import BOXES, ROW, Output
from heads.known_protocols import find


def test_a_head_finds_what_the_task_gives_by_row_and_nothing_of_it_where_it_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = find("single-label")
    one = cell("linear", protocol, {"epochs": 1, "per_class": 0})
    bench = prepare(make_store(tmp_path / "store"), "demo", protocol, [one], "cpu")
    boxes = np.arange(len(bench.manifest) * 8, dtype=np.float32).reshape(-1, 2, 4)
    task = replace(bench.task, targets={**bench.task.targets, BOXES: boxes}, sizes=bench.task.sizes, given=(BOXES,))
    seen = {True: list[bool](), False: list[bool]()}
    forward = one.model.forward

    def watched(head: torch.nn.Module, features: Mapping[str, torch.Tensor]) -> Output:
        if BOXES in features:
            rows = features[ROW][..., 0]
            torch.testing.assert_close(features[BOXES], torch.as_tensor(boxes)[rows])
        seen[head.training].append(BOXES in features)
        found: Output = forward(head, features)
        return found

    monkeypatch.setattr(one.model, "forward", watched)
    run(replace(bench, task=task), one, range(2), tmp_path)
    assert seen[True]
    assert seen[False]
    assert all(seen[True] + seen[False])
    loaded = checkpoint.load(tmp_path / "linear.safetensors")
    seen[False].clear()
    loaded.answers({name: torch.zeros(3, width) for name, width in loaded.about["widths"].items()}, np.arange(3))
    assert seen[False] == [False]
