"""Numbers by class and dimension: whole, averaging to the printed mean, beside the rows of their own method alone."""

from typing import Any

import pytest

from cache.errors import ConfigError
from heads.documents import breakdowns, papers
from heads.documents.breakdowns import Breakdown, Made, PaperRow
from heads.experiments.ensemble_cell import cells_of
from heads.experiments.grid import cell, cells, read_grid
from heads.known_protocols import find
from heads.page.sweeps import sweeps

SINGLE = find("single-label")
EVERY = papers.read().breakdowns
MISPRINTED = {
    *(("Thesis, Table 4.1", "kosti-bc-sl1"), ("Thesis, Table 4.3", "kosti")),
    *(("Thesis, Table 4.21", "kosti"), ("Thesis, Table 4.3", "emoticon-depth")),
    *(("Thesis, Table 4.21", "emoticon-depth"), ("Thesis, Table 4.6", "bc"), ("Thesis, Table 4.18", "ml-gcn")),
    *(("Thesis, Table 4.20", "ml-gcn"), ("Relational, Table 4", "none")),
}
"""Columns whose printed mean is not that of their parts, as their remarks say."""


def test_the_papers_tables_are_whole() -> None:
    for chapter, numbers in ((4, range(1, 23)), (5, range(2, 14))):
        start = f"Thesis, Table {chapter}."
        thesis = [one.source.removeprefix(start) for one in EVERY if one.source.startswith(start)]
        assert sorted(set(thesis), key=int) == [str(number) for number in numbers]
    categories = {len(one.classes) for one in EVERY if one.metric != "vad_error" and one.classes}
    dimensions = [set(one.classes) for one in EVERY if one.metric == "vad_error" and one.classes]
    assert categories == {26}
    assert all(one == {"valence", "arousal", "dominance"} for one in dimensions)
    names = [set(one.classes) for one in EVERY if one.metric != "vad_error" and one.classes]
    assert all(one == names[0] for one in names)
    assert all(one.release and one.split in ("val", "test") and len(one.remark.split()) > 4 for one in EVERY)
    assert {one.source.startswith("Thesis, Table 5.") for one in EVERY if one.split == "val"} == {True}


def test_a_printed_emotion_score_is_that_of_its_parts() -> None:
    """Thesis, eq. 5.16, to the last digit printed; where it is not, the remark says what the parts give."""
    tables: dict[tuple[str, str, tuple[str, ...]], dict[str, Breakdown]] = {}
    for one in EVERY:
        if one.source.startswith("Thesis, Table 5."):
            key = (one.source, one.split, tuple(row.name for row in one.rows))
            tables.setdefault(key, {})[one.metric] = one
    apart = {}
    for (source, _, names), by_metric in tables.items():
        assert set(by_metric) == {"ers", "map", "macro_auc", "r2"}
        digit = 6e-4 if source == "Thesis, Table 5.2" else 1.01e-4
        parts = zip(names, *(by_metric[word].mean for word in ("ers", "r2", "map", "macro_auc")), strict=True)
        for name, ers, r2, precision, area in parts:
            wanted = (r2 + (precision + area) / 2) / 2  # type: ignore[operator]
            if abs(ers - wanted) > digit:  # type: ignore[operator]
                apart[name] = f"{wanted:.4f}"
                assert f"as printed: of {name}" in by_metric["ers"].remark or f"of {name} " in by_metric["ers"].remark
                assert apart[name] in by_metric["ers"].remark
    assert set(apart) == {"rgb-bcfs", "rgb-linear", "flow-bf", "flow-best", "luo-gcn", "luo"}


def test_chapter_five_stands_beside_rows_that_choose_as_it_does() -> None:
    for word, found in (("bold-published", 0.2404), ("bold", None)):
        settings = cell("tsn_rgb", find(word), {}).settings
        numbers = breakdowns.numbers(EVERY, "bold", word, Made([("tsn_rgb", settings)]))
        assert (numbers and numbers["ers"]) == found
    grid = read_grid("thesis_bold")
    protocols = [find(word) for word in grid.protocols]
    rows = cells(grid, protocols[0], {"words": "GloVe"}, protocols)
    known = [breakdowns.numbers(EVERY, "bold", "bold-published", Made([(one.head, one.settings)])) for one in rows]
    assert [one.name for one, number in zip(rows, known, strict=True) if number is None] == [
        "tsn_rgb-stream",
        "tsn_flow-stream",
    ]
    swept = sweeps([{"head": one.head, "name": one.name, "settings": one.settings} for one in rows])
    (segments,) = (one for one in swept if one.setting == "k_train")
    assert [value for value, _ in segments.lines[0].points] == [1, 3, 5, 7, 9, 11]


def test_printed_means_are_those_of_their_parts() -> None:
    """Rounded or cut to the last digit printed."""
    apart = set()
    for one in EVERY:
        for place, row in enumerate(one.rows):
            parts = [values[place] for values in one.classes.values()]
            known = [value for value in parts if not isinstance(value, str)]
            mean, digit = one.mean[place], 1e-2 if one.scale == 100 else 1e-4
            if parts and len(known) == len(parts) and not isinstance(mean, str):
                if row.name == "zhang" and one.metric == "vad_error":
                    digit = 1e-2
                if abs(sum(known) / len(known) - mean) > digit:
                    apart.add((one.source, row.name))
    assert apart == MISPRINTED
    assert all("as printed" in one.remark for one in EVERY if one.source in {source for source, _ in apart})


def test_a_method_has_the_same_number_in_every_table_of_a_paper() -> None:
    seen: dict[tuple[str, str, str], object] = {}
    for one in EVERY:
        for place, row in enumerate(one.rows):
            key = (one.source.partition(",")[0], one.metric, row.name)
            assert seen.setdefault(key, one.mean[place]) == one.mean[place], (one.source, row.name)


