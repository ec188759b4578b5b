"""The sections on numbers: the table, what the protocol wants drawn, learning curves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import numpy as np

from heads.drawing import Bars, Drawing, Matrix, Points
from heads.page import charts
from heads.page.charts import Mark
from heads.page.curves import curve, limits
from heads.page.elements import Html, element, join, table
from heads.page.material import GALLERY, Material
from heads.page.scatter import legend, scatter
from heads.tables import results as tables
from heads.tables.columns import NONE, from_paper, main_levels, published, titled
from heads.text import interval, signed

Row = Mapping[str, Any]


def badge() -> Html:
    """The word beside everything that untrained features took part in."""
    return element("strong", "UNTRAINED", class_="untrained")


def name_of(material: Material, row: Row) -> Html:
    """A head's name, marked when it was made from untrained features."""
    return join([row["name"], *([" ", badge()] if material.untrained(row) else [])])


def table_section(material: Material) -> Html:
    """Every head with its intervals, the scores without learning, the paper, and pictures of what is per cent."""
    results = dict(material.results)
    metrics, levels = results["metrics"], main_levels(results)
    main = metrics[0]
    columns = [
        "head",
        "features",
        *(f"{titled(one)} [95\u00a0%]" for one in metrics),
        *(f"{one['title']} {main['unit']}" for one in levels),
        *(word for one in published(results) for word in _paper_titles(one, one is main)),
        "parameters",
        "s",
    ]
    reference = results.get("reference")
    columns += [f"\u2212 {reference}{_worth(material, reference)} [95\u00a0%]"] if reference else []
    body = [_line(material, row) for row in results["rows"]]
    body += [[one["name"], f"not trained: {one['reason']}"] for one in results.get("absent") or []]
    notes = [element("p", note) for note in (tables.notes(results) if material.rows else [])]
    caption = f"{results['dataset']}, {results['protocol']}: {results['caption']}"
    drawn = [_overview(material, one) for one in metrics if material.rows and one["unit"] == "%"]
    return join(
        [
            table(caption, columns, body, numbers=len(columns) - 2),
            element("div", *drawn, class_="cards wide"),
            element("div", *notes, class_="notes"),
        ]
    )


def _line(material: Material, row: Row) -> list[str]:
    untrained, results = material.untrained(row), dict(material.results)
    features = join(
        (join([name, " ", badge()]) if name in untrained else name for name in row["features"]), ", "
    ) or Html("none")
    metrics, main, scale = results["metrics"], results["metrics"][0]["name"], results["metrics"][0]["scale"]
    scores = row.get("metrics") or {}
    none = NONE if scores else "not run"
    return [
        _leading(row["name"]) if material.gallery and scores else row["name"],
        features,
        *(interval(scores[one["name"]], one["scale"]) if one["name"] in scores else none for one in metrics),
        *(f"{scale * one['values'][main]:.2f}" for one in main_levels(results)),
        *(text for one in published(results) for text in _paper_told(row, one)),
        f"{row['parameters']:,}" if "parameters" in row else "",
        f"{row['seconds']:.1f}" if "seconds" in row else "",
        *([_paired(row, metrics[0])] if results.get("reference") else []),
    ]


def _leading(name: str) -> Html:
    """To the row's mistakes among the photographs, the worst first."""
    address = f"{GALLERY}#{urlencode({'row': name, 'answer': 'wrong', 'order': 'off'})}"
    return element("a", name, href=address, title=f"the mistakes of {name} as photographs")


def _paper_titles(metric: Mapping[str, Any], main: bool) -> tuple[str, str]:
    """Those of the main metric go without its name."""
    what = metric["unit"] if main else titled(metric)
    return f"paper {what}".strip(), f"ours \u2212 paper{'' if main else f', {what}'} [95\u00a0%]"


