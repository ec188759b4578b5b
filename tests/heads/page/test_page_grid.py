"""The page of a grid over several protocols: the papers' tables by hand, what is absent and why; nothing injected."""

import copy
import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_features import make_store

from heads import cli
from heads.commands._grids import ablate
from heads.documents.summary import read_summary
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.page import material, page
from heads.statistics.interval import SHARE, two_way_interval

QUICK = {"epochs": 1, "episodes": 10, "validation_episodes": 5}
LEVELS = ("lev-7:3-valence", "lev-7:3-arousal", "lev-7:3-dominance")
HEADS = ("random", "i_dml", "ib_dml", "ib_dml_places")
EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;"
Tags = list[tuple[str, dict[str, str | None]]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("grid")
    store = make_store(root / "store", dataset="emotic", features=["image", "body"], untrained=("body",))
    settings: tuple[dict[str, Any], ...] = ({}, {"name": "many", "shots": 4})
    grid = Grid(heads=HEADS, protocols=("cat-6:6", *LEVELS), settings=settings, reference="i_dml")
    place = Place(store, "emotic", root / "runs", seeds=2)
    ablate(place, grid, QUICK, "mine", lambda *_: None)
    return place


@pytest.fixture
def folder(place: Place, tmp_path: Path) -> Path:
    return Path(shutil.copytree(place.runs / "mine", tmp_path / "runs" / "mine"))


def written(folder: Path) -> str:
    return page.overview_html("mine", material.finished(folder), read_summary(folder))


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))


def words(found: ET.Element | None) -> str:
    assert found is not None
    return " ".join(" ".join(found.itertext()).split()).replace(" ,", ",").replace(" .", ".")


def cell(text: str, anchor: str, head: str, kind: str, column: str) -> str:
    """What a reader finds in the section's table: under the head's name, in the line ``kind``, below the column."""
    table = parsed(text).find(f".//section[@id='{anchor}']//table")
    assert table is not None
    place = [words(one) for one in table.findall("thead/tr/th")].index(column)
    bodies = {words(one.find("tr/th")): one for one in table.findall("tbody")}
    lines = {words(line[0]): line for line in bodies[head].findall("tr")[1:]}
    return words(lines[kind][place])


def ours(folder: Path, protocol: str, row: str) -> np.ndarray:
    """(S, E) accuracies from the cell's own file."""
    path = folder / protocol.replace(":", "-") / "cells" / f"{row}.json"
    return np.array(json.loads(path.read_text())["scores"]["accuracy"]["resampled"])


def test_a_cell_has_the_papers_number_ours_and_what_lies_between(folder: Path) -> None:
    text = written(folder)
    values = ours(folder, "cat-6:6", "ib_dml")
    mean, (low, high) = values.mean(), two_way_interval(values, SHARE)
    where = ("affect-dml-table-ii", "ib_dml")
    assert cell(text, *where, "paper", "cat-6:6") == "21.02"
    told = f"{100 * mean:.2f} [{100 * low:.2f}, {100 * high:.2f}] UNTRAINED body"
    assert cell(text, *where, "ours", "cat-6:6") == told
    apart = f"{100 * mean - 21.02:+.2f} [{100 * low - 21.02:+.2f}, {100 * high - 21.02:+.2f}]"
    assert cell(text, *where, "difference", "cat-6:6") == apart
    paired = values - ours(folder, "cat-6:6", "i_dml")
    low, high = two_way_interval(paired)
    assert (
        cell(text, *where, "to i_dml", "cat-6:6") == f"{100 * paired.mean():+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]"
    )


def test_an_average_stands_beside_its_columns(folder: Path) -> None:
    text = written(folder)
    where = ("affect-dml-table-iii", "ib_dml")
    means = [100 * ours(folder, name, "ib_dml").mean() for name in LEVELS]
    assert [float(cell(text, *where, "ours", name).split()[0]) for name in LEVELS] == pytest.approx(means, abs=0.005)
    assert cell(text, *where, "ours", "lev-7:3 average").startswith(f"{sum(means) / 3:.2f} [")
    assert cell(text, *where, "paper", "lev-7:3 average") == "51.98"


