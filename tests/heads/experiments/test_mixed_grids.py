"""Grids over protocols of two kinds: each gets what is its own, and says what it cannot have."""

import json
from pathlib import Path
from typing import Any

import pytest
from toy_features import make_store, people

from cache.store import Store
from heads.cli import main
from heads.commands._grids import Outcome, ablate
from heads.documents.results import read
from heads.documents.summary import OTHER, read_summary
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.page import grid as page_grid
from heads.page import material, page

QUICK = {"epochs": 1, "batch": 16, "per_class": 0}
BOTH = ("cat-6:6", "single-label")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("mixed") / "store", people(400))


def run(store: Store, folder: Path, overrides: dict[str, Any] | None = None, **grid: Any) -> Outcome:
    place = Place(store, "demo", folder, seeds=2)
    made = Grid(**{"heads": ("mlp",), "protocols": BOTH, **grid})
    return ablate(place, made, QUICK | (overrides or {}), "mixed", lambda *_: None)


def test_a_setting_goes_to_the_protocols_that_have_it(store: Store, tmp_path: Path) -> None:
    found = run(store, tmp_path, {"episodes": 7, "validation_episodes": 3, "resamples": 11})
    one, other = (read(tmp_path / "mixed" / name)["rows"][0]["settings"] for name in ("cat-6-6", "single-label"))
    assert (one["episodes"], other["resamples"]) == (7, 11)
    assert "resamples" not in one
    assert "episodes" not in other
    assert found.wanted == 2


def test_a_head_that_does_not_fit_one_protocol_says_so_in_its_cell(store: Store, tmp_path: Path) -> None:
    found = run(store, tmp_path, {"episodes": 5, "resamples": 5}, heads=("linear", "mlp"))
    assert found.summary is not None
    absent = found.summary["protocols"]["cat-6:6"]["absent"]
    assert [(one["name"], one["reason"]) for one in absent] == [("linear", "does not fit the protocol")]
    assert "head linear: gives dimensions, logits; protocol cat-6:6 judges by embedding" in absent[0]["error"]
    assert found.summary["protocols"]["single-label"]["absent"] == []


def of_order(store: Store, dataset: str, folder: Path, order: tuple[str, ...]) -> dict[str, Any]:
    """The summary's tables of a grid of one head, by title."""
    few = {"epochs": 1, "episodes": 5, "validation_episodes": 3, "resamples": 5}
    place = Place(store, dataset, folder, seeds=1)
    found = ablate(place, Grid(heads=("ib_dml",), protocols=order), few, "mixed", lambda *_: None)
    assert found.summary is not None
    return {table["title"]: table for table in found.summary["tables"]}


@pytest.mark.parametrize("order", [BOTH, BOTH[::-1]])
def test_the_papers_tables_are_there_whatever_the_order(tmp_path: Path, order: tuple[str, ...]) -> None:
    found = of_order(make_store(tmp_path / "store", people(400), "emotic"), "emotic", tmp_path, order)
    (row,) = found["Affect-DML, Table II"]["rows"]
    assert row["cells"][0]["paper"] == 0.2102


def test_elsewhere_the_papers_tables_have_no_number_of_the_papers(store: Store, tmp_path: Path) -> None:
    found = of_order(store, "demo", tmp_path, BOTH)
    table = found["As in Affect-DML, Table II"]
    assert (table["dataset"], table["remark"]) == (None, "")
    (row,) = table["rows"]
    assert row["cells"][0]["paper"] is None
    assert "difference" not in row["cells"][0]
    root = tmp_path / "mixed"
    tables = material.finished(root)
    shown = [path.read_text() for path in root.rglob("table.*")]
    shown += [
        page.overview_html("mixed", tables, whole).partition("</style>")[2] for whole in (read_summary(root), None)
    ]
    assert len(shown) == 3 * 3 + 2
    for text in shown:
        told = text.lower().replace("rows beyond the papers' tables", "").replace("for the papers' tables", "")
        told = told.replace("not as in the paper:", "")
        assert not any(word in told for word in ("paper %", "paper:", ">paper<", "21.02", "ours minus", "diamond")), (
            told
        )
    assert read(root / "cat-6-6")["rows"][0]["paper"] is None


