"""The gallery in a real browser: thousands of people, of whom few are in the document; filters, keys, touch, links.

Skipped where no Chromium is installed; with REQUIRE_BROWSER=1, as .ci/run sets it, that is a failure.
"""

import base64
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import chromium
import pytest
import seen_case
from PIL import Image
from seen_case import MARKUP

from scripts import gallery
from scripts.showing import page
from scripts.showing.index import SIZE
from scripts.showing.pile import Pile

VIEWS = [(width, dark) for width in (1280, 375) for dark in (False, True)]
CHECKS = Path(__file__).with_name("checks.js").read_text()
PEOPLE, PICTURES = 5000, 40
CLASSES = ["calm", "glad", "sad", MARKUP]
COUNT = "document.getElementById('count').textContent"
CARDS = "document.querySelectorAll('.card').length"
OPEN = "document.querySelector('dialog[open] header h2')?.textContent"


@pytest.fixture(scope="module")
def tab() -> Iterator[chromium.Tab]:
    path = chromium.find()
    if path is None and os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail("REQUIRE_BROWSER=1, and no Chromium on the path: apt-get install chromium")
    if path is None:
        pytest.skip("no Chromium on the path: apt-get install chromium to run the browser tests")
    with chromium.Tab(path) as found:
        yield found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of a real store: every layer, every failure."""
    folder = tmp_path_factory.mktemp("small")
    seen_case.make(folder, untrained=())
    where = [word for name in ("store", "data") for word in (f"--{name}", str(folder / name))]
    assert gallery.main([*where, "--out", str(folder)]) == 0
    return (folder / "gallery.html").as_uri()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Made up, in a folder: person n has label n % 3 and is wrong of row ``one`` where n % 5 is 0, the surer the
    greater n; his neighbour is n + 1."""
    folder = tmp_path_factory.mktemp("large")
    pile, everybody = Pile(folder, largest=0), range(PEOPLE)
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 140, 90)).save(out, "JPEG")
    for number in range(PICTURES):
        pile.picture(number, out.getvalue())
    for first in range(0, PEOPLE, SIZE):
        part: list[dict[str, Any]] = [
            {"box": [4, 4, 40, 40], "near": {"body": [[(one + 1) % PEOPLE, 90]]}} for one in everybody[first:][:SIZE]
        ]
        pile.people(first // SIZE, part)
    off = [[[one % 3, 0], [(one + 1) % 3, one * 100 // PEOPLE]] if one % 5 == 0 else [] for one in everybody]
    row = {
        "name": "one",
        "untrained": ["pose"],
        "classes": CLASSES,
        "of": [*everybody],
        "true": [[one % 3] for one in everybody],
        "said": [[(one + (one % 5 == 0)) % 3] for one in everybody],
        "sure": [one * 100 // PEOPLE for one in everybody],
        "off": off,
    }
    index = {
        "files": pile.files,
        "size": SIZE,
        "keys": [f"{one:05d}.jpg#0" for one in everybody],
        "pictures": [[64, 48, ""]] * PICTURES,
        "picture": [one % PICTURES for one in everybody],
        "splits": ["train", "val", "test"],
        "split": [one % 2 for one in everybody],
        "statuses": ["ok", "no_face"],
        "status": [[int(one % 100 == 0)] for one in everybody],
        "labels": CLASSES,
        "label": [[one % 3] for one in everybody],
        "confidence": [],
        "layers": ["box"],
        "classes": [],
        "colours": [],
        "limbs": [],
        "leastJoint": 0.3,
        "rows": [row],
    }
    pieces = pile.finish()
    (folder / "gallery.html").write_text(page.html("many", "made up", {}, [], index, pieces))
    return (folder / "gallery.html").as_uri()


def shown(tab: chromium.Tab, address: str, width: int = 1280, dark: bool = False) -> None:
    """From anew: an address that differs after its # alone loads nothing."""
    tab.open("about:blank", width)
    tab.open(address, width, dark=dark)


def settled(tab: chromium.Tab, script: str, wanted: Any) -> None:
    """Waits until ``script`` gives what is wanted: files are read and frames drawn when the browser likes."""
    end = time.monotonic() + 30
    while (found := tab.run(script)) != wanted:
        assert time.monotonic() < end, f"{script} is {found!r}"
        time.sleep(0.02)


def press(tab: chromium.Tab, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        text = {"text": "\r" if key == "Enter" else key} if kind == "keyDown" and key in ("Enter", "1", "/") else {}
        codes = {"Enter": 13, "Escape": 27}
        code = {"windowsVirtualKeyCode": codes[key]} if key in codes else {}
        tab.call("Input.dispatchKeyEvent", type=kind, key=key, **code, **text)


def choose(tab: chromium.Tab, word: str, value: str) -> None:
    event = "input" if word in ("find", "from") else "change"
    tab.run(
        f"(() => {{ const one = document.querySelector('[data-word={word}]'); one.value = {json.dumps(value)};"
        f" one.dispatchEvent(new Event('{event}')); }})()"
    )


def test_of_thousands_only_those_in_sight_are_in_the_document(tab: chromium.Tab, large: str) -> None:
    shown(tab, large)
    assert tab.run(COUNT) == "5,000 of 5,000 people."
    assert 4 <= tab.run(CARDS) <= 40
    settled(tab, "document.querySelectorAll('.card svg path.box:not(.edge)').length === " + CARDS, True)
    assert 1 <= sum("people-" in one for one in tab.requests()) <= 3, "the parts in sight, of 209"
    tab.run("window.scrollTo(0, document.body.scrollHeight)")
    settled(tab, "document.querySelector('[data-person=\"4999\"] svg path.box') !== null", True)
    assert tab.run(CARDS) <= 60
    assert tab.run("document.querySelector('[data-person=\"0\"]')") is None
    assert tab.run("document.querySelectorAll('*').length") < 1500
    assert sum("people-" in one for one in tab.requests()) <= 8
    assert tab.complaints() == []


def test_filters_and_orders_leave_whom_they_say(tab: chromium.Tab, large: str) -> None:
    """Counts by hand: n % 3 = 1 are 1,667 of 5,000, with n % 5 = 0 too (n % 15 = 10) 333, even ones of those 167."""
    shown(tab, large)
    choose(tab, "label", "glad")
    assert tab.run(COUNT) == "1,667 of 5,000 people."
    choose(tab, "row", "one")
    choose(tab, "answer", "wrong")
    assert tab.run(COUNT) == "333 of 5,000 people."
    choose(tab, "split", "train")
    assert tab.run(COUNT) == "167 of 5,000 people."
    choose(tab, "order", "off")
    first = "document.querySelector('[aria-posinset=\"1\"] .card').dataset.person"
    assert tab.run(first) == "4960", "the first of 99 %: 4,960 is even and 10 beyond a multiple of 15"
    assert "wrong: sad 99 %" in tab.run("document.querySelector('[aria-posinset=\"1\"]').textContent")
    settled(tab, "document.querySelectorAll('.card svg path.box').length > 0", True)
    press(tab, "1")
    assert tab.run("document.querySelectorAll('.card svg path.box').length") == 0
    assert not any("NaN" in one for one in tab.requests()), "pictures alone are drawn anew"
    choose(tab, "from", "50")
    assert tab.run(COUNT) == "84 of 5,000 people.", "n = 30 k + 10, k from 83 to 166"
    there = tab.run("location.hash")
    shown(tab, large + there)
    assert tab.run(COUNT) == "84 of 5,000 people.", "the address says it all"
    choose(tab, "find", "0496")
    assert tab.run(COUNT) == "1 of 5,000 people."
    choose(tab, "find", "nobody")
    assert tab.run(COUNT) == "0 of 5,000 people."
    assert tab.run(CARDS) == 0
    assert tab.complaints() == []


def test_keys_move_open_and_close_and_links_lead_on_and_back(tab: chromium.Tab, large: str) -> None:
    shown(tab, large)
    tab.run("document.querySelector('[data-person=\"0\"]').focus()")
    press(tab, "ArrowRight")
    press(tab, "ArrowDown")
    columns = tab.run(
        "Math.round(document.getElementById('people').clientWidth / document.querySelector('.cell').offsetWidth - 0.2)"
    )
    assert tab.run("document.activeElement.dataset.person") == str(1 + columns)
    press(tab, "Enter")
    settled(tab, OPEN, f"{1 + columns:05d}.jpg#0")
    press(tab, "ArrowRight")
    settled(tab, OPEN, f"{2 + columns:05d}.jpg#0")
    settled(tab, "document.querySelectorAll('dialog a.other').length", 1)
    tab.run("document.querySelector('dialog a.other').click()")
    settled(tab, OPEN, f"{3 + columns:05d}.jpg#0")
    tab.run("history.back()")
    settled(tab, OPEN, f"{2 + columns:05d}.jpg#0")
    press(tab, "1")
    settled(tab, "document.querySelectorAll('path.box').length", 0)
    press(tab, "Escape")
    settled(tab, "document.querySelector('dialog').childElementCount", 0)
    assert tab.run("document.activeElement.dataset.person") == str(2 + columns)
    press(tab, "/")
    assert tab.run("document.activeElement.dataset.word") == "find"
    assert tab.complaints() == []


def test_touch_opens_and_swipes(tab: chromium.Tab, large: str) -> None:
    shown(tab, large, 375)
    tab.call("Emulation.setTouchEmulationEnabled", enabled=True)
    try:
        where = tab.run(
            "(() => { const one = document.querySelector('[data-person=\"0\"]'); one.scrollIntoView({ block: 'end' });"
            " const box = one.getBoundingClientRect(); return [box.x + 50, box.y + 50]; })()"
        )
        _touch(tab, [tuple(where)])
        settled(tab, OPEN, "00000.jpg#0")
        _touch(tab, [(300, 300), (200, 302), (100, 304)])
        settled(tab, OPEN, "00001.jpg#0")
    finally:
        tab.call("Emulation.setTouchEmulationEnabled", enabled=False)


def _touch(tab: chromium.Tab, points: list[tuple[float, float]]) -> None:
    for number, (x, y) in enumerate(points):
        kind = "touchMove" if number else "touchStart"
        tab.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
    tab.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])


def test_what_the_page_does_not_have_is_told(tab: chromium.Tab, large: str) -> None:
    shown(tab, large + "#row=older&answer=wrong")
    assert "This page has no row older: make gallery again." in tab.run(COUNT)
    shown(tab, large + "#person=gone.jpg")
    assert "gone.jpg is not on this page." in tab.run(COUNT)


def test_a_part_that_is_not_there_is_told(tab: chromium.Tab, large: str) -> None:
    part = Path(large.removeprefix("file://")).parent / "gallery_files" / "people-00100.js"
    content = part.read_bytes()
    part.unlink()
    try:
        shown(tab, f"{large}#person={quote('02400.jpg#0', safe='')}")
        settled(tab, "document.querySelector('dialog .warning')?.textContent.includes('not beside this page')", True)
    finally:
        part.write_bytes(content)


@pytest.mark.parametrize(("width", "dark"), VIEWS)
def test_every_layer_holds_in_every_view(tab: chromium.Tab, small: str, width: int, dark: bool) -> None:
    shown(tab, f"{small}#person={quote('a.jpg#0', safe='')}", width, dark=dark)
    settled(tab, OPEN, "a.jpg#0")
    tab.run("document.querySelectorAll('dialog [data-layer]:not(:checked)').forEach(one => one.click())")
    kinds = ("box", "context", "segmentation", "depth", "objects", "skeleton", "face")
    layers = tab.run("[...document.querySelectorAll('dialog [data-layer]')].map(one => one.dataset.layer)")
    assert sorted(layers) == sorted(kinds)
    svg = "document.querySelector('dialog .large svg')"
    assert tab.run(f"{svg}.querySelectorAll('image').length") == 3, "photograph, classes, depth"
    assert tab.run(f"{svg}.querySelector('text').textContent") == "person 90 %"
    assert tab.run("[...document.querySelectorAll('.legend li')].map(one => one.textContent)") == [
        "floor 75.0 %",
        "sky 25.0 %",
    ]
    assert tab.run("document.documentElement.scrollWidth") <= width, "scrolls sideways"
    assert tab.run("document.querySelector('dialog').scrollWidth <= document.querySelector('dialog').clientWidth")
    assert tab.run(CHECKS) == {"empty": [], "overlaps": [], "outside": [], "faint": []}
    press(tab, "Escape")
    settled(tab, "document.querySelector('dialog').childElementCount", 0)
    assert tab.run(CHECKS) == {"empty": [], "overlaps": [], "outside": [], "faint": []}
    told = tab.run("[...document.querySelectorAll('.card .lost')].map(one => one.textContent.split(':')[0])")
    assert set(told) <= {"missing", "broken", "outside_root"}
    assert told
    asked = [one for one in tab.requests() if not one.startswith("data:")]
    assert len(asked) == 1, "all is in the page"
    assert tab.complaints() == [], MARKUP
    ground = "rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)"
    assert tab.run("getComputedStyle(document.body).backgroundColor") == ground


def test_no_script_but_its_own_runs(tab: chromium.Tab, small: str) -> None:
    shown(tab, small)
    tab.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.bad = 1\">')")
    script = (
        "const one = document.createElement('script'); one.textContent = 'window.bad = 1'; document.body.append(one)"
    )
    tab.run(f"(() => {{ {script} }})()")
    assert tab.run("window.bad") is None
    assert any("Content Security Policy" in one for one in tab.complaints())


def test_an_image_is_the_one_of_its_person(tab: chromium.Tab, small: str) -> None:
    shown(tab, small)
    address = tab.run("document.querySelector('[data-person=\"0\"] image').getAttribute('href')")
    picture = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    assert picture.size == (64, 48)
    assert picture.getpixel((30, 20)) == pytest.approx((200, 40, 40), abs=4)