def test_what_is_absent_says_why_and_keeps_its_published_number(folder: Path) -> None:
    text = written(folder)
    where = ("affect-dml-table-ii", "ib_dml_places")
    assert cell(text, *where, "ours", "cat-6:6") == "features missing: scene"
    assert cell(text, *where, "paper", "cat-6:6") == "24.20"
    shown = words(parsed(text))
    assert 'features missing: scene. Run make extract DATASET=emotic STAGES="scene".' in shown
    assert "2 heads: features missing: scene" in words(parsed(text).find(".//section[@id='protocols']"))
    assert "Not like for like." in shown


def test_untrained_is_said_wherever_it_took_part(folder: Path) -> None:
    whole = parsed(written(folder))
    assert "UNTRAINED features took part: body." in words(whole.find(".//header"))
    for anchor in ("affect-dml-table-ii", "affect-dml-table-iii", "rows-beyond-the-papers-tables"):
        cards = whole.findall(f".//section[@id='{anchor}']//figure")
        assert cards
        assert all(" UNTRAINED features in ib_dml" in words(one) for one in cards)
        assert not any(" i_dml" in words(one).partition("UNTRAINED features in")[2] for one in cards)
    assert "body yes UNTRAINED" in words(whole.find(".//section[@id='features']"))
    assert "image yes trained" in words(whole.find(".//section[@id='features']"))


def test_pictures_show_every_trained_head_and_what_is_published(folder: Path) -> None:
    whole = parsed(written(folder))
    (card,) = whole.findall(".//section[@id='affect-dml-table-ii']//figure")
    assert len(card.findall(".//circle")) == 3, "ib_dml_places could not be trained"
    assert len([one for one in card.iter("path") if one.get("class") == "paper"]) == 3
    beyond = whole.findall(".//section[@id='rows-beyond-the-papers-tables']//figure")
    assert len(beyond) == 4
    assert not [one for card in beyond for one in card.iter("path")], "nothing is published of four shots"


def test_chance_and_largest_class_close_every_table(folder: Path) -> None:
    people = json.loads((folder / "cat-6-6" / "results.json").read_text())["people"]["test"]
    shown = words(parsed(written(folder)).find(".//section[@id='affect-dml-table-ii']//table"))
    assert shown.endswith(f"(chance) 16.67 (largest class) {100 * max(people.values()) / sum(people.values()):.2f}")


def test_every_protocol_is_linked_and_nothing_is_asked_for(folder: Path) -> None:
    text = written(folder)
    hrefs = [values["href"] or "" for _, values in tags(text) if "href" in values]
    linked = [one for one in hrefs if not one.startswith("#")]
    assert linked == [f"{name.replace(':', '-')}/report.html" for name in ("cat-6:6", *LEVELS)]
    assert {one.get("id") for one in parsed(text).iter("section")} == {one[1:] for one in hrefs if one.startswith("#")}
    assert not {"script", "link", "img", "iframe", "object", "embed", "base"} & {name for name, _ in tags(text)}
    assert not any("src" in values or any(key.startswith("on") for key in values) for _, values in tags(text))
    assert "default-src &#x27;none&#x27;" in text


def tags(text: str) -> Tags:
    found: Tags = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Parser().feed(text)
    return found


NAMES = ("cat-", "lev-", "accuracy", "macro_accuracy")


def poisoned(value: Any) -> Any:
    """Every word that is a value, and every name of a protocol or metric."""
    if isinstance(value, str):
        return value if value == "%" else value + EVIL  # what has another unit is not drawn
    if isinstance(value, dict):
        return {key + EVIL if key.startswith(NAMES) else key: poisoned(one) for key, one in value.items()}
    return [poisoned(one) for one in value] if isinstance(value, list) else value


def test_no_word_of_the_files_becomes_markup(folder: Path) -> None:
    summary, tables = read_summary(folder), material.finished(folder)
    assert summary
    evil = page.overview_html(
        EVIL,
        {Path("javascript:alert(1)//\"'><script>") / f"#{at}": poisoned(one) for at, one in enumerate(tables.values())},
        poisoned(summary),
    )
    clean = tags(page.overview_html("mine", tables, summary))
    assert [name for name, _ in tags(evil)] == [name for name, _ in clean]
    assert [sorted(values) for _, values in tags(evil)] == [sorted(values) for _, values in clean]
    assert "<script" not in evil
    assert evil.count("&lt;script&gt;") > 50
    hrefs = [values["href"] or "" for _, values in tags(evil) if "href" in values]
    assert sorted(one for one in hrefs if not one.startswith("#")) == [f"%23{at}/report.html" for at in range(4)]


