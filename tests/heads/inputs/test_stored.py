"""Arrays that stay in the store: the same numbers as read at once, batch by batch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from toy_features import make_store

from cache.config import Settings
from cache.errors import ConfigError
from heads.head import CLASS, ROW, Head, Output
from heads.inputs import samples as looking
from heads.inputs.features import Split, load_split
from heads.inputs.samples import Samples, outputs

CPU = torch.device("cpu")
NAME = "pose/keypoints"
INPUTS = ("image/pooled", NAME)


class Summed(Head):
    """Tells what it is given, summed."""

    Config = Settings
    gives = frozenset({"logits"})

    def __init__(self, widths: Mapping[str, Any]) -> None:
        super().__init__(Settings(), widths, {}, [0, 1])

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:  # noqa: ARG003 (the contract's)
        """Both."""
        return INPUTS

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: of INPUTS."""
        sums = [features[name].flatten(2).sum(2) for name in INPUTS]
        return Output(logits=torch.stack([*sums, features[ROW][:, :, 0].float()], 2))

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """None."""
        return {}


def loaded(folder: Path, rows: Any, **more: Any) -> tuple[Split, Any]:
    store = make_store(folder, features=("image", "pose"), **more)
    features = store.features("demo")
    return load_split(features, store.manifest("demo"), INPUTS, np.array(rows), CPU, [NAME]), features


def test_rows_are_those_of_the_store_whatever_their_order(tmp_path: Path) -> None:
    split, features = loaded(tmp_path, [3, 9, 0, 200, 90, 131], missing={"pose": [9]})
    assert split.widths() == {"image/pooled": 24, NAME: (26, 2)}
    assert split.present[NAME].tolist() == [True, True, False, True, True, True]
    rows = np.array([200, 3, 131, 3])
    left = split.left(INPUTS, rows)[NAME]
    assert (left.shape, list(split.take(INPUTS, rows))) == ((4, 26, 2), ["image/pooled"])
    expected = features["pose"].of_people("keypoints", rows[[2, 0, 0, 1]])[0].astype(np.float32)
    assert np.array_equal(left.index_select(0, torch.tensor([2, 0, 0, 1])).numpy(), expected)


@pytest.mark.parametrize("numbers", [52, 120, 10**6])
def test_batches_and_looks_read_what_they_want(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbers: int) -> None:
    monkeypatch.setattr(looking, "_NUMBERS", numbers)  # one row, two rows, all rows at a time
    rows = np.arange(0, 250, 7)
    split, features = loaded(tmp_path, rows)
    known = Samples.of(split.take(INPUTS, rows), rows, {CLASS: rows % 5}, CPU, split.left(INPUTS, rows))
    pose = torch.from_numpy(features["pose"].of_people("keypoints", rows)[0].astype(np.float32))
    places = torch.tensor([[1, 0, 30], [5, 5, 2]])
    batch, targets = known.batch(places)
    assert torch.equal(batch[NAME], pose[places])
    assert targets[CLASS].tolist() == (rows % 5)[places.numpy()].tolist()
    told = outputs(Summed(split.widths()), known, 2, ["logits"]).logits
    assert told is not None
    expected = torch.stack(
        [split.take(INPUTS, rows)["image/pooled"].sum(1), pose.sum((1, 2)), torch.from_numpy(rows)], 1
    )
    torch.testing.assert_close(told, expected.expand(2, -1, -1))


def test_what_training_depends_on_follows_the_numbers_and_the_rows(tmp_path: Path) -> None:
    split, _ = loaded(tmp_path / "a", np.arange(20))
    again, _ = loaded(tmp_path / "b", np.arange(20))
    other, _ = loaded(tmp_path / "c", np.arange(20), missing={"pose": [3]})
    few, more = np.arange(5), np.arange(6)
    assert split.left(INPUTS, few)[NAME].told() == again.left(INPUTS, few)[NAME].told()
    assert split.left(INPUTS, few)[NAME].told() != split.left(INPUTS, more)[NAME].told()
    assert split.left(INPUTS, few)[NAME].told() != other.left(INPUTS, few)[NAME].told()


def test_a_head_of_vectors_is_not_given_an_array(tmp_path: Path) -> None:
    store = make_store(tmp_path, features=("image", "pose"))
    with pytest.raises(ConfigError, match=r"pose/keypoints: one row has shape \(26, 2\)"):
        load_split(store.features("demo"), store.manifest("demo"), INPUTS, np.arange(3), CPU)