def test_rows_of_one_table_have_the_same_metrics(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        """heads = ["linear"]
protocols = ["single-label"]
[[settings]]
name = "a"
metrics = ["accuracy", "macro_f1"]
[[settings]]
name = "b"
metrics = ["macro_accuracy"]
"""
    )
    words = ["ablate", "--grid", str(path), "--store", str(store.root), "--runs", str(tmp_path / "runs")]
    assert main(words) == 2
    told = (
        "rows of one table have the same metrics, these have not: linear-a accuracy, macro_f1; linear-b macro_accuracy"
    )
    assert told in capsys.readouterr().err


def test_chance_is_that_of_the_main_metric(store: Store, tmp_path: Path) -> None:
    found = run(store, tmp_path, {"metrics": ["macro_f1", "accuracy"], "episodes": 5, "resamples": 5})
    assert found.summary is not None
    about = found.summary["protocols"]["single-label"]
    chance = next(one["values"] for one in about["levels"] if one["name"] == "chance")
    assert about["metric"] == "macro_f1"
    assert chance["macro_f1"] != chance["accuracy"]
    metrics = {one["name"]: one for one in found.summary["metrics"]}
    assert page_grid._shares(about, ["chance"], metrics) == [f"{100 * chance['macro_f1']:.2f} %"]
    without = {"levels": [{"title": "chance", "values": {}}], "metric": "accuracy"}
    assert page_grid._shares(without, ["chance"], metrics) == [""]


def test_rows_without_a_common_metric_cannot_be_compared(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--store", str(store.root), "--runs", str(tmp_path), "--seeds", "1"]
    for name, metric in (("one", "accuracy"), ("two", "macro_f1")):
        words = ["train", "--head", "linear", *where, "--name", name, "--set", f"epochs=1 resamples=5 metrics={metric}"]
        assert main(words) == 0
    assert main(["compare", "--runs", str(tmp_path), "one/linear", "two/linear"]) == 2
    assert "one/linear has accuracy, two/linear has macro_f1: no metric in common" in capsys.readouterr().err


def test_every_row_says_what_its_epochs_were_judged_by(store: Store, tmp_path: Path) -> None:
    settings = ({"name": "a", "chosen_by": "accuracy"}, {"name": "b", "chosen_by": "macro_f1"})
    run(store, tmp_path, {"resamples": 5}, heads=("linear",), protocols=("single-label",), settings=settings)
    rows = json.loads((tmp_path / "mixed" / "results.json").read_text())["rows"]
    assert [row["judged_by"] for row in rows] == ["accuracy %", "macro F1 %"]


def test_numbers_by_category_stand_beside_rows_of_a_grid_of_several_protocols(tmp_path: Path) -> None:
    where = make_store(tmp_path / "store", people(400), "emotic", features=["image", "body", "scene"])
    grid = Grid(heads=("kosti",), protocols=("cat-6:6", "emotic-26"), settings=({"dimensions_weight": 0},))
    place = Place(where, "emotic", tmp_path, seeds=1)
    found = ablate(place, grid, {"epochs": 1, "episodes": 5, "resamples": 5}, "mixed", lambda *_: None).summary
    assert found
    (table,) = (one for one in found["tables"] if one["title"] == OTHER)
    cell = table["rows"][0]["cells"][[one["name"] for one in table["columns"]].index("emotic-26")]
    assert cell["paper"] == 0.2268
    assert cell["difference"]["mean"] == pytest.approx(cell["metrics"]["map"]["mean"] - 0.2268)
    assert (read_summary(tmp_path / "mixed") or {})["tables"] == found["tables"]
    text = (tmp_path / "mixed" / "table.md").read_text()
    assert "Paper: Relational, Table 1, measured on emotic (PAMI'19, test), backbones trained" in text
