"""results.json as the contract says; tables that say UNTRAINED, and print again as they were."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from one_shot_mappings import OURS
from toy_features import make_store

from cache.errors import StoreError
from heads.commands._grids import ablate
from heads.documents import results as report
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.protocols._one_shot import counts
from heads.tables import results as tables
from heads.text import escaped

QUICK = {"epochs": 1, "episodes": 10, "validation_episodes": 5}
SMALL = {"stream": 8, "fusion": 8, "embedding": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("grid")
    store = make_store(root / "store", dataset="emotic", missing={"body": [3]}, untrained=("body", "pose"))
    place = Place(store, "emotic", root / "runs", seeds=2)
    grid = Grid(heads=("random", "i_dml", "ib_dml"), protocols=("cat-6:6",), reference="i_dml")
    ablate(place, grid, QUICK, "demo", lambda *_: None)
    return root / "runs" / "demo"


def test_results_hold_the_contract(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    assert (results["dataset"], results["protocol"]) == ("emotic", "cat-6:6")
    assert (results["kind"], results["over"]) == ("one_shot", "support draws")
    assert all(row["judged_by"].startswith("macro accuracy %") for row in results["rows"])
    assert [(one["name"], one["title"]) for one in results["metrics"]] == [
        ("accuracy", "accuracy"),
        ("macro_accuracy", "macro accuracy"),
    ]
    assert all((one["unit"], one["scale"], one["better"]) == ("%", 100, "higher") for one in results["metrics"])
    tested = results["people"]["test"]
    chance, largest = results["levels"]
    assert (chance["name"], chance["title"]) == ("chance", "chance")
    assert chance["values"] == {"accuracy": pytest.approx(1 / 6), "macro_accuracy": pytest.approx(1 / 6)}
    assert (largest["name"], largest["title"]) == ("largest_class", "largest class")
    assert largest["values"] == {"accuracy": pytest.approx(max(tested.values()) / sum(tested.values()))}
    assert (results["chance"], results["largest_class"]) == (1 / 6, largest["values"]["accuracy"])
    assert results["about"] == f"mapping {OURS.version}"
    assert results["caption"] == "test people of classes never trained on"
    assert [(one["name"], one["trained"], one["used"]) for one in results["features"]] == [
        ("body", False, True),
        ("image", True, True),
        ("pose", False, False),
        ("sem2vec", True, False),
    ]
    assert all(len(one["fingerprint"]) == 16 for one in results["features"])
    for row in results["rows"]:
        assert {"head", "seeds", "parameters", "seconds", "metrics", "paper"} <= set(row)
        for score in row["metrics"].values():
            assert set(score) == {"mean", "std", "ci95", "values"}
            assert len(score["values"]) == row["seeds"] == 2
    assert [row["paper"]["accuracy"] for row in results["rows"]] == [0.1678, 0.1784, 0.2102]
    assert {row["paper"]["source"] for row in results["rows"]} == {"Affect-DML, Table II"}


def test_what_a_head_approximates_is_said_in_its_row_and_below_the_table(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    frozen = "frozen backbones for fine-tuned ones"
    assert [row.get("approximates") for row in results["rows"]] == [None, [frozen], [frozen]]
    assert f"Not as in the paper: {frozen}: i_dml, ib_dml." in tables.notes(results)


def test_every_file_of_a_run_is_written(folder: Path) -> None:
    names = {"random", "i_dml", "ib_dml"}
    files = {f"{name}.safetensors" for name in names} | {"results.json", "table.md", "table.csv", "table.tex", "cells"}
    assert {path.name for path in folder.iterdir()} == files
    assert {path.name for path in (folder / "cells").iterdir()} == {f"{name}.json" for name in names}


def test_the_table_marks_untrained_features_in_rows_and_below(folder: Path) -> None:
    text = (folder / "table.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| ib_dml"))
    assert "body (UNTRAINED), image " in row
    assert "UNTRAINED" not in next(line for line in text.splitlines() if line.startswith("| i_dml"))
    assert "UNTRAINED features in this table: body." in text
    assert "People left out because a feature is missing: ib_dml 1." in text
    assert "| 16.67 " in row
    assert "| 21.02 " in row


def test_markdown_columns_line_up(folder: Path) -> None:
    lines = [line for line in (folder / "table.md").read_text().splitlines() if line.startswith("|")]
    assert len({tuple(i for i, sign in enumerate(line) if sign == "|") for line in lines}) == 1


def test_csv_and_latex_hold_the_same_numbers(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    rows = list(csv.DictReader(io.StringIO((folder / "table.csv").read_text())))
    for row, expected in zip(rows, results["rows"], strict=True):
        assert float(row["accuracy"]) == expected["metrics"]["accuracy"]["mean"]
        assert float(row["macro_accuracy_low"]) == expected["metrics"]["macro_accuracy"]["ci95"][0]
        assert row["untrained_features"] == ("body" if expected["head"] == "ib_dml" else "")
    tex = (folder / "table.tex").read_text()
    body = tex.split(r"\midrule")[1].split(r"\bottomrule")[0]
    assert body.count(r"\\") == 3
    assert all(line.count(" & ") == len(tables.columns(results)) - 1 for line in body.strip().splitlines())
    assert r"ib\_dml" in body
    assert "%" not in tex.replace(r"\%", "")


def test_a_table_can_be_printed_again(folder: Path) -> None:
    assert tables.markdown(report.read(folder)) == (folder / "table.md").read_text()
    with pytest.raises(StoreError, match=r"no such run\. Runs there are: demo\."):
        report.read(folder.parent / "other")


def test_the_published_test_list_is_shown_beside_our_counts_on_its_own_dataset(tmp_path: Path, folder: Path) -> None:
    store = make_store(tmp_path / "store", dataset="emotic")
    place = Place(store, "emotic", tmp_path / "runs", seeds=1)
    ablate(place, Grid(heads=("random",), protocols=("cat-6:6",)), {}, "one", lambda *_: None)
    line = "Affect-DML, published test list: Disconnection 2272, Engagement 5148, Sensitivity 668, Embarrassment 454, "
    assert line + "Esteem 2182, Yearning 1410." in (tmp_path / "runs" / "one" / "table.md").read_text()
    elsewhere = make_store(tmp_path / "elsewhere")
    ablate(
        Place(elsewhere, "demo", tmp_path / "runs", seeds=1),
        Grid(heads=("random",), protocols=("cat-6:6",)),
        {},
        "two",
        lambda *_: None,
    )
    assert "published test list" not in (tmp_path / "runs" / "two" / "table.md").read_text()
    (published,) = counts.published("emotic", "cat-6:6")
    assert sum(published.test.values()) == 12_134


def test_several_settings_and_protocols_have_rows_and_folders_of_their_own(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    place = Place(store, "demo", tmp_path / "runs", seeds=1)
    settings: tuple[dict[str, Any], ...] = ({"margin": 0.1}, {"margin": 0.4})
    grid = Grid(heads=("i_dml",), protocols=("cat-6:6", "cat-6:4"), settings=settings)
    found = ablate(place, grid, QUICK | SMALL, "mine", lambda *_: None).tables
    assert [str(path.relative_to(tmp_path)) for path in found] == ["runs/mine/cat-6-6", "runs/mine/cat-6-4"]
    for results in found.values():
        assert [row["name"] for row in results["rows"]] == ["i_dml-1", "i_dml-2"]
        assert [row["settings"]["margin"] for row in results["rows"]] == [0.1, 0.4]


def test_rows_are_compared_with_the_reference_over_the_same_episodes(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    random, image, both = (row["difference"] for row in results["rows"])
    assert (results["reference"], image) == ("i_dml", None)
    means = [row["metrics"]["accuracy"]["mean"] for row in results["rows"]]
    for mean, apart in ((means[0], random), (means[2], both)):
        assert apart["to"] == "i_dml"
        assert apart["accuracy"]["mean"] == pytest.approx(mean - means[1])
        assert apart["accuracy"]["ci95"][0] <= apart["accuracy"]["mean"] <= apart["accuracy"]["ci95"][1]
    assert "| to i_dml % [95 %] " in (folder / "table.md").read_text()


@pytest.mark.parametrize(
    ("seeds", "expected"), [(1, "1 seed, 95 % intervals over support draws alone."), (2, "2 seeds")]
)
def test_notes_say_what_the_intervals_are_over(folder: Path, seeds: int, expected: str) -> None:
    results = report.read(folder)
    text = "\n".join(tables.notes(results | {"rows": [row | {"seeds": seeds} for row in results["rows"]]}))
    assert expected in text
    assert text.count("over seeds and support draws") == (2 if seeds > 1 else 0)
    assert f"paired over {'seeds and support draws' if seeds > 1 else 'support draws alone'}." in text


def test_latex_prints_every_sign_of_a_name() -> None:
    shown = {
        "a_b": r"a\_b",
        "50 %": r"50 \%",
        "C:\\x": r"C:\textbackslash{}x",
        "x^2": r"x\textasciicircum{}2",
        "~me": r"\textasciitilde{}me",
        "{&$#}": r"\{\&\$\#\}",
    }
    assert {text: escaped(text) for text in shown} == shown
