"""The papers' tables out of a grid: paper, ours and difference by hand; what is missing says so in its cell."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_features import make_store, people

from cache.errors import StoreError, TooLittleData
from heads import cli
from heads.commands._grids import ablate
from heads.documents.summary import read_summary
from heads.experiments import runs
from heads.experiments.grid import Grid, read_grid
from heads.experiments.place import Place
from heads.statistics.interval import SHARE, two_way_interval
from heads.tables import summary as matrix_tables

QUICK: dict[str, Any] = {"epochs": 1, "episodes": 10}
LEVELS = ("lev-7:3-valence", "lev-7:3-arousal", "lev-7:3-dominance")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("matrix")
    store = make_store(root / "store", dataset="emotic", features=["image", "body", "sem2vec"], untrained=("body",))
    place = Place(store, "emotic", root / "runs", seeds=2)
    settings: tuple[dict[str, Any], ...] = ({}, {"name": "resnet50", "image": "image50"}, {"name": "many", "shots": 4})
    heads = ("random", "i_dml", "sem_b_dml", "ib_dml", "ib_dml_places")
    grid = Grid(heads=heads, protocols=("cat-6:6", *LEVELS), settings=settings, reference="i_dml")
    ablate(place, grid, QUICK, "all", lambda *_: None)
    return place


@pytest.fixture(scope="module")
def summary(place: Place) -> dict[str, Any]:
    found = read_summary(place.runs / "all")
    assert found
    return found


def cell_of(summary: dict[str, Any], title: str, row: str, column: str) -> dict[str, Any]:
    table = next(one for one in summary["tables"] if one["title"] == title)
    place = [one["name"] for one in table["columns"]].index(column)
    found: dict[str, Any] = next(one for one in table["rows"] if one["name"] == row)["cells"][place]
    return found


def stored(place: Place, protocol: str, row: str) -> np.ndarray:
    """(S, E) accuracies from the cell's file."""
    content = json.loads((place.runs / "all" / runs.slug(protocol) / "cells" / f"{row}.json").read_text())["scores"]
    return np.array(content["accuracy"]["resampled"])


def test_a_cell_is_the_papers_number_ours_and_what_lies_between(place: Place, summary: dict[str, Any]) -> None:
    found = cell_of(summary, "Affect-DML, Table II", "ib_dml", "cat-6:6")
    ours = stored(place, "cat-6:6", "ib_dml")
    low, high = two_way_interval(ours, SHARE)
    assert found["paper"] == 0.2102
    assert found["metrics"]["accuracy"]["mean"] == pytest.approx(ours.mean())
    assert found["metrics"]["accuracy"]["ci95"] == pytest.approx([low, high])
    assert found["difference"]["mean"] == pytest.approx(ours.mean() - 0.2102)
    assert found["difference"]["ci95"] == pytest.approx([low - 0.2102, high - 0.2102])
    apart = ours - stored(place, "cat-6:6", "i_dml")
    assert found["to_reference"]["mean"] == pytest.approx(apart.mean())
    assert found["to_reference"]["ci95"] == pytest.approx(two_way_interval(apart))
    assert found["untrained"] == ["body"]


def test_an_average_is_over_the_columns_and_has_the_printed_average_beside_it(
    place: Place, summary: dict[str, Any]
) -> None:
    found = cell_of(summary, "Affect-DML, Table III", "ib_dml", "lev-7:3 average")
    ours = np.mean([stored(place, name, "ib_dml") for name in LEVELS], axis=0)
    assert found["paper"] == 0.5198
    assert found["metrics"]["accuracy"]["mean"] == pytest.approx(ours.mean())
    assert found["metrics"]["accuracy"]["ci95"] == pytest.approx(two_way_interval(ours, SHARE))


def test_rows_stand_in_the_tables_that_are_about_them(summary: dict[str, Any]) -> None:
    rows = {table["title"]: [row["name"] for row in table["rows"]] for table in summary["tables"]}
    ours = ["random", "i_dml", "sem_b_dml", "ib_dml", "ib_dml_places"]
    assert rows["Affect-DML, Table II"] == rows["Affect-DML, Table III"] == ours
    assert [name for name in rows["Rows beyond the papers' tables"] if "many" in name] == [
        f"{name}-many" for name in ours
    ]
    columns = {table["title"]: [one["name"] for one in table["columns"]] for table in summary["tables"]}
    assert columns["Affect-DML, Table III"] == [*LEVELS, "lev-7:3 average"]


def test_what_is_missing_untrained_or_too_little_says_so_in_its_cell(place: Place, summary: dict[str, Any]) -> None:
    places = cell_of(summary, "Affect-DML, Table II", "ib_dml_places", "cat-6:6")
    assert places == {"paper": 0.242, "reason": "features missing: scene"}
    text = (place.runs / "all" / "table.md").read_text()
    assert "UNTRAINED: body" in next(line for line in text.split("| ib_dml ")[1].splitlines() if "| ours" in line)
    assert 'features missing: scene. Run make extract DATASET=emotic STAGES="scene".' in text
    assert "UNTRAINED features in these tables: body. Numbers made from them are no results." in text
    assert "Not trained: ib_dml_places: features missing: scene. Run make extract" in (
        (place.runs / "all" / "cat-6-6" / "table.md").read_text()
    )