def _paper_told(row: Row, metric: Mapping[str, Any]) -> tuple[str, str]:
    """The published number, and ours minus it."""
    paper, apart = _paper(row, metric["name"]), from_paper(row, metric["name"])
    shown = "" if paper is None else f"{metric['scale'] * paper:.2f}"
    return shown, signed(apart, metric["scale"]) if apart else ""


def _worth(material: Material, reference: str) -> str:
    """The untrained features of the reference."""
    found = sorted({name for row in material.rows if row["name"] == reference for name in material.untrained(row)})
    return f" (UNTRAINED: {', '.join(found)})" if found else ""


def _paired(row: Row, main: Mapping[str, Any]) -> str:
    """How much better than the reference over the same resamples, or why that is not known."""
    found = (row.get("difference") or {}).get(main["name"])
    if row.get("unpaired"):
        return f"\u2013 {row['unpaired']}"
    return f"{main['scale'] * found['mean']:+.2f} {interval(found, main['scale']).partition(' ')[2]}" if found else ""


def _overview(material: Material, metric: Mapping[str, Any]) -> Html:
    name = metric["name"]
    rows = [row for row in material.rows if name in row["metrics"]]
    marked = [row["name"] for row in rows if material.untrained(row)]
    marks = [_mark(row["name"], row["metrics"][name], _paper(row, name), row["name"] in marked) for row in rows]
    levels = [one for one in material.results["levels"] if name in one["values"]]
    values = [one["values"][name] for one in levels]
    told = key_of(one["title"] for one in levels) + (["diamond: paper"] if any(mark.paper for mark in marks) else [])
    top = charts.axis_end(max([*values, *(max(mark.high, mark.paper or 0) for mark in marks)]))
    title = f"{metric['title']} of every head"
    drawn = charts.dots(title, marks, values, top)
    key = f"Dot and line: mean and 95 % interval; {'; '.join(told)}."
    return card(title, drawn, key, *([warned(marked)] if marked else []))


def key_of(titles: Iterable[str]) -> list[str]:
    """What the lines of a picture are."""
    return [f"{kind}: {title}" for kind, title in zip(charts.LINES, titles, strict=False)]


def warned(names: Sequence[str]) -> Html:
    """Which heads of a picture untrained features took part in."""
    return element("figcaption", badge(), f" features in {', '.join(names)} (marked *).")


def _paper(row: Row, metric: str) -> float | None:
    found: float | None = (row.get("paper") or {}).get(metric)
    return found


def _mark(label: str, score: Mapping[str, Any], paper: float | None = None, untrained: bool = False) -> Mark:
    low, high = score["ci95"]
    return Mark(label, score["mean"], low, high, paper, untrained)


def card(title: str, *children: str) -> Html:
    """A picture or small table under its own heading; plain text becomes its caption."""
    told = [one if isinstance(one, Html) else element("figcaption", one) for one in children]
    return element("figure", element("h3", title), *told)


def drawn_section(material: Material, one: Drawing) -> Html:
    """All heads' drawings of one title, each kind on one scale. one: the first of them, for its words."""
    heads = [(row, found) for row in material.rows if (found := _drawing(material, row, one.title))]
    if isinstance(one, Bars):
        cards, kind = list(_bars(material, one)), "cards"
    elif isinstance(one, Matrix):
        matrices = [(row, found) for row, found in heads if isinstance(found, Matrix)]
        darkest = max(float(found.shares.max()) for _, found in matrices)
        cards = [card(name_of(material, row), _matrix(row["name"], found, darkest)) for row, found in matrices]
        kind = "cards"
    else:
        clouds = [(row, found) for row, found in heads if isinstance(found, Points)]
        cards, kind = [found for row, one in clouds for found in _clouds(material, row, one)], "cards wide"
    return join([element("p", one.told), element("div", *cards, class_=kind)])


def _drawing(material: Material, row: Row, title: str) -> Drawing | None:
    shown = material.shown.get(row["name"])
    return shown.of(title) if shown else None


