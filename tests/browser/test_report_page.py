"""The page in a real browser, desktop and phone, light and dark: nothing fetched, cut off or on top of another.

Skipped where no Chromium is installed; with REQUIRE_BROWSER=1, as .ci/run sets it, that is a failure.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chromium
import numpy as np
import pytest
from toy_features import make_store

from heads.commands._grids import ablate
from heads.documents import results as report
from heads.documents.summary import read_summary
from heads.drawing import Ordered
from heads.experiments.grid import Grid, read_grid
from heads.experiments.place import Place
from heads.page import beside, falling, material, page

GRID = Grid(heads=("random", "i_dml", "ib_dml"), protocols=("cat-6:6",))
QUICK = {"epochs": 3, "episodes": 10, "validation_episodes": 5}
VIEWS = [(width, dark) for width in (1280, 375) for dark in (False, True)]

CHECKS = Path(__file__).with_name("checks.js").read_text()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("page")
    store = make_store(root / "store", dataset="emotic", untrained=("body", "pose"))
    ablate(Place(store, "emotic", root, seeds=2), GRID, QUICK, "demo", lambda *_: None)
    results = report.read(root / "demo")
    for row in results["rows"]:  # and so random has no checkpoint under its name
        row["name"] = row["name"].replace("random", "<script>alert('a long name')</script>")
    gathered = material.gather(root / "demo", results, material.Place(store))
    return page.write(root / "demo", page.html(gathered)).as_uri()


@pytest.fixture(scope="module")
def tab() -> Iterator[chromium.Tab]:
    path = chromium.find()
    if path is None and os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail("REQUIRE_BROWSER=1, and no Chromium on the path: apt-get install chromium")
    if path is None:
        pytest.skip("no Chromium on the path: apt-get install chromium to run the browser tests")
    with chromium.Tab(path) as found:
        yield found


@pytest.fixture(params=VIEWS, ids=[f"{width}-{'dark' if dark else 'light'}" for width, dark in VIEWS])
def view(request: pytest.FixtureRequest, tab: chromium.Tab, address: str) -> tuple[int, chromium.Tab]:
    width, dark = request.param
    tab.open(address, width, dark=dark)
    return width, tab


def test_the_page_holds_in_every_view(view: tuple[int, chromium.Tab], address: str) -> None:
    width, tab = view
    assert tab.requests() == [address]
    assert tab.complaints() == []
    assert tab.run("document.documentElement.scrollWidth") <= width, "scrolls sideways"
    assert tab.run("document.querySelectorAll('svg[role=img]').length") == 2 + 2 + 4 + 2
    assert tab.run(CHECKS) == {"empty": [], "overlaps": [], "outside": [], "faint": []}


@pytest.mark.parametrize(("width", "dark"), VIEWS)
def test_sweeps_classes_and_people_hold_too(tab: chromium.Tab, tmp_path: Path, width: int, dark: bool) -> None:
    classes = {name: {"mean": 0.9, "ci95": [0.4, 1.0]} for name in ("Affection", "Doubt/Confusion")}
    rows: list[dict[str, Any]] = [
        {
            "name": f"ml_gcn-{tau}-{p}",
            "head": "ml_gcn",
            "settings": {"tau": tau, "p": p},
            "features": ["body"],
            "metrics": {"map": {"mean": tau, "ci95": [tau - 0.1, 1.0]}},
            "classes": {"map": classes},
        }
        for tau in (0.1, 0.2, 0.9)
        for p in (0.25, 0.75)
    ]
    results = {
        "rows": rows,
        "metrics": [{"name": "map", "title": "mAP", "unit": "%", "scale": 100}],
        "features": [{"name": "body", "trained": False}],
    }
    people = Ordered("People", "In order.", {"Jaccard %": np.array([[0.0, 50.0, 100.0], [20.0, 50.0, 100.0]])})
    names = tuple(row["name"] for row in rows[:2])
    made = material.Material("demo", results, {names[0]: material.Shown([people], {})}, heads=names)
    sections = {
        "Sweeps": beside.sweeps_section(made),
        "By class": beside.classes_section(made),
        "People": falling.section(made, people),
    }
    tab.open(page.write(tmp_path, page.document("demo", "demo", [], sections)).as_uri(), width, dark=dark)
    assert tab.complaints() == []
    assert tab.run("document.documentElement.scrollWidth") <= width, "scrolls sideways"
    assert tab.run("document.querySelectorAll('svg[role=img]').length") == 3
    assert tab.run(CHECKS) == {"empty": [], "overlaps": [], "outside": [], "faint": []}
    assert len(list((tmp_path / "figures").iterdir())) == 3


def test_dark_is_dark_and_light_is_light(tab: chromium.Tab, address: str) -> None:
    found = {}
    for dark in (False, True):
        tab.open(address, 1280, dark=dark)
        found[dark] = tab.run("getComputedStyle(document.body).backgroundColor")
    assert found == {False: "rgb(255, 255, 255)", True: "rgb(20, 23, 27)"}


@pytest.mark.parametrize(("width", "dark"), VIEWS)
def test_the_overview_of_a_grid_that_has_not_ended_holds_too(
    tab: chromium.Tab, address: str, width: int, dark: bool
) -> None:
    folder = Path(address.removeprefix("file://")).parent
    results = report.read(folder)
    tables = {folder.with_name(f"table-{number}"): results for number in range(8)}
    path = page.write(folder.parent, page.overview_html("a grid", tables))
    assert_whole(tab, path.as_uri(), width, dark)


def assert_whole(tab: chromium.Tab, address: str, width: int, dark: bool) -> None:
    tab.open(address, width, dark=dark)
    assert tab.requests() == [address]
    assert tab.complaints() == []
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run(CHECKS) == {"empty": [], "overlaps": [], "outside": [], "faint": []}


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the papers' grid: scene and body50 are missing, body is untrained, one name is long."""
    root = tmp_path_factory.mktemp("grid")
    store = make_store(
        root / "store", dataset="emotic", features=["image", "body", "sem2vec", "image50"], untrained=("body",)
    )
    few = read_grid("affect_dml").model_copy(update={"heads": ("random", "kosti", "i_dml", "ib_dml")})
    ablate(Place(store, "emotic", root, seeds=1), few, QUICK | {"epochs": 1}, "g", lambda *_: None)
    tables, summary = material.finished(root / "g"), read_summary(root / "g")
    assert summary
    for table in summary["tables"]:
        for row in table["rows"]:
            row["name"] = row["name"].replace("random", "<script>alert('a long name')</script>")
    for folder, results in tables.items():
        gathered = material.Material(folder.name, results, left_out=["all but the numbers, to be quick"])
        page.write(folder, page.html(gathered))
    return page.write(root / "g", page.overview_html("g", tables, summary))