def test_a_protocol_with_too_few_people_does_not_stop_the_others(tmp_path: Path) -> None:
    rows = [row for row in people() if "Embarrassment" not in row.categories]
    place = Place(make_store(tmp_path / "store", rows, "emotic"), "emotic", tmp_path / "runs", seeds=1)
    grid = Grid(heads=("random", "i_dml"), protocols=("cat-6:6", *LEVELS))
    found = ablate(place, grid, QUICK, "few", lambda *_: None)
    assert found.summary
    assert cell_of(found.summary, "Affect-DML, Table II", "i_dml", "cat-6:6")["reason"] == "too little data"
    assert "accuracy" in cell_of(found.summary, "Affect-DML, Table III", "i_dml", LEVELS[0])["metrics"]
    told = "cat-6:6: random, i_dml: emotic cat-6:6: unseen class Embarrassment has 0"
    assert told in matrix_tables.markdown(found.summary)
    with pytest.raises(TooLittleData, match="unseen class Embarrassment has 0 people"):
        ablate(place, Grid(heads=("i_dml",), protocols=("cat-6:6",)), QUICK, "none", lambda *_: None)


def test_nothing_that_can_be_trained_is_an_error(place: Place) -> None:
    with pytest.raises(StoreError, match=r"kosti: features missing: scene\. Run make extract DATASET=emotic"):
        ablate(place, Grid(heads=("kosti",), protocols=("cat-6:6",)), {}, "none", lambda *_: None)


def test_text_csv_and_latex_hold_the_same_numbers(place: Place, summary: dict[str, Any]) -> None:
    folder = place.runs / "all"
    found = cell_of(summary, "Affect-DML, Table III", "i_dml", "lev-7:3 average")
    low, high = found["metrics"]["accuracy"]["ci95"]
    shown = f"{100 * found['metrics']['accuracy']['mean']:.2f} [{100 * low:.2f}, {100 * high:.2f}]"
    for suffix in ("md", "tex"):
        assert shown in re.sub(r"\\textbf\{(.*?)\}", r"\1", (folder / f"table.{suffix}").read_text())
    lines = list(csv.DictReader(io.StringIO((folder / "table.csv").read_text())))
    line = next(one for one in lines if (one["head"], one["column"]) == ("i_dml", "lev-7:3 average"))
    assert float(line["accuracy_low"]) == low
    assert float(line["difference"]) == found["difference"]["mean"]
    assert len(lines) == sum(len(table["rows"]) * len(table["columns"]) for table in summary["tables"])
    for table in re.findall(r"\\toprule\n(.*?)\\bottomrule", (folder / "table.tex").read_text(), flags=re.S):
        assert len({one.count(" & ") for one in table.splitlines() if one.endswith(r"\\")}) == 1


def test_chance_and_largest_class_close_every_table(place: Place, summary: dict[str, Any]) -> None:
    text = (place.runs / "all" / "table.md").read_text()
    people_of = summary["protocols"]["cat-6:6"]["people"]["test"]
    largest = 100 * max(people_of.values()) / sum(people_of.values())
    assert re.search(r"\| \(chance\) +\| +\| 16.67 ", text)
    assert re.search(rf"\| \(largest class\) +\| +\| {largest:.2f} ", text)


def test_the_papers_grid_covers_every_published_number() -> None:
    from heads.documents import papers

    grid = read_grid("affect_dml")
    for table in papers.read().tables:
        assert set(table.protocols) == set(grid.protocols) or set(table.protocols) < set(grid.protocols)
        assert set(table.heads) <= set(grid.heads)
    assert "sem_b_dml" in grid.heads


def test_the_command_prints_the_tables_and_says_what_it_reused(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('heads = ["random", "kosti"]\nprotocols = ["cat-6:6", "cat-6:4"]\n')
    words = ["ablate", "--grid", str(path), "--store", str(place.store.root), "--runs", str(tmp_path), "--seeds", "1"]
    words += ["--dataset", "emotic"]
    assert cli.main([*words, "--threads", "1"]) == 0
    first = capsys.readouterr().out
    assert cli.main([*words, "--threads", "1"]) == 0
    second = capsys.readouterr().out
    assert "features missing: scene" in first
    assert second == first + "reused 2 of 2 cells, which were finished before\n"
    assert len(list(tmp_path.glob("emotic-mine-????????-seeds=1/summary.json"))) == 1


def test_a_checkpoint_of_a_grid_is_found_by_its_protocol(place: Place) -> None:
    found = runs.checkpoint(place.runs, "emotic", "lev-7:3-arousal", "i_dml", "all")
    assert found == place.runs / "all" / "lev-7-3-arousal" / "i_dml.safetensors"
