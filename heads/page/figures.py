"""The page's pictures as SVG files, each whole by itself: for papers, slides and other pages."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as Tree

from cache.files import make_folder, remove, replace_text
from heads.page.plain_style import attributes

FOLDER = "figures"
_SVG = "http://www.w3.org/2000/svg"
_FONT = "Helvetica, Arial, sans-serif"
_EDGE, _ENTRY = 6, 18
"""Room around a picture, and the height of a line of its legend, in pixels."""
_LONGEST = 120
_UNTRAINED = "UNTRAINED features (*): no result"
_MARK = "<!-- affect-cache: a figure of {} -->"


def write(folder: Path, page: str, name: str = "report.html") -> list[Path]:
    """``folder/figures/<section>-<title>.svg`` for every picture of a page, in the place of those of an older page.

    page: its HTML, which is XML. name: the page's file; pictures of pages of other names stay.
    Raises: StoreError when the folder cannot be written.
    """
    mark = _MARK.format(name)
    found = dict(_named(page))
    target = folder / FOLDER
    old = [path for path in target.glob("*.svg") if path.is_file() and _ours(path, mark)]
    if found:
        make_folder(target)
    for file, picture in found.items():
        replace_text(target / file, f"{mark}\n{picture}\n")
    for path in old:
        if path.name not in found:
            remove(path)
    return [target / file for file in found]


def _ours(path: Path, mark: str) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark.encode()


def _named(page: str) -> Iterator[tuple[str, str]]:
    """(file name, SVG); a name that is there already gets a number."""
    seen: dict[str, int] = {}
    for section in Tree.fromstring(page.removeprefix("<!DOCTYPE html>\n")).iter("section"):
        for figure in section.iter("figure"):
            for picture in _plots(figure):
                stem = f"{section.get('id', '')}-{_slug(picture.get('aria-label', ''))}"[:_LONGEST].strip("-")
                seen[stem] = seen.get(stem, 0) + 1
                yield f"{stem}{f'-{seen[stem]}' * (seen[stem] > 1)}.svg", _whole(picture, figure)


def _plots(figure: Tree.Element) -> list[Tree.Element]:
    return [one for one in figure.iter("svg") if "plot" in _classes(one)]


def _classes(one: Tree.Element) -> list[str]:
    return one.get("class", "").split()


def _whole(picture: Tree.Element, figure: Tree.Element) -> str:
    """The picture with its own colours, a legend where the page has one beside it, a word on untrained features, and
    the page's words as its description."""
    _, _, width, height = map(float, picture.get("viewBox", "").split())
    entries = [line for legend in figure.iter("ul") for line in legend.iter("li")]
    marked = any("untrained" in _classes(one) for one in figure.iter())
    low = height + _ENTRY * (len(entries) + marked)
    root = Tree.Element("svg", {"xmlns": _SVG, "font-family": _FONT, "role": "img"})
    root.set("viewBox", f"{-_EDGE} {-_EDGE} {width + 2 * _EDGE:g} {low + 2 * _EDGE:g}")
    root.set("width", f"{width + 2 * _EDGE:g}")
    root.set("height", f"{low + 2 * _EDGE:g}")
    words = [" ".join("".join(one.itertext()).split()) for one in figure if one.tag in ("h3", "figcaption")]
    Tree.SubElement(root, "desc").text = ". ".join(word.rstrip(".") for word in words)
    root.extend(_plain(one) for one in picture)
    for place, line in enumerate(entries):
        root.append(_entry(line, height + _ENTRY * place))
    if marked:
        told = {"x": "10", "y": f"{low - _ENTRY + 12:g}", **attributes("text", []), "font-weight": "700"}
        Tree.SubElement(root, "text", told).text = _UNTRAINED
    return Tree.tostring(root, encoding="unicode")


def _plain(one: Tree.Element) -> Tree.Element:
    """The element and what is in it, its classes made attributes."""
    own = {key: value for key, value in one.attrib.items() if key != "class"}
    copy = Tree.Element(one.tag, {**attributes(one.tag, _classes(one)), **own})
    copy.text, copy.tail = one.text, one.tail
    copy.extend(_plain(part) for part in one)
    return copy


def _entry(line: Tree.Element, top: float) -> Tree.Element:
    """A line of a legend: the shape, then its words."""
    group = Tree.Element("g", {"transform": f"translate(10 {top:g})"})
    group.extend(_plain(part) for shape in line.iter("svg") for part in shape)
    text = Tree.SubElement(group, "text", {"x": "20", "y": "11", **attributes("text", [])})
    text.text = "".join(line.itertext())
    return group


def _slug(words: str) -> str:
    return re.sub(r"\W+", "-", words.lower()).strip("-")