@pytest.mark.parametrize(("width", "dark"), VIEWS)
def test_the_papers_tables_hold_in_every_view(tab: chromium.Tab, grid: Path, width: int, dark: bool) -> None:
    assert_whole(tab, grid.as_uri(), width, dark)
    columns = tab.run("[...document.querySelectorAll('.grouped')].map(one => one.tHead.rows[0].cells.length - 1)")
    assert columns == [2, 6 + 2, 8], "Tables II, III with its averages, and IV"
    assert tab.run("document.querySelectorAll('svg[role=img]').length") == sum(columns)


def test_a_wide_table_keeps_its_names_in_sight_on_a_phone(tab: chromium.Tab, grid: Path) -> None:
    tab.open(grid.as_uri(), 1280)
    whole = "[...document.querySelectorAll('.scroll:has(.grouped)')].map(one => one.scrollWidth - one.clientWidth)"
    assert tab.run(whole)[0] == 0
    tab.open(grid.as_uri(), 375)
    assert tab.run(whole)[1] > 375
    moved = """(() => {
        const box = document.querySelectorAll('.scroll:has(.grouped)')[1];
        const left = one => one.getBoundingClientRect().left - box.getBoundingClientRect().left;
        const all = () => ['[scope=rowgroup] span', '[scope=row]', 'td'].map(word => left(box.querySelector(word)));
        const before = all();
        box.scrollLeft = 300;
        return [before, all()];
    })()"""
    (_, _, start), (name, kind, number) = tab.run(moved)
    assert (name, kind) == (0, 0)
    assert number == start - 300


def test_a_grids_links_lead_to_headings_and_to_pages(tab: chromium.Tab, grid: Path) -> None:
    tab.open(grid.as_uri(), 1280)
    heads = "[...document.querySelectorAll('nav a')].map(a => document.querySelector(a.hash + ' h2')?.textContent)"
    assert tab.run(heads) == tab.run("[...document.querySelectorAll('nav a')].map(a => a.textContent)")
    pages = tab.run("[...document.querySelectorAll('main a')].map(a => [a.textContent, a.href])")
    assert [name for name, _ in pages] == list(read_grid("affect_dml").protocols)
    for name, address in pages:
        tab.open(address, 1280)
        assert tab.run("document.querySelector('h1').textContent") == f"emotic, {name}"


def test_every_link_leads_to_a_heading(tab: chromium.Tab, address: str) -> None:
    tab.open(address, 1280)
    script = "[...document.querySelectorAll('nav a')].map(a => document.querySelector(a.hash + ' h2')?.textContent)"
    assert tab.run(script) == tab.run("[...document.querySelectorAll('nav a')].map(a => a.textContent)")


def test_wide_tables_scroll_in_their_box(tab: chromium.Tab, address: str) -> None:
    tab.open(address, 375)
    sizes = tab.run("[...document.querySelectorAll('.scroll')].map(one => [one.clientWidth, one.scrollWidth])")
    assert all(shown <= 375 for shown, _ in sizes)
    assert any(whole > shown for shown, whole in sizes)


def test_it_prints(tab: chromium.Tab, address: str) -> None:
    tab.open(address, 720, dark=True)
    tab.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert tab.run("document.documentElement.scrollWidth") <= 720, "A4 without its margins"
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.pdf().startswith(b"%PDF-")


def test_the_checks_see_what_is_wrong(tab: chromium.Tab, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<body style='background:#fff'><p style='color:#bbb'>faint</p><img src='missing.png'>"
        "<figure style='width:50px;margin:0'><svg width=900 height=20><text x=0 y=15>one</text>"
        "<text x=5 y=15>two</text><text x=300 y=15>out</text></svg></figure><script>console.error('no')</script>"
        "<svg width=0 height=0 aria-label='nothing'></svg>"
    )
    tab.open(bad.as_uri(), 375)
    assert len(tab.requests()) == 2
    assert any("console" in one or "no" in one for one in tab.complaints())
    assert tab.run("document.documentElement.scrollWidth") > 375
    found = tab.run(CHECKS)
    assert found["empty"] == ["nothing"]
    assert found["overlaps"] == ["one | two"]
    assert found["outside"] == ["out"]
    assert found["faint"] == ["1.92 faint"]
