"""The page: sections in order, the style sheet inside, and nothing that asks for more."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cache.files import replace_text
from heads.drawing import Drawing, Ordered, Points
from heads.page import beside, classes, falling, figures, grid, outcome, paper_tables, sources
from heads.page.elements import Html, element, join
from heads.page.material import Material
from heads.page.overview import overview, untrained
from heads.page.plain_style import STYLE
from heads.tables.columns import main_levels
from heads.text import counted_seeds

Results = Mapping[str, Any]
NAME = "report.html"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def html(material: Material, beside: Mapping[str, Html] = MappingProxyType({})) -> str:
    """The whole document. Its policy forbids the browser every request and every script. beside: sections that are
    made elsewhere, by heading; they come last."""
    results = material.results
    title = f"{results['dataset']}, {results['protocol']}"
    facts = [_facts(results), *_warnings(material)]
    return document(title, material.run, facts, {**_sections(material), **beside})


def overview_html(run: str, tables: Mapping[Path, Results], summary: Mapping[str, Any] | None = None) -> str:
    """The document of a grid. tables: folder of each protocol -> its results.json, at least one. summary: the grid's
    summary.json; None when the grid has not ended."""
    if summary is not None:
        return _grid_html(run, tables, summary)
    title = f"{next(iter(tables.values()))['dataset']}, {len(tables)} protocols"
    used = untrained(tables)
    told = "No summary.json: the grid has not ended. Run make ablate again for the papers' tables."
    facts = [element("p", told, class_="warning"), *([_untrained(used)] if used else [])]
    return document(title, run, facts, {"Protocols": overview(tables, NAME)})


def _grid_html(run: str, tables: Mapping[Path, Results], summary: Mapping[str, Any]) -> str:
    used, doubts = grid.untrained(summary), grid.doubts(summary, tables)
    facts = [_pairs(grid.facts(summary))]
    facts += [_untrained(used)] if used else []
    facts += [_listed("Not as it was when the grid ended:", doubts)] if doubts else []
    sections = {one["title"]: paper_tables.table_section(summary, one) for one in summary["tables"]}
    sections |= {
        "Notes": grid.notes(summary),
        "Protocols": grid.protocols_section(summary, tables, NAME),
        "Features": grid.features_section(summary),
    }
    return document(f"{summary['dataset']}, {len(summary['protocols'])} protocols", run, facts, sections)


def document(title: str, run: str, facts: Sequence[Html], sections: Mapping[str, Html]) -> str:
    """A whole page that asks for nothing. run: the run's name, "" for a page of none. facts: below its title. sections:
    by heading."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title}: affect-cache"),
        element("style", Html(STYLE.read_text(encoding="utf-8"))),
    )
    links = [element("li", element("a", word, href=f"#{_anchor(word)}")) for word in sections]
    named = [element("p", f"Run {run}", class_="run")] if run else []
    body = element(
        "body",
        element("header", *named, element("h1", title), *facts),
        element("nav", element("ul", *links), aria_label="Sections"),
        element("main", *(_section(word, content) for word, content in sections.items())),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def write(folder: Path, text: str) -> Path:
    """The page, and its pictures as files beside it. Raises: StoreError when the folder cannot be written."""
    path = folder / NAME
    replace_text(path, text)
    figures.write(folder, text)
    return path


def _sections(material: Material) -> dict[str, Html]:
    found = {"Results": outcome.table_section(material)}
    before = [one for one in material.drawings if not isinstance(one, Points)]
    if swept := beside.sweeps_section(material):
        found["Sweeps"] = swept
    found |= {one.title: _drawn(material, one) for one in before}
    if by_class := classes.section(material):
        found["By class"] = join([beside.classes_section(material), by_class])
    if material.rows:
        found["Training"] = outcome.curves_section(material)
    after = [one for one in material.drawings if isinstance(one, Points)]
    found |= {one.title: _drawn(material, one) for one in after}
    found["Labels"] = sources.labels_section(material)
    return found | {"Features": sources.provenance_section(material), "Settings": sources.settings_section(material)}


def _drawn(material: Material, one: Drawing) -> Html:
    return falling.section(material, one) if isinstance(one, Ordered) else outcome.drawn_section(material, one)


def _section(word: str, content: Html) -> Html:
    anchor = _anchor(word)
    heading = element("h2", word, id=f"{anchor}-heading")
    return element("section", heading, content, id=anchor, aria_labelledby=f"{anchor}-heading")


def _anchor(word: str) -> str:
    return re.sub(r"\W+", "-", word.lower()).strip("-")


def _facts(results: Results) -> Html:
    sizes = results["sizes"]
    heads, seeds = len(results["rows"]), max((row.get("seeds", 0) for row in results["rows"]), default=0)
    facts = {
        "dataset": results.get("release", results["dataset"]),
        "protocol": results["protocol"],
        "heads": f"{heads}, {counted_seeds(seeds)} each",
        "people": ", ".join(f"{part} {size:,}" for part, size in sizes.items()),
    }
    main = results["metrics"][0]
    for one in main_levels(results):
        facts[one["title"]] = f"{main['scale'] * one['values'][main['name']]:.2f} {main['unit']}"
    return _pairs(facts)


def _pairs(facts: Mapping[str, str]) -> Html:
    found = [element("div", element("dt", name), element("dd", value)) for name, value in facts.items() if value]
    return element("dl", *found)


def _warnings(material: Material) -> list[Html]:
    used = sorted({name for row in material.results["rows"] for name in material.untrained(row)})
    found = [_untrained(used)] if used else []
    return [*found, *([_listed("Left out of this page:", material.left_out)] if material.left_out else [])]


def _listed(told: str, lines: Sequence[str]) -> Html:
    return element("div", element("p", told), element("ul", *(element("li", one) for one in lines)), class_="warning")


def _untrained(names: Sequence[str]) -> Html:
    told = f" features took part: {', '.join(names)}. Numbers and pictures made from them are no results."
    return element("p", outcome.badge(), told, class_="warning")
