"""The site of docs/ as ``make docs`` builds it: strictly, its links lead somewhere, nothing is from elsewhere."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from make_lines import by_make

ROOT = Path(__file__).resolve().parents[2]
LOADED = {
    "script": "src",
    "img": "src",
    "source": "src",
    "iframe": "src",
    "link": "href",
    "use": "href",
    "video": "src",
}
"""Elements that a browser fetches by itself, and where they say from. Of links, those that are a file's."""


class Page(HTMLParser):
    """What one page loads, where it leads and which anchors it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.anchors |= {told[name] for name in ("id", "name") if name in told}
        if tag == "a" and "href" in told:
            self.leads.append(told["href"])
        elif (place := told.get(LOADED.get(tag, ""))) and told.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(place)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the command that make runs, into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    build, *_ = by_make(ROOT, "make docs", "--just-print").splitlines()
    command = build.removeprefix("NO_MKDOCS_2_WARNING=1 ").split()
    own = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    words = [*command, "--site-dir", str(folder)]
    done = subprocess.run(words, cwd=ROOT, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert command[:3] == [sys.executable, "-m", "mkdocs"]
    assert "WARNING" not in done.stderr
    assert "zensical" not in done.stderr.lower()
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_every_page_of_docs_is_a_page_of_the_site(site: Path, pages: dict[Path, Page]) -> None:
    told = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    told |= {Path("architecture.html"), Path("contributing.html"), Path("changelog.html"), Path("404.html")}
    assert {path.relative_to(site) for path in pages} == told


def test_links_and_anchors_lead_somewhere(pages: dict[Path, Page]) -> None:
    lost = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links are from the site's root, wherever it is shown
            continue
        for link in page.leads:
            there = urlsplit(link)
            if there.scheme in ("http", "https", "mailto"):
                continue
            file = (path.parent / unquote(there.path)).resolve() if there.path else path
            file = file / "index.html" if file.is_dir() else file
            found = file.is_file() and (not there.fragment or unquote(there.fragment) in _anchors(pages, file))
            lost += [] if found else [f"{path.name}: {link}"]
    assert lost == []


def _anchors(pages: dict[Path, Page], file: Path) -> set[str]:
    return pages[file].anchors | {"__toc"} if file in pages else set()


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    assert all(page.loads for page in pages.values())
    away = [(path.name, place) for path, page in pages.items() for place in page.loads if urlsplit(place).netloc]
    assert away == []
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert styles
    assert not [text for text in styles if "url(http" in text or "url(//" in text or "@import" in text]


def test_the_notebooks_are_on_it(site: Path) -> None:
    assert {path.name for path in (site / "notebooks").iterdir()} == {"own_model.ipynb", "from_photographs.ipynb"}