def made(**changed: Any) -> Breakdown:
    """A table of two rows; by default nothing of ours."""
    rows = changed.pop("rows", (PaperRow(name="others"),) * 2)
    about = {"source": "A, Table 1", "dataset": "emotic", "release": "PAMI'19", "split": "test", "remark": "tuned"}
    numbers = {"metric": "accuracy", "mean": (50.0, 60.0), "classes": {"joy": (1.5, "-"), "fear": (2.0, 4.0)}}
    return Breakdown.model_validate({**about, "protocol": "single-label", "rows": rows, **numbers, **changed})


def test_a_row_gets_the_numbers_of_its_own_column() -> None:
    rows = (
        PaperRow(name="others"),
        PaperRow(name="ours", head="linear", settings={"features": ["image"]}, also=({"features": ["x"]},)),
    )
    first = made(rows=rows, classes={})
    again = made(rows=rows, source="A, Table 2", mean=(1.0, 2.0), remark="other")
    error = made(rows=rows, source="A, Table 3", metric="vad_error", scale=1, mean=("-", 0.09), classes={})
    settings = cell("linear", SINGLE, {"features": "image", "epochs": 3}).settings
    found = breakdowns.numbers((first, again, error, again), "emotic", "single-label", Made([("linear", settings)]))
    assert found == {
        "accuracy": 0.6,
        "vad_error": 0.09,
        "classes": {"accuracy": {"fear": 0.04}},
        "source": "A, Table 1; A, Table 2; A, Table 3",
        "dataset": "emotic",
        "release": "PAMI'19",
        "split": "test",
        "remark": "tuned; other",
    }
    assert (
        breakdowns.numbers(
            (first, again, error), "emotic", "single-label", Made([("linear", settings | {"features": ["x/pooled"]})])
        )
        == found
    )
    for dataset, head, protocol, values in (
        ("heco", "linear", "single-label", settings),
        ("emotic", "mlp", "single-label", settings),
        ("emotic", "linear", "cat-6:6", settings),
        ("emotic", "linear", "single-label", {**settings, "features": ["body"]}),
    ):
        assert breakdowns.numbers((first,), dataset, protocol, Made([(head, values)])) is None


def test_table_512_stands_beside_the_grids_ensembles_that_are_its_own() -> None:
    grid = read_grid("thesis_bold")
    published = find("bold-published")
    known = cells_of(grid.ensembles, cells(grid, published, {"words": "glove.txt"}))
    ers = {  # as printed
        "ensemble-all-maximum": 0.2388,
        "ensemble-all-average": 0.2761,
        "ensemble-two-maximum": 0.2566,
        "ensemble-two-average": 0.2858,
        "ensemble-three-maximum": 0.2402,
        "ensemble-three-average": 0.2867,
        "ensemble-three-weighted": 0.2897,
    }
    found = {}
    for one in known:
        members = [(member.head, member.settings) for member in one.members]
        told = breakdowns.numbers(EVERY, "bold", "bold-published", Made(members, one.how, one.votes))
        found[one.name] = told and told["ers"]
        assert told
        assert "pre-trained on Kinetics" in told["remark"]
        other = "average" if one.how == "maximum" else "maximum"
        for wrong in (
            Made(members[::-1], one.how, one.votes),
            Made([(members[0][0], {**members[0][1], "streams": "B"}), *members[1:]], one.how, one.votes),
            Made(members, "average", (3.0, *one.votes[1:])),
            Made(members[:1], one.how),
        ):
            again = breakdowns.numbers(EVERY, "bold", "bold-published", wrong)
            assert not again or again["ers"] not in ers.values()
        swapped = breakdowns.numbers(EVERY, "bold", "bold-published", Made(members, other, (1.0,) * len(members)))
        assert not swapped or swapped["ers"] != found[one.name]
    assert found == ers
    without = cells_of(grid.ensembles, cells(grid, published, {}))[0].members
    bare = Made([(one.head, one.settings) for one in without])
    assert breakdowns.numbers(EVERY, "bold", "bold-published", bare) is None


def test_published_accuracy_of_caer_s_stands_beside_kosti() -> None:
    settings = cell("kosti", SINGLE, {}).settings
    found = papers.published(papers.read(), "caer_s", "kosti", SINGLE, settings)
    assert found
    assert (found["accuracy"], found["source"], found["release"]) == (0.7448, "Relational, Table 3", "ICCV'19")
    assert papers.published(papers.read(), "emotic", "kosti", SINGLE, settings) is None


def test_a_line_without_a_number_for_each_row_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"A, Table 1: joy has 1 numbers, there are 2 rows"):
        made(classes={"joy": (1.0,)})


def test_a_setting_that_the_head_does_not_have_is_an_error() -> None:
    rows = (PaperRow(name="ours", head="linear", settings={"streems": "B"}),) * 2
    settings = cell("linear", SINGLE, {}).settings
    with pytest.raises(ConfigError, match="unknown setting 'streems'"):
        breakdowns.numbers((made(rows=rows),), "emotic", "single-label", Made([("linear", settings)]))


def test_every_row_with_a_head_is_a_method_that_can_be_trained() -> None:
    """A wrong head or setting would leave its numbers beside nothing."""
    for one in EVERY:
        for row in one.rows:
            for more in ({}, *row.also) if row.head else ():
                settings = cell(row.head, find(one.protocol), {**row.settings, **more}).settings
                assert one.place(Made([(row.head, settings)])) is not None, (one.source, row.name)
                assert one.rows[one.place(Made([(row.head, settings)])) or 0].name == row.name, (one.source, row.name)
