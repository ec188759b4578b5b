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

from cache.errors import ConfigError, StoreError, WeightsError
from cache.spec import ArraySpec, Granularity
from cache.store import Store
from heads import cli
from heads.checkpoints import checkpoint
from heads.commands._grids import ablate
from heads.experiments.ensemble import ensemble
from heads.experiments.ensemble_cell import Joining
from heads.experiments.evaluate import evaluate
from heads.experiments.finished import compare
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.protocols import _submission

FRAMES = 5
TSN = {"epochs": 1, "resamples": 20, "batch": 8}
MEMBERS = ("tsn_rgb-B", "tsn_flow", "st_gcn")
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
        ensembles=(
            Joining(name="weighted", rows=MEMBERS, votes=(2, 2, 1)),
            Joining(name="maximum", rows=MEMBERS[:2], how="maximum"),
        ),
    )
    ablate(Place(store, "demo", folder / "runs", seeds=2), grid, QUICK, "clips", lambda *_: None)
    return folder


def test_every_row_is_there_with_what_it_approximates_and_is_judged_on_val(root: Path) -> None:
    results = json.loads((root / "runs" / "clips" / "results.json").read_text())
    assert [row["name"] for row in results["rows"]] == [
        *("tsn_rgb-all", "tsn_rgb-B", "tsn_flow", "tsn_rgbdiff", "st_gcn"),
        *("lma-lstm", "lma-forest"),
        *("ensemble-weighted", "ensemble-maximum"),
    ]
    assert "5 cached frames a clip for k_val = 25 segments" in results["rows"][0]["approximates"]
    assert any(line.startswith("Nobody of test has a label") for line in results["notes"])
    assert all(next(iter(row["metrics"])) == "ers" for row in results["rows"])


@pytest.mark.parametrize(
    "row", ["tsn_rgb-all", "tsn_rgb-B", "st_gcn", "lma-lstm", "lma-forest", "ensemble-weighted", "ensemble-maximum"]
)
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


