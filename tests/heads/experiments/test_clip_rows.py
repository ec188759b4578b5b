"""Heads for clips from the store's shards to a table, and from their checkpoints to the same numbers again."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy_features
from toy_features import CATEGORIES, make_store, people

from cache.errors import ConfigError
from cache.spec import ArraySpec, Granularity
from cache.store import Store
from heads import cli
from heads.commands._grids import ablate
from heads.experiments.evaluate import evaluate
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.protocols import _submission

FRAMES = 5
QUICK = {"epochs": 1, "resamples": 20, "units": "4,4", "hidden_units": 4, "trees": 5, "depth": 3, "batch": 8}
THERE = {"present": ArraySpec((FRAMES,), "uint8", "1 where somebody is seen")}


def clip(*shape: int, there: bool = True) -> tuple[Granularity, dict[str, ArraySpec]]:
    return Granularity.PERSON, {
        "pooled": ArraySpec((FRAMES, *shape), "float16", "activation"),
        **(THERE if there else {}),
    }


SPECS = {
    **{word: clip(6) for word in ("body", "context", "face_features", "body_flow", "body_difference")},
    "scene": (
        Granularity.PERSON,
        {
            "scores": ArraySpec((FRAMES, 4), "float16", "x"),
            "attributes": ArraySpec((FRAMES, 3), "float16", "x"),
            **THERE,
        },
    ),
    "joints": (Granularity.PERSON, {"normalised": ArraySpec((FRAMES, 18, 3), "float32", "x")}),
    "lma": (
        Granularity.PERSON,
        {
            "frames": ArraySpec((FRAMES, 9), "float32", "x"),
            "seen": ArraySpec((FRAMES, 9), "uint8", "x"),
            "statistics": ArraySpec((8,), "float32", "x"),
        },
    ),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, draw = tmp_path_factory.mktemp("clips"), np.random.default_rng(0)
    rows: list[Any] = []
    for row in people(60, categories=CATEGORIES[:4]):
        sure = tuple(0.6 if name in row.categories else float(draw.uniform(0, 0.4)) for name in CATEGORIES)
        unknown = {"categories": (), "vad": (float("nan"),) * 3} if row.split == "test" else {"scores": sure}
        rows.append(replace(row, span=(0, 9), **unknown))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy_features, "MORE", SPECS)
        store = make_store(folder / "store", rows, features=list(SPECS), signal=0.1, missing={"joints": [59]})
    tables = (
        {"for": ["tsn_rgb"], "name": "all"},
        {"for": ["tsn_rgb"], "name": "B", "streams": "B", "consensus": "attention", "stream": 4},
        {"for": ["tsn_flow", "tsn_rgbdiff"], "streams": "B"},
        {"for": ["st_gcn"]},
        *({"for": ["lma"], "name": form, "form": form} for form in ("lstm", "forest")),
    )
    grid = Grid(
        heads=("tsn_rgb", "tsn_flow", "tsn_rgbdiff", "st_gcn", "lma"),
        protocols=("bold",),
        settings=tables,
    )
    ablate(Place(store, "demo", folder / "runs", seeds=2), grid, QUICK, "clips", lambda *_: None)
    return folder


def test_every_row_is_there_with_what_it_approximates_and_is_judged_on_val(root: Path) -> None:
    results = json.loads((root / "runs" / "clips" / "results.json").read_text())
    assert [row["name"] for row in results["rows"]] == [
        *("tsn_rgb-all", "tsn_rgb-B", "tsn_flow", "tsn_rgbdiff", "st_gcn"),
        *("lma-lstm", "lma-forest"),
    ]
    assert "5 cached frames a clip for k_val = 25 segments" in results["rows"][0]["approximates"]
    assert any(line.startswith("Nobody of test has a label") for line in results["notes"])
    assert all(next(iter(row["metrics"])) == "ers" for row in results["rows"])


@pytest.mark.parametrize("row", ["tsn_rgb-all", "tsn_rgb-B", "st_gcn", "lma-lstm", "lma-forest"])
def test_a_checkpoint_gives_the_tables_numbers_again(row: str, root: Path) -> None:
    folder = root / "runs" / "clips"
    rows = {one["name"]: one for one in json.loads((folder / "results.json").read_text())["rows"]}
    found = evaluate(folder / f"{row}.safetensors", Store(root / "store"))
    assert found.metrics == rows[row]["metrics"]
    assert len(found.answers()[0].shares) == len(found.trial.rows)


def test_the_file_for_the_distributors_has_every_test_person_in_the_form_of_their_annotations(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = Store(root / "store").manifest("demo")
    rows = [at for at, split in enumerate(manifest.splits) if split == "test"]
    places = ["--runs", str(root / "runs"), "--store", str(root / "store"), "--threads", "1", "--name", "clips"]
    assert cli.main(["submit", "--head", "st_gcn", "--seeds", "2", *places]) == 0
    assert "1 of them lack a feature: what is said of them is the mean" in capsys.readouterr().out
    with (root / "runs" / "clips" / "st_gcn.submission.csv").open() as file:
        lines = list(csv.reader(file))
    assert [line[:4] for line in lines] == [[manifest.images[at], str(manifest.persons[at]), "0", "9"] for at in rows]
    values = np.array([line[4:] for line in lines], float)
    assert values.shape == (len(rows), 26 + 3)
    assert not values[:, 4:26].any()  # nobody of train is in those
    assert (values[:, :4] > 0).all()
    np.testing.assert_allclose(values[-1], values[:-1].mean(0), atol=1e-4)
    assert cli.main(["submit", "--head", "tsn_flow", "--seeds", "2", *places]) == 0
    assert "lack a feature" not in capsys.readouterr().out


def test_a_line_has_the_annotations_own_words(root: Path) -> None:
    manifest = Store(root / "store").manifest("demo")
    told = json.dumps({"video": "a/b.mp4", "person_id": "3", "min_frame": "0", "max_frame": "120"})
    assert _submission._who(replace(manifest, extras=[told] * len(manifest)), 0) == ["a/b.mp4", "3", "0", "120"]


def test_a_file_of_another_form_is_told_by_its_first_wrong_line(root: Path) -> None:
    manifest = Store(root / "store").manifest("demo")
    rows = np.flatnonzero(np.array(manifest.splits) == "test")
    line = ["0.5"] * 26 + ["1.0", "10.0", "5.5"]
    whole = [[manifest.images[at], str(manifest.persons[at]), "0", "9", *line] for at in rows]

    def checked(number: int, column: int, value: str | None) -> None:
        lines = [list(one) for one in whole]
        lines[number][column : column + 1] = [] if value is None else [value]
        _submission.check("\n".join(map(",".join, lines)), manifest, rows)

    checked(0, 4, "0.25")
    for number, column, value, told in (
        (1, 4, None, "line 2: has 32 columns, wanted are 33"),
        (0, 1, "7", "line 1: is of "),
        (2, 5, "1.2", r"line 3: has a share outside 0\.\.1"),
        (2, 5, "nan", r"line 3: has a share outside 0\.\.1"),
        (2, 30, "0.5", r"line 3: has a dimension outside 1\.\.10"),
        (2, 30, "x", "line 3: has a column that is no number"),
    ):
        with pytest.raises(ConfigError, match=f"^{told}"):
            checked(number, column, value)
    with pytest.raises(ConfigError, match=f"^0 lines, there are {len(rows)} test people$"):
        _submission.check("", manifest, rows)