def test_a_folders_name_cannot_become_another_address(folder: Path) -> None:
    tables = dict(zip([Path("javascript:alert(1)"), Path("a b?c#d")], material.finished(folder).values(), strict=False))
    for text in (page.overview_html("mine", tables), page.overview_html("mine", tables, read_summary(folder))):
        hrefs = [values["href"] or "" for _, values in tags(text) if "href" in values]
        linked = [one for one in hrefs if not one.startswith("#")]
        assert sorted(linked) == ["a%20b%3Fc%23d/report.html", "javascript%3Aalert%281%29/report.html"]


def change(folder: Path, protocol: str, make: Callable[[Any], Any]) -> None:
    path = folder / protocol / "results.json"
    results = json.loads(path.read_text())
    make(results)
    path.write_text(json.dumps(results))


def test_results_that_are_not_the_summarys_are_told(folder: Path) -> None:
    assert "Not as it was" not in written(folder)
    change(folder, "cat-6-6", lambda found: found["rows"][1]["metrics"]["accuracy"].update(mean=0.5))
    change(folder, "lev-7-3-valence", lambda found: found["rows"].pop(0))
    shutil.rmtree(folder / "lev-7-3-arousal")
    shutil.copytree(folder / "lev-7-3-dominance", folder / "other")
    change(folder, "other", lambda found: found.update(protocol="cat-6:4"))
    header = words(parsed(written(folder)).find(".//header"))
    assert "Not as it was when the grid ended:" in header
    cure = "The grid was trained again and did not end: run make ablate again"
    first = json.loads((folder / "cat-6-6" / "results.json").read_text())["rows"][1]["name"]
    assert f"cat-6:6: summary.json and results.json differ about {first}. {cure}" in header
    assert f"lev-7:3-valence: summary.json and results.json differ about random. {cure}" in header
    assert "lev-7:3-arousal: no results.json in folder lev-7-3-arousal" in header
    assert "cat-6:4" not in header, "the summary does not name its folder"
    assert "lev-7:3-dominance:" not in header


def without(*keys: str | int) -> Callable[[Any], Any]:
    def make(summary: Any) -> None:
        for key in keys[:-1]:
            summary = summary[key]
        del summary[keys[-1]]

    return make


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (without("tables"), "tables: Field required"),
        (without("protocols", "cat-6:6"), "columns of cat-6:6, which protocols does not name"),
        (without("tables", 0, "rows", 0, "cells", 0), "row 'random' has 0 cells, the table 1 columns"),
        (without("tables", 0, "rows", 0, "cells", 0, "metrics"), "needs a reason, or metrics and untrained"),
        (
            without("tables", 0, "rows", 0, "cells", 0, "metrics", "accuracy"),
            "row 'random' has no accuracy in column 'cat-6:6'",
        ),
        (lambda found: found["metrics"].pop(), "columns of macro_accuracy, which metrics does not name"),
        (lambda found: found["tables"][0]["rows"][0]["cells"][0].update(paper="x"), "should be a valid number"),
        (
            lambda found: found["protocols"]["cat-6:6"]["levels"][0]["values"].update(accuracy=float("nan")),
            "should be a finite number",
        ),
    ],
)
def test_a_damaged_summary_is_one_line(
    spoil: Callable[[Any], Any], expected: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = copy.deepcopy(read_summary(folder))
    spoil(summary)
    (folder / "summary.json").write_text(json.dumps(summary))
    assert cli.main(["report", "--run", "mine", "--runs", str(folder.parent), "--threads", "1"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {folder / 'summary.json'}: is not the summary of a grid: ")
    assert expected in err
    assert err.endswith("Run make ablate again\n")
    assert err.count("\n") == 1


def test_the_command_prints_the_papers_tables_and_writes_every_page(
    place: Place, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", "--run", "mine", "--runs", str(folder.parent), "--store", str(place.store.root)]
    assert cli.main([*words, "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert (folder / "table.md").read_text() in out
    names = [*(name.replace(":", "-") for name in ("cat-6:6", *LEVELS)), ""]
    pages = [folder / name / "report.html" for name in names]
    assert [line for line in out.splitlines() if line.startswith("page ")] == [f"page {one}" for one in pages]
    assert pages[-1].read_text() == written(folder)
    (folder / "summary.json").unlink()
    assert cli.main([*words[:-1], str(folder / "none"), "--threads", "1"]) == 0
    assert "No summary.json: the grid has not ended." in pages[-1].read_text()
