"""Late fusion against loops over what its members say, and what it refuses."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from toy_features import CATEGORIES, make_store, people

from cache.errors import ConfigError
from cache.store import Store
from heads import cli
from heads.commands._grids import ablate
from heads.experiments.ensemble import ensemble
from heads.experiments.evaluate import evaluate
from heads.experiments.grid import Grid
from heads.experiments.joined import joined
from heads.experiments.place import Place
from heads.head import Output

QUICK = {"per_class": 0, "epochs": 2, "resamples": 20}
ROWS = ("linear-body", "linear-image", "mlp-image")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ensemble")
    rows = people(130, categories=CATEGORIES[:5])
    store = make_store(folder / "store", rows, features=["body", "image"], missing={"body": [126]})
    tables = ({"name": "body", "features": "body"}, {"name": "image", "features": "image"})
    grid = Grid(heads=("linear", "mlp"), protocols=("multilabel",), settings=tables)
    ablate(Place(store, "demo", folder / "runs", seeds=2), grid, QUICK, "some", lambda *_: None)
    other = Grid(heads=("linear",), protocols=("multilabel",))
    ablate(
        Place(store, "demo", folder / "runs", seeds=1), other, {**QUICK, "features": "image"}, "one", lambda *_: None
    )
    return folder


def paths(root: Path, *rows: str) -> dict[str, Path]:
    return {f"some/{row}": root / "runs" / "some" / f"{row}.safetensors" for row in rows}


def test_shares_and_dimensions_are_averaged_by_votes_or_the_highest_is_taken() -> None:
    draw = torch.Generator().manual_seed(0)
    every = [
        Output(logits=torch.randn(2, 3, 4, generator=draw), dimensions=torch.rand(2, 3, 1, generator=draw))
        for _ in range(3)
    ]
    for one_class in (False, True):
        average = joined(every, "average", [2, 2, 1], one_class)
        most = joined(every, "maximum", [1, 1, 1], one_class)
        for seed, person in np.ndindex(2, 3):
            logits = [one.logits[seed, person].double() for one in every]
            shares = [x.softmax(0) if one_class else 1 / (1 + (-x).exp()) for x in logits]
            wanted = (2 * shares[0] + 2 * shares[1] + shares[2]) / 5
            said = average.logits[seed, person]
            torch.testing.assert_close(said.exp() if one_class else said.sigmoid(), wanted)
            highest = torch.stack(shares).amax(0)
            said = most.logits[seed, person]
            torch.testing.assert_close(said.exp() if one_class else said.sigmoid(), highest)
        told = [one.dimensions.double() for one in every]
        torch.testing.assert_close(average.dimensions, 0.4 * told[0] + 0.4 * told[1] + 0.2 * told[2])
        torch.testing.assert_close(most.dimensions, torch.maximum(torch.maximum(*told[:2]), told[2]))
    assert joined([every[0], every[1]._replace(dimensions=None)], "average", [1, 1], False).dimensions is None


def test_members_are_judged_on_the_people_that_all_have_and_the_ensemble_by_their_shares(root: Path) -> None:
    store, rows = Store(root / "store"), paths(root, *ROWS)
    votes = dict(zip(rows, (2.0, 2.0, 1.0), strict=True))
    made = ensemble(rows, store, "average", votes)
    found = made.document("average", votes)
    alone = {name: evaluate(path, store) for name, path in rows.items()}
    fewest = min(alone.values(), key=lambda one: len(one.trial.rows))
    assert found["people"] == len(fewest.trial.rows) == len(alone["some/mlp-image"].trial.rows) - 1
    assert (made.lost["train"], made.lost["test"]) == (0, 1)
    assert found["members"]["some/linear-body"]["map"] == fewest.metrics["map"]
    here = [[*one.trial.rows].index(row) for one in alone.values() for row in fewest.trial.rows]
    places = np.array(here).reshape(len(rows), -1)
    seeds = []
    for seed in range(2):
        shares = [
            one.output.logits[seed][place].double().sigmoid() for one, place in zip(alone.values(), places, strict=True)
        ]
        whole = (2 * shares[0] + 2 * shares[1] + shares[2]) / 5
        seeds.append(_map(whole.numpy(), fewest.trial.flags))
    assert found["metrics"]["map"]["values"] == pytest.approx(seeds)
    apart = found["apart"]["some/mlp-image"]["map"]["mean"]
    assert apart == pytest.approx(found["metrics"]["map"]["mean"] - found["members"]["some/mlp-image"]["map"]["mean"])


def _map(shares: np.ndarray, flags: np.ndarray) -> float:
    some = flags.any(0)
    return float(average_precision_score(flags[:, some], shares[:, some]))


def test_the_command_prints_it_and_writes_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = ["--runs", str(root / "runs"), "--store", str(root / "store"), "--threads", "1"]
    rows = [f"some/{row}" for row in ROWS]
    assert cli.main(["ensemble", *places, "--votes", "2,2,1", "--out", "three", "--", *rows]) == 0
    out = capsys.readouterr().out
    assert out.startswith("average of some/linear-body x 2, some/linear-image x 2, some/mlp-image x 1: ")
    written = json.loads((root / "runs" / "three" / "ensemble.json").read_text())
    assert written["votes"] == {"some/linear-body": 2, "some/linear-image": 2, "some/mlp-image": 1}
    assert f"map {100 * written['metrics']['map']['mean']:.2f} %" in out
    assert "  minus some/linear-body: " in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["some/linear-body"], "an ensemble has two at least, each once"),
        (["some/linear-body", "some/linear-body"], "an ensemble has two at least, each once"),
        (
            ["--votes", "2", "--", "some/linear-body", "some/linear-image"],
            "give a number above 0 for each of the 2 rows",
        ),
        (["--votes", "2,x", "--", "some/linear-body", "some/linear-image"], "give a number above 0 for each"),
        (["--how", "maximum", "--votes", "2,1", "--", "some/linear-body", "some/linear-image"], "a maximum has none"),
        (["some/linear-body", "some/none"], "no such checkpoint"),
        (["some/linear-body", "one/linear"], r"some/linear-body has seeds \[0, 1\], one/linear \[0\]"),
        (["some/linear-body", "../linear"], "name '..'"),
    ],
)
def test_what_is_no_ensemble_is_one_line(
    words: list[str], told: str, root: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ["--runs", str(root / "runs"), "--store", str(root / "store"), "--threads", "1"]
    assert cli.main(["ensemble", *places, *words]) == 2
    err = capsys.readouterr().err + caplog.text
    assert re.search(told, err), err
    assert len(err.strip().splitlines()) == 1


def test_rows_of_other_judging_are_refused(root: Path) -> None:
    store = Store(root / "store")
    grid = Grid(heads=("linear",), protocols=("multilabel",))
    settings = {**QUICK, "features": "image", "resamples": 30}
    ablate(Place(store, "demo", root / "runs", seeds=2), grid, settings, "judged", lambda *_: None)
    rows = {**paths(root, "linear-body"), "judged/linear": root / "runs" / "judged" / "linear.safetensors"}
    with pytest.raises(
        ConfigError, match=r"some/linear-body has resamples = 20, judged/linear 30. Train them with the same"
    ):
        ensemble(rows, store, "average", dict.fromkeys(rows, 1.0))
