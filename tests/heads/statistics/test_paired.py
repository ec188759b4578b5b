"""Two rows are paired where they were scored on the same people and supports, and nowhere else; UNTRAINED is said."""

import json
from pathlib import Path
from typing import Any

import pytest
from toy_features import make_store

from cache.errors import ConfigError, StoreError
from heads import cli
from heads.commands._grids import ablate
from heads.documents.summary import read_summary
from heads.experiments import finished
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.page import material, page
from heads.tables import summary as matrix_tables

QUICK: dict[str, Any] = {"epochs": 1, "episodes": 10, "validation_episodes": 5, "stream": 8, "embedding": 4}
PEOPLE, SHOTS = "not the same people", "not the same shots"
FOLDER = "x/cat-6-6"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Row 12 is of the class Esteem, which only cat-6:6 recognises: b_dml lacks one of its test people."""
    root = tmp_path_factory.mktemp("paired")
    store = make_store(
        root / "store", dataset="emotic", features=["image", "body"], missing={"body": [12]}, untrained=("image",)
    )
    place = Place(store, "emotic", root / "runs", seeds=2)
    settings: tuple[dict[str, Any], ...] = ({}, {"name": "two", "shots": 2})
    grid = Grid(heads=("i_dml", "b_dml", "random"), protocols=("cat-6:6", "cat-6:4"), settings=settings)
    ablate(place, grid.model_copy(update={"reference": "i_dml"}), QUICK, "x", lambda *_: None)
    return place.runs


def rows_of(runs: Path) -> dict[str, dict[str, Any]]:
    results = json.loads((runs / FOLDER / "results.json").read_text())
    return {row["name"]: row for row in results["rows"]}


def cells_of(runs: Path, protocol: str) -> dict[str, dict[str, Any]]:
    summary = read_summary(runs / "x")
    assert summary
    return {
        row["name"]: cell
        for table in summary["tables"]
        for row in table["rows"]
        for column, cell in zip(table["columns"], row["cells"], strict=True)
        if column["protocols"] == [protocol]
    }


def test_rows_of_other_people_or_shots_have_no_difference_and_say_why(runs: Path) -> None:
    rows = rows_of(runs)
    lost = {name: row["left_out"] for name, row in rows.items()}
    assert lost["i_dml"] == {"train": 0, "val": 0, "test": 0}
    assert lost["b_dml"] == {"train": 0, "val": 0, "test": 1}
    assert {name: row["unpaired"] for name, row in rows.items()} == {
        "i_dml": None,
        "i_dml-two": SHOTS,
        "b_dml": PEOPLE,
        "b_dml-two": PEOPLE,
        "random": None,
        "random-two": SHOTS,
    }
    assert [name for name, row in rows.items() if row["difference"]] == ["random"]
    means = {name: row["metrics"]["accuracy"]["mean"] for name, row in rows.items()}
    assert rows["random"]["difference"]["accuracy"]["mean"] == pytest.approx(means["random"] - means["i_dml"])


def test_the_papers_tables_pair_only_what_can_be(runs: Path) -> None:
    cells = cells_of(runs, "cat-6:6")
    assert {name for name, cell in cells.items() if "to_reference" in cell} == {"random"}
    assert {name: cell["unpaired"] for name, cell in cells.items() if "unpaired" in cell} == {
        "i_dml-two": SHOTS,
        "b_dml": PEOPLE,
        "b_dml-two": PEOPLE,
        "random-two": SHOTS,
    }
    assert {name for name, cell in cells_of(runs, "cat-6:4").items() if "to_reference" in cell} == {"random", "b_dml"}
    text = (runs / "x" / "table.md").read_text()
    assert f"- ({PEOPLE})" in text
    assert f"- ({SHOTS})" in text
    summary = read_summary(runs / "x")
    assert summary
    lines = matrix_tables.comma_separated(summary).splitlines()
    assert len([line for line in lines if line.endswith(f",{SHOTS}")]) == 5


def test_the_table_of_one_protocol_says_why_and_marks_an_untrained_reference(runs: Path) -> None:
    text = (runs / FOLDER / "table.md").read_text()
    lines = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    assert "| to i_dml (UNTRAINED: image) % [95 %] " in lines["head"]
    assert f"| - ({SHOTS}) " in lines["i_dml-two"]
    assert f"| - ({PEOPLE}) " in lines["b_dml"]
    assert "- (" not in lines["random"] + lines["i_dml"]


def test_the_pages_say_why_there_is_no_difference(runs: Path) -> None:
    tables = material.finished(runs / "x")
    own = material.Material("x", tables[runs / FOLDER])
    for text in (page.html(own), page.overview_html("x", tables, read_summary(runs / "x"))):
        assert PEOPLE in text
        assert SHOTS in text


def test_compare_refuses_what_is_not_paired(runs: Path) -> None:
    assert finished.compare(runs, f"{FOLDER}/i_dml", f"{FOLDER}/random")
    cure = r"Only rows over the same people and resamples can be paired"
    with pytest.raises(ConfigError, match=rf"^x/cat-6-6/i_dml and x/cat-6-6/b_dml: {PEOPLE}\. {cure}"):
        finished.compare(runs, f"{FOLDER}/i_dml", f"{FOLDER}/b_dml")
    with pytest.raises(ConfigError, match=r"i_dml has shots 1, x/cat-6-6/i_dml-two has shots 2"):
        finished.compare(runs, f"{FOLDER}/i_dml", f"{FOLDER}/i_dml-two")


def test_a_row_that_does_not_say_whom_it_was_scored_on_is_not_compared(runs: Path, tmp_path: Path) -> None:
    for name in ("i_dml", "random"):
        content = json.loads((runs / FOLDER / "cells" / f"{name}.json").read_text())
        del content["row"]["scored_on"]
        path = tmp_path / "old" / "cells" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=r"i_dml\.json: is not a finished row: row\.scored_on: Field required\. Train"):
        finished.compare(tmp_path, "old/i_dml", "old/random")


def test_people_and_supports_are_the_ones_that_were_scored(runs: Path) -> None:
    told = {name: row["scored_on"] for name, row in rows_of(runs).items()}
    assert told["i_dml"] == told["random"]
    assert told["i_dml"]["people"] != told["b_dml"]["people"]
    assert told["i_dml"]["people"] == told["i_dml-two"]["people"]
    assert told["i_dml"]["support"] != told["i_dml-two"]["support"]
    assert len({row["people"] for row in told.values()}) == 2


def test_a_comparison_and_a_difference_to_untrained_features_say_so(
    runs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = rows_of(runs)
    assert {name: rows[name]["untrained"] for name in ("i_dml", "b_dml", "random")} == {
        "i_dml": ["image"],
        "b_dml": [],
        "random": [],
    }
    words = ["compare", f"{FOLDER}/random", f"{FOLDER}/i_dml", "--runs", str(runs)]
    assert cli.main(words) == 0
    assert caplog.messages == ["UNTRAINED features: image. Numbers made from them are no results."]
    assert cli.main([*words[:1], f"{FOLDER}/random", f"{FOLDER}/random", *words[3:]]) == 0
    assert len(caplog.messages) == 1
    mark = "to i_dml (UNTRAINED: image)"
    assert (runs / "x" / "table.md").read_text().count(mark) >= 3
    tables = material.finished(runs / "x")
    assert mark in page.overview_html("x", tables, read_summary(runs / "x"))
    own = page.html(material.Material("x", tables[runs / FOLDER]))
    assert "i_dml (UNTRAINED: image) [95" in own


def test_pictures_mark_the_heads_of_untrained_features(runs: Path) -> None:
    tables = material.finished(runs / "x")
    own = page.html(material.Material("x", tables[runs / FOLDER]))
    for text in (own, page.overview_html("x", tables, read_summary(runs / "x"))):
        assert ">i_dml *</text>" in text
        assert ">random</text>" in text
        assert "i_dml, UNTRAINED: " in text
        assert "features in i_dml, i_dml-two (marked *)" in text


def test_pairing_needs_every_part_to_be_equal() -> None:
    from heads.statistics.comparison import unpaired

    one: dict[str, Any] = {
        "seeds": 2,
        "scored_on": {"people": "a", "shots": 1, "support": "b"},
    }
    assert unpaired(one, one) is None
    assert unpaired(one, one | {"scored_on": one["scored_on"] | {"people": "c"}}) == PEOPLE
    assert unpaired(one, one | {"scored_on": one["scored_on"] | {"shots": 2}}) == SHOTS
    assert unpaired(one, one | {"scored_on": one["scored_on"] | {"support": "c"}}) == "not the same support"
    assert unpaired(one, one | {"scored_on": {"people": "a", "shots": 1}}) == "not the same support"
    assert unpaired(one | {"scored_on": {"people": "a", "shots": 1}}, one) == "not the same support"
    assert unpaired(one, one | {"seeds": 3}) == "not the same seeds"