def _bars(material: Material, one: Bars) -> Iterable[Html]:
    known = [(row, material.shown[row["name"]].bars) for row in material.rows if row["name"] in material.shown]
    found = [(row, bars[one.title]) for row, bars in known if one.title in bars]
    tops = [mark["ci95"][1] for _, bars in found for mark in bars.values()]
    top = charts.axis_end(max([*tops, one.level or 0.0, *one.levels.values()]))
    for row, bars in found:
        marks = [replace(_mark(name, score), level=one.levels.get(name)) for name, score in bars.items()]
        drawn = charts.bars(f"{one.name}, {row['name']}", marks, one.level, top)
        yield card(name_of(material, row), drawn)


def _matrix(head: str, one: Matrix, darkest: float) -> Html:
    columns = [element("th", element("span", name), scope="col") for name in one.names]
    rows = [
        element(
            "tr",
            element("th", name, scope="row"),
            *(_cell(share, darkest, here == there) for there, share in enumerate(one.shares[here].tolist())),
        )
        for here, name in enumerate(one.names)
    ]
    caption = element("caption", f"{one.name} of {head}, per cent", class_="hidden")
    inner = element(
        "table",
        caption,
        element("thead", element("tr", element("td"), *columns)),
        element("tbody", *rows),
        class_="matrix",
    )
    return element("div", inner, class_="scroll", tabindex=0, role="region", aria_label=f"{one.name} of {head}")


def _cell(share: float, darkest: float, right: bool) -> Html:
    shade = f"--p:{100 * share / darkest:.0f}"
    return element("td", f"{100 * share:.0f}", style=shade, class_="right" if right else None)


def curves_section(material: Material) -> Html:
    """Loss and validation score of every trained head, each kind on one scale."""
    known = [row for row in material.rows if (row.get("history") or {}).get("loss")]
    without = [row["name"] for row in material.rows if "history" not in row]
    parts: list[Html] = []
    if known:
        told = "Line: mean over seeds; band: lowest to highest seed; rings: the epoch each seed's weights were kept of."
        parts = [element("p", told), element("div", *_curves(material, known), class_="cards")]
    if without:
        told = f"Not kept when these were trained: {', '.join(without)}. Train again to see their curves."
        parts.append(element("p", told, class_="absent"))
    return join(parts or [element("p", "No head of this run has anything to train.", class_="absent")])


def _curves(material: Material, rows: Sequence[Row]) -> Iterable[Html]:
    sizes = {"loss": [1] * len(rows), "validation": [100 if "%" in row["judged_by"] else 1 for row in rows]}
    values = {
        kind: [size * np.array(row["history"][kind]) for row, size in zip(rows, found, strict=True)]
        for kind, found in sizes.items()
    }
    ends = {kind: limits(found) for kind, found in values.items()}
    for at, row in enumerate(rows):
        score = values["validation"][at]
        best = [(epoch, score[epoch - 1, seed]) for seed, epoch in enumerate(row["best_epochs"]) if epoch]
        yield card(
            name_of(material, row),
            curve(f"Training loss, {row['name']}", "training loss", values["loss"][at], *ends["loss"]),
            curve(
                f"Validation, {row['name']}",
                f"validation: {row['judged_by']}",
                score,
                *ends["validation"],
                best,
            ),
        )


def _clouds(material: Material, row: Row, one: Points) -> Iterable[Html]:
    """t-SNE of people, where they were laid out."""
    found = material.shown[row["name"]].projections.get(one.title)
    if found is None:
        return
    counts = np.bincount(found.labels, minlength=len(one.names)).tolist()
    picture = scatter(f"t-SNE of {row['name']}'s {one.title.lower()}", found.points, found.labels, one.names)
    yield card(name_of(material, row), picture, legend(one.names, counts), _sampled(found.of, sum(counts)))


def _sampled(of: int, shown: int) -> str:
    return f"{shown} of {of} people, drawn by chance." if shown < of else f"All {of} people."
