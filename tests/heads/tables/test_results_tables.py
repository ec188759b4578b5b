"""results.json as the contract says; tables that say UNTRAINED; the papers' numbers."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from toy_features import make_store

from cache import plugins
from cache.errors import ConfigError, StoreError, UnknownName
from heads.commands._grids import ablate
from heads.documents import papers
from heads.documents import results as report
from heads.experiments.grid import Grid, cell, cells, read_grid
from heads.experiments.place import Place
from heads.experiments.runs import slug
from heads.protocol import find
from heads.tables import results as tables

QUICK = {"epochs": 1, "episodes": 10, "validation_episodes": 5}
SMALL = {"stream": 8, "fusion": 8, "embedding": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("grid")
    store = make_store(root / "store", missing={"body": [3]}, untrained=("body", "pose"))
    place = Place(store, "demo", root / "runs", seeds=2)
    grid = Grid(heads=("random", "i_dml", "ib_dml"), protocols=("cat-6:6",), reference="i_dml")
    ablate(place, grid, QUICK, "demo", lambda *_: None)
    return root / "runs" / "demo"


def test_results_hold_the_contract(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    assert (results["dataset"], results["protocol"]) == ("demo", "cat-6:6")
    assert results["chance"] == pytest.approx(1 / 6)
    tested = results["people"]["test"]
    assert results["largest_class"] == pytest.approx(max(tested.values()) / sum(tested.values()))
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
    assert all(line.count(" & ") == len(tables.COLUMNS) for line in body.strip().splitlines())
    assert r"ib\_dml" in body
    assert "%" not in tex.replace(r"\%", "")


def test_a_table_can_be_printed_again(folder: Path) -> None:
    assert tables.markdown(report.read(folder)) == (folder / "table.md").read_text()
    with pytest.raises(StoreError, match=r"no such run\. Runs there are: demo\."):
        report.read(folder.parent / "other")


@pytest.mark.parametrize(
    ("head", "protocol", "value", "source"),
    [
        ("sem_ib_dml", "cat-6:6", 0.3376, "Affect-DML, Table II"),
        ("sem_ib_dml", "cat-6:4", 0.3626, "Affect-DML, Table II"),
        ("sem_ib_dml", "lev-7:3-valence", 0.5236, "Affect-DML, Table III"),
        ("sem_i_dml", "lev-6:4-dominance", 0.6529, "Affect-DML, Table III"),
        ("random", "lev-6:4-valence", 0.0762, "Affect-DML, Table III"),
    ],
)
def test_published_numbers_are_those_of_the_paper(head: str, protocol: str, value: float, source: str) -> None:
    settings = cell(head, find(protocol), {}).settings
    found = papers.published(papers.read(), head, protocol, settings)
    assert found == {"accuracy": value, "source": source, "dataset": "emotic"}


def test_published_averages_follow_from_the_columns() -> None:
    level = papers.read().tables[1]
    for average in level.averages:
        assert set(average.heads) == set(level.heads)
        for head, printed in average.heads.items():
            parts = [100 * (level.value(head, name) or 0) for name in average.protocols]
            misprinted = {("kosti", "lev-6:4 average"): 33.19, ("sem_ib_dml", "lev-7:3 average"): 54.69}
            assert sum(parts) / 3 == pytest.approx(misprinted.get((head, average.name), printed), abs=0.02)
    assert all(len(values) == len(one.protocols) for one in papers.read().tables for values in one.heads.values())


def test_the_published_test_list_is_shown_beside_our_counts_on_its_own_dataset(tmp_path: Path, folder: Path) -> None:
    store = make_store(tmp_path / "store", dataset="emotic")
    place = Place(store, "emotic", tmp_path / "runs", seeds=1)
    ablate(place, Grid(heads=("random",), protocols=("cat-6:6",)), {}, "one", lambda *_: None)
    line = "Affect-DML, published test list: Disconnection 2272, Engagement 5148, Sensitivity 668, Embarrassment 454, "
    assert line + "Esteem 2182, Yearning 1410." in (tmp_path / "runs" / "one" / "table.md").read_text()
    assert "published test list" not in (folder / "table.md").read_text()
    assert sum(papers.read().people[0].test.values()) == 12_134


METHOD: list[dict[str, Any]] = [
    *({"shots": 5}, {"rule": "linear"}, {"support_norm": "centre"}, {"extra": "scene/scores"}, {"image": "image50"}),
    *({"loss": "arcface", "miner": "none"}, {"loss": "contrastive"}, {"miner": "none"}, {"margin": 0.4}),
    *({"metric_weight": 0, "class_weight": 0, "embedding": 8}, {"metric_weight": 0}, {"class_weight": 1}),
    *({"stream": 8}, {"fusion": 8}, {"embedding": 8}, {"activation": "relu"}, {"standardise": False}),
    *({"epsilon": 0.2}, {"batch": 64}, {"per_class": 8}),
    *({"semantic": "area"}, {"semantic_hidden": 8}, {"sem2vec": "other"}, {"body": "body50"}),
]


@pytest.mark.parametrize("values", METHOD)
def test_nothing_is_published_of_another_method(values: dict[str, Any]) -> None:
    settings = cell("sem_ib_dml", find("cat-6:6"), values).settings
    assert papers.published(papers.read(), "sem_ib_dml", "cat-6:6", settings) is None
    assert not any(table.about(settings) for table in papers.read().tables)


@pytest.mark.parametrize("values", [{"fusion": 512}, {"standardise": False}, {"scene": "image"}])
def test_nothing_is_published_of_a_baseline_that_is_changed(values: dict[str, Any]) -> None:
    known = papers.read()
    assert papers.published(known, "kosti", "cat-6:6", cell("kosti", find("cat-6:6"), {}).settings)
    assert papers.published(known, "kosti", "cat-6:6", cell("kosti", find("cat-6:6"), values).settings) is None


@pytest.mark.parametrize("head", ["random", "kosti", "i_dml", "sem_ib_dml"])
def test_the_pace_of_training_and_the_number_of_draws_are_not_the_method(head: str) -> None:
    pace = {"lr": 1e-3, "step": 2, "gamma": 0.5, "epochs": 3, "patience": 0}
    draws = {"episodes": 1000, "validation_episodes": 5}
    for protocol in ("cat-6:6", "lev-6:4-arousal"):
        own, other = (cell(head, find(protocol), values).settings for values in ({}, pace | draws))
        found = papers.published(papers.read(), head, protocol, other)
        assert found is not None
        assert found == papers.published(papers.read(), head, protocol, own)


def test_nothing_is_published_of_another_protocol() -> None:
    settings = cell("sem_ib_dml", find("cat-6:6"), {}).settings
    assert papers.published(papers.read(), "sem_ib_dml", "cat-9:9", settings) is None


def test_the_settings_of_a_head_tell_which_head_it_is() -> None:
    heads = [sorted(cell(head, find("cat-6:6"), {}).settings) for head in plugins.names("heads.models")]
    assert len({tuple(names) for names in heads}) == len(heads)


def test_the_own_config_of_the_full_model_is_what_the_paper_says() -> None:
    """Affect-DML, sections III-C, III-D and IV-A; margin, epsilon, per_class and the fusion of the public code."""
    losses: dict[str, Any] = {"loss": "triplet", "margin": 0.2, "metric_weight": 0.5, "class_weight": 0.5}
    miner = {"miner": "multi_similarity", "epsilon": 0.1, "batch": 32, "per_class": 4}
    pace = {"lr": 3.5e-4, "step": 4, "gamma": 0.1}
    network = {"semantic": "presence", "semantic_hidden": 256, "stream": 512, "fusion": 512, "embedding": 128}
    inference = {"shots": 1, "rule": "nearest", "support_norm": "none", "extra": []}
    said = losses | miner | pace | network | inference
    settings = cell("sem_ib_dml", find("cat-6:6"), {}).settings
    assert {key: settings[key] for key in said} == said


def test_resnet_50_has_the_numbers_of_table_iv() -> None:
    settings = cell("sem_ib_dml", find("cat-6:6"), {"image": "image50", "body": "body50/pooled"}).settings
    found = papers.published(papers.read(), "sem_ib_dml", "cat-6:6", settings)
    assert found == {"accuracy": 0.358, "source": "Affect-DML, Table IV, ResNet-50", "dataset": "emotic"}


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


def test_protocols_can_have_their_own_settings() -> None:
    rates = [cell("sem_ib_dml", find(name), {}).recipe.lr for name in ("cat-6:6", "lev-7:3-arousal", "lev-6:4-arousal")]
    assert rates == [3.5e-4, 3.5e-4, 3.5e-6]
    assert cell("sem_ib_dml", find("lev-6:4-arousal"), {"lr": 1e-3}).recipe.lr == 1e-3


def test_a_setting_goes_to_the_heads_that_have_it() -> None:
    random, image = cells(
        Grid(heads=("random", "i_dml"), protocols=("cat-6:6",)), "cat-6:6", {"margin": 0.4, "shots": 2}
    )
    assert not hasattr(random.recipe, "margin")
    assert image.recipe.model_dump()["margin"] == 0.4
    assert random.recipe.shots == image.recipe.shots == 2


def test_tables_of_settings_have_names_and_a_row_they_do_not_change_stands_once() -> None:
    settings: tuple[dict[str, Any], ...] = ({}, {"name": "wide", "image": "image50"}, {"name": "many", "shots": 5})
    found = cells(Grid(heads=("random", "i_dml"), protocols=("cat-6:6",), settings=settings), find("cat-6:6"), {})
    assert [one.name for one in found] == ["random", "random-many", "i_dml", "i_dml-wide", "i_dml-many"]
    assert found[3].inputs == ("image50/pooled",)
    assert found[1].recipe.shots == 5


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        ({"reference": "ib_dml"}, "no row for reference in the grid: 'ib_dml'. Did you mean 'i_dml'?"),
        ({"settings": ({"name": "a"}, {"name": "a", "shots": 2})}, "grid: two rows are called i_dml-a"),
        ({"settings": ({"name": "../a"},)}, "grid: name = '../a': it becomes a part of file names"),
    ],
)
def test_rows_that_cannot_be_told_apart_or_found_are_one_line(grid: dict[str, Any], expected: str) -> None:
    with pytest.raises((ConfigError, UnknownName)) as caught:
        cells(Grid(heads=("i_dml",), protocols=("cat-6:6",), **grid), find("cat-6:6"), {})
    assert str(caught.value).startswith(expected)


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


def test_grids_are_read_by_name_or_path_and_checked_as_a_whole(tmp_path: Path) -> None:
    assert set(read_grid("demo").heads) == {"random", "i_dml", "b_dml", "ib_dml", "sem_i_dml", "sem_ib_dml"}
    with pytest.raises(UnknownName, match=r"no grid 'dmeo'\. Did you mean 'demo'"):
        read_grid("dmeo")
    path = tmp_path / "mine.toml"
    path.write_text('heads = ["i_dml"]\nprotocols = ["cat-6:6"]\nsetings = []')
    with pytest.raises(ConfigError, match=r"unknown setting 'setings'\. Did you mean 'settings'"):
        read_grid(str(path))
    with pytest.raises(ConfigError, match="settings of random: unknown setting 'lrr'"):
        cells(Grid(heads=("random", "i_dml"), protocols=("cat-6:6",)), find("cat-6:6"), {"lrr": 1})


def test_every_shipped_config_and_grid_is_valid() -> None:
    for head in plugins.names("heads.models"):
        assert head in plugins.configs("heads"), head
        cell(head, find("cat-6:6"), {})
    for name in plugins.configs("heads", "configs/grids"):
        grid = read_grid(name)
        assert [cells(grid, find(protocol), {}) for protocol in grid.protocols]


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
    assert {text: tables.escaped(text) for text in shown} == shown


def test_protocol_names_make_folder_names() -> None:
    assert slug("lev-7:3-valence") == "lev-7-3-valence"
