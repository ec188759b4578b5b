"""table.tex as a paper's table: chosen columns, the best in bold, every sign printed; paper, ours and difference."""

import re
from typing import Any

import pytest
from toy_features import make_store

from cache.errors import UnknownName
from heads import cli
from heads.commands._grids import ablate
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.tables import columns, results, summary_latex


def score(mean: float) -> dict[str, Any]:
    return {"mean": mean, "ci95": [mean - 0.02, mean + 0.03], "std": 0.0, "values": [mean]}


def row(name: str, accuracy: float, error: float | None, paper: dict[str, Any] | None = None) -> dict[str, Any]:
    scores = {"share": score(accuracy)} | ({} if error is None else {"error": score(error)})
    told = {"seeds": 1, "parameters": 10, "seconds": 1.0, "left_out": {}, "features": ["x"], "paper": paper}
    return {"name": name, "head": name, "metrics": scores, **told}


@pytest.fixture
def document() -> dict[str, Any]:
    share = {"name": "share", "title": "share & more", "unit": "%", "scale": 100, "better": "higher"}
    error = {"name": "error", "title": "error", "unit": "%", "scale": 100, "better": "lower"}
    about = {"source": "A", "dataset": "emotic", "release": "PAMI'19", "split": "test", "remark": "tuned"}
    papers = [{"share": 0.31, "error": 0.11, **about}, {"share": 0.2, **about}, None]
    heads = [("a_b", 0.30001, 0.2), ("b", 0.29999, 0.1), ("c#", 0.1, None)]
    rows = [row(name, *values, paper) for (name, *values), paper in zip(heads, papers, strict=True)]
    described = {
        "release": "PAMI'19",
        "protocol": "p",
        "about": "",
        "over": "images",
        "sizes": {"test": 3},
        "notes": [],
    }
    features = [{"name": "x", "trained": False, "used": True}]
    more = {"dataset": "emotic", "metrics": [share, error], "levels": [], "features": features, "reference": None}
    return {**described, **more, "rows": rows}


def test_the_best_of_each_column_is_bold_and_ties_are_both(document: dict[str, Any]) -> None:
    lines = results.latex(document, ["error", "share", "paper"]).splitlines()
    assert lines[:4] == [
        r"\begin{tabular}{lrrr}",
        r"\toprule",
        r"head & error \% [95 \%] & share \& more \% [95 \%] & paper \% \\",
        r"\midrule",
    ]
    mark = "(UNTRAINED: x)"
    assert lines[4:9] == [
        rf"a\_b {mark} & 20.00 [18.00, 23.00] & \textbf{{30.00}} [28.00, 33.00] & \textbf{{31.00}} \\",
        rf"b {mark} & \textbf{{10.00}} [8.00, 13.00] & \textbf{{30.00}} [28.00, 33.00] & 20.00 \\",
        rf"c\# {mark} & - & 10.00 [8.00, 13.00] &  \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_every_published_metric_stands_beside_ours_with_the_difference(document: dict[str, Any]) -> None:
    text = results.markdown(document)
    head, _, first, second, third = (re.split(r" *\| *", line)[1:-1] for line in text.splitlines()[:5])
    shown = dict(zip(head, zip(first, second, third, strict=True), strict=True))
    assert shown["paper %"] == ("31.00", "20.00", "")
    assert shown["to paper % [95 %]"] == ("-1.00 [-3.00, +2.00]", "+10.00 [+8.00, +13.00]", "")
    assert shown["paper error %"] == ("11.00", "", "")
    assert shown["to paper error % [95 %]"] == ("+9.00 [+7.00, +12.00]", "", "")
    assert "Paper: A, measured on emotic (PAMI'19, test), tuned. Not like for like." in text


def test_a_word_that_is_no_column_is_an_error(document: dict[str, Any]) -> None:
    with pytest.raises(UnknownName, match=r"no column 'shares'\. Did you mean 'share'\?"):
        results.latex(document, ["shares"])


@pytest.mark.parametrize(
    ("scores", "better", "expected"),
    [([1.004, None, 0.996], "higher", {0, 2}), ([3.0, 1.0, 2.0], "lower", {1}), ([None, None], "lower", set())],
)
def test_best_are_those_that_print_the_same(scores: list[float | None], better: str, expected: set[int]) -> None:
    assert columns.best(scores, better) == expected


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("tex")
    place = Place(make_store(root / "store", dataset="emotic", features=["image"]), "emotic", root / "runs", seeds=1)
    grid = Grid(heads=("random", "i_dml"), protocols=("cat-6:6", "cat-6:4"))
    ablate(place, grid, {"epochs": 1, "episodes": 10}, "two", lambda *_: None)
    return place


def report(place: Place, run: str, *more: str) -> int:
    where = ["--run", run, "--runs", str(place.runs), "--store", str(place.store.root), "--threads", "1"]
    return cli.main(["report", *where, *more])


def test_columns_of_a_finished_run_are_chosen_by_report(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    inner = place.runs / "two" / "cat-6-6"
    assert report(place, "two/cat-6-6", "--columns", "macro_accuracy") == 0
    assert f"table {inner / 'table.tex'}" in capsys.readouterr().out
    assert r"head & macro accuracy \% [95 \%] \\" in (inner / "table.tex").read_text().splitlines()
    before = (place.runs / "two" / "table.tex").read_text()
    assert report(place, "two", "--columns", "cat-6:7") == 2
    assert "no column 'cat-6:7'. Did you mean 'cat-6:6'?" in capsys.readouterr().err
    assert (place.runs / "two" / "table.tex").read_text() == before
    assert report(place, "two", "--columns", "cat-6:4") == 0
    text = (place.runs / "two" / "table.tex").read_text()
    assert r"head & accuracy \% & cat-6:4 \\" in text.splitlines()
    assert len(re.findall(r"ours & \\textbf", text)) == 1
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == text.count(r"\midrule") == 1


def test_a_summarys_best_is_ours_alone() -> None:
    cells = [{"paper": 0.9, "metrics": {"share": score(value)}, "untrained": []} for value in (0.2, 0.3)]
    metric = {"name": "share", "title": "share", "unit": "%", "scale": 100, "better": "higher"}
    one = {
        "title": "T",
        "dataset": None,
        "remark": "",
        "columns": [{"name": "p", "protocols": ["p"], "metrics": ["share"]}],
    }
    rows = [{"name": f"h{place}", "head": "h", "cells": [cell]} for place, cell in enumerate(cells)]
    described = {"dataset": "d", "release": "r", "about": "", "over": "images", "seeds": 1, "reference": None}
    protocols = {"p": {"folder": "p", "absent": [], "levels": []}}
    whole = {
        **described,
        "metrics": [metric],
        "features": [],
        "protocols": protocols,
        "tables": [{**one, "rows": rows}],
    }
    assert re.findall(r"\\textbf\{(.*?)\}", summary_latex.latex(whole)) == ["30.00"]