def test_an_ensembles_file_is_the_weighted_mean_of_its_members_files(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ["--runs", str(root / "runs"), "--store", str(root / "store"), "--threads", "1", "--name", "clips"]
    every = {}
    for row in (*MEMBERS, "ensemble-weighted"):
        assert cli.main(["submit", "--protocol", "bold", "--head", row, "--seeds", "2", *places]) == 0
        with (root / "runs" / "clips" / f"{row}.submission.csv").open() as file:
            every[row] = np.array([line[4:] for line in csv.reader(file)], float)[:-1]  # the last one lacks joints
    members = [every[row] for row in MEMBERS]
    wanted, made = (2 * members[0] + 2 * members[1] + members[2]) / 5, every["ensemble-weighted"]
    np.testing.assert_allclose(made[:, :26], wanted[:, :26], atol=1e-5)  # dimensions are cut to 1..10 before
    assert "1 of them lack a feature" in capsys.readouterr().out


def test_an_ensemble_is_a_row_like_the_others_and_nothing_is_trained_again_for_it(root: Path) -> None:
    folder, store = root / "runs" / "clips", Store(root / "store")
    rows = {one["name"]: one for one in json.loads((folder / "results.json").read_text())["rows"]}
    row = rows["ensemble-weighted"]
    assert row["settings"] == {"rows": list(MEMBERS), "how": "average", "votes": [2, 2, 1]}
    assert row["parameters"] == sum(rows[name]["parameters"] for name in MEMBERS)
    assert row["features"] == ["body", "body_flow", "joints"]
    paths = {name: folder / f"{name}.safetensors" for name in MEMBERS}
    known = ensemble(paths, store, "average", dict(zip(MEMBERS, (2, 2, 1), strict=True))).document("average", {})
    assert row["metrics"]["ers"]["values"] == known["metrics"]["ers"]["values"]
    assert "ensemble-weighted" in (folder / "table.md").read_text()
    told = compare(root / "runs", "clips/ensemble-weighted", "clips/st_gcn")
    assert told["ers"]["mean"] == pytest.approx(
        row["metrics"]["ers"]["mean"] - rows["st_gcn"]["metrics"]["ers"]["mean"]
    )


def test_a_grid_goes_on_with_its_ensembles_and_makes_those_again_whose_rows_are_others(
    tmp_path: Path, root: Path
) -> None:
    store = Store(root / "store")
    tables = ({"for": ["tsn_flow"], "streams": "B"}, {"for": ["tsn_rgb"], "streams": "B"})
    grid = Grid(
        heads=("tsn_flow", "tsn_rgb"),
        protocols=("bold",),
        settings=tables,
        ensembles=(Joining(name="two", rows=("tsn_flow", "tsn_rgb")),),
    )
    places = Place(store, "demo", tmp_path, seeds=1)
    assert ablate(places, grid, TSN, "two", lambda *_: None).reused == 0
    assert ablate(places, grid, TSN, "two", lambda *_: None).reused == 3
    (tmp_path / "two" / "ensemble-two.safetensors").unlink()
    assert ablate(places, grid, TSN, "two", lambda *_: None).reused == 2
    votes = grid.model_copy(update={"ensembles": (Joining(name="two", rows=("tsn_flow", "tsn_rgb"), votes=(2, 1)),)})
    assert ablate(places, votes, TSN, "two", lambda *_: None).reused == 2
    (tmp_path / "two" / "tsn_rgb.safetensors").unlink()
    with pytest.raises(StoreError, match=r"is made of tsn_rgb, and .*tsn_rgb.safetensors is not there or another one"):
        evaluate(tmp_path / "two" / "ensemble-two.safetensors", store)


@pytest.mark.parametrize(
    ("body", "reason"),
    [("nowhere", "features missing: nowhere"), ("body/nothing", "arrays missing: body/nothing")],
)
def test_an_ensemble_is_absent_where_a_row_of_it_is_and_no_single_head(
    body: str, reason: str, root: Path, tmp_path: Path
) -> None:
    store = Store(root / "store")
    grid = Grid(
        heads=("tsn_flow", "tsn_rgb"),
        protocols=("bold",),
        settings=({"for": ["tsn_flow"], "streams": "B"}, {"for": ["tsn_rgb"], "body": body}),
        ensembles=(Joining(name="two", rows=("tsn_flow", "tsn_rgb")),),
    )
    ablate(Place(store, "demo", tmp_path, seeds=1), grid, TSN, "two", lambda *_: None)
    absent = json.loads((tmp_path / "two" / "results.json").read_text())["absent"]
    assert [(one["name"], one["reason"]) for one in absent] == [
        ("tsn_rgb", reason),
        ("ensemble-two", "without tsn_rgb"),
    ]
    with pytest.raises(WeightsError, match=r"is an ensemble, of tsn_rgb-B, tsn_flow, st_gcn; one head is wanted here"):
        checkpoint.load(root / "runs" / "clips" / "ensemble-weighted.safetensors")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rows": ["tsn_flow"]}, "rows"),
        ({"rows": ["tsn_flow", "tsn_rgb"], "name": "a/b"}, "it must be the name of one folder"),
        ({"rows": ["tsn_flow", "tsn_flow"]}, "each once"),
        ({"rows": ["tsn_flow", "tsn_rgb"], "votes": [1]}, "a number above 0 for each of the 2 rows"),
        ({"rows": ["tsn_flow", "tsn_rgb"], "votes": [1, 0]}, "a number above 0 for each of the 2 rows"),
        ({"rows": ["tsn_flow", "tsn_rgb"], "votes": [1, 2], "how": "maximum"}, "a maximum has no votes"),
        ({"rows": ["tsn_flow", "tsn_rbg"]}, "Did you mean 'tsn_rgb'?"),
    ],
)
def test_a_wrong_ensemble_of_a_grid_is_one_line(
    wrong: dict[str, Any], told: str, tmp_path: Path, root: Path, caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    path = tmp_path / "mine.toml"
    rows = {"name": "two", **wrong}
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in rows.items())
    path.write_text(f'heads = ["tsn_flow", "tsn_rgb"]\nprotocols = ["bold"]\n[[ensembles]]\n{lines}\n')
    places = ["--runs", str(tmp_path), "--store", str(root / "store"), "--threads", "1"]
    assert cli.main(["ablate", "--grid", str(path), "--seeds", "1", *places]) == 2
    err = capsys.readouterr().err + caplog.text
    assert told in err, err
    assert len(err.strip().splitlines()) == 1


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


def test_what_would_do_on_these_clips_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of nobody are valence and the like known, by which the head's usual protocol chooses the epoch."""
    rows = [replace(row, span=(0, 9), vad=(float("nan"),) * 3) for row in people(60, categories=CATEGORIES[:4])]
    arrays = {name: spec.to_json() for name, spec in SPECS["body"][1].items()}
    about = {"granularity": "person", "trained": True, "arrays": arrays, "frames": FRAMES}
    make_store(tmp_path / "store", rows, features=[], infos=[{"feature": "body", "fingerprint": "1" * 16, **about}])
    places = ["--store", str(tmp_path / "store"), "--runs", str(tmp_path / "runs"), "--dataset", "demo", "--seeds", "1"]
    assert cli.main(["train", *places, "--head", "tsn_rgb"]) == 2
    error = capsys.readouterr().err
    assert "0 val people have valence, arousal and dominance" in error
    assert error.endswith(". On these people would do: PROTOCOL=multilabel or emotic-26 or single-label\n")
    quick = ["--set", "epochs=1 resamples=20 streams=B"]
    assert cli.main(["train", *places, "--head", "tsn_rgb", "--protocol", "multilabel", *quick]) == 0, "it does"
    capsys.readouterr()
    vectors = ["--head", "linear", "--protocol", "multilabel", "--set", "features=body/pooled"]
    assert cli.main(["train", *places, *vectors]) == 2
    shape = f"one row has shape ({FRAMES}, 6), {FRAMES} frames of a clip; a head takes vectors, (d,)"
    cure = "Take a head for clips, docs/heads.md: tsn_rgb"
    assert capsys.readouterr().err == f"error: body/pooled: {shape}. {cure}\n"
