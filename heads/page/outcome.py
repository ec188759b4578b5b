"""The sections on numbers: the table, classes, confusions, learning curves, embeddings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from heads import tables
from heads.page import charts
from heads.page.charts import Mark
from heads.page.curves import curve, limits
from heads.page.elements import Html, element, interval, join, percent, table
from heads.page.material import Material
from heads.page.scatter import legend, scatter
from heads.page.scores import Scored

_METRICS = {"accuracy": "accuracy", "macro_accuracy": "macro accuracy"}
_KINDS = {"loss": 1, "validation": 100}  # as drawn: validation in per cent
Row = Mapping[str, Any]


def badge() -> Html:
    """The word beside everything that untrained features took part in."""
    return element("strong", "UNTRAINED", class_="untrained")


def name_of(material: Material, row: Row) -> Html:
    """A head's name, marked when it was made from untrained features."""
    return join([row["name"], *([" ", badge()] if material.untrained(row) else [])])


def table_section(material: Material) -> Html:
    """Every head with its intervals, chance, the largest class, the paper, and a picture of them."""
    results = dict(material.results)
    metrics = list(dict.fromkeys(name for row in material.rows for name in row["metrics"]))
    words = [f"{_METRICS.get(name, name)} % [95\u00a0%]" for name in metrics]
    columns = [
        "head",
        "features",
        *words,
        "chance %",
        "largest class %",
        "paper %",
        "ours \u2212 paper",
        "parameters",
        "s",
    ]
    reference = results.get("reference")
    columns += [f"\u2212 {reference}{_worth(material, reference)} [95\u00a0%]"] if reference else []
    body = [_line(material, row, metrics) for row in results["rows"]]
    body += [[one["name"], f"not trained: {one['reason']}"] for one in results.get("absent") or []]
    notes = [element("p", note) for note in (tables.notes(results) if material.rows else [])]
    caption = f"{results['dataset']}, {results['protocol']}: test people of classes never trained on"
    drawn = [_overview(material, name) for name in metrics if material.rows]
    return join(
        [
            table(caption, columns, body, numbers=len(columns) - 2),
            element("div", *drawn, class_="cards wide"),
            element("div", *notes, class_="notes"),
        ]
    )


def _line(material: Material, row: Row, metrics: list[str]) -> list[str]:
    untrained, results = material.untrained(row), material.results
    features = join(
        (join([name, " ", badge()]) if name in untrained else name for name in row["features"]), ", "
    ) or Html("none")
    paper = (row.get("paper") or {}).get("accuracy")
    scores = row.get("metrics") or {}
    ours = scores.get("accuracy", {}).get("mean")
    return [
        row["name"],
        features,
        *(interval(scores[name]) if name in scores else "not run" for name in metrics),
        *(percent(results[name]) if name in results else "" for name in ("chance", "largest_class")),
        percent(paper) if paper is not None else "",
        f"{100 * (ours - paper):+.2f}" if paper is not None and ours is not None else "",
        f"{row['parameters']:,}" if "parameters" in row else "",
        f"{row['seconds']:.1f}" if "seconds" in row else "",
        *([_paired(row)] if material.results.get("reference") else []),
    ]


def _worth(material: Material, reference: str) -> str:
    """The untrained features of the reference."""
    found = sorted({name for row in material.rows if row["name"] == reference for name in material.untrained(row)})
    return f" (UNTRAINED: {', '.join(found)})" if found else ""


def _paired(row: Row) -> str:
    """How much better than the reference over the same episodes, or why that is not known."""
    found = (row.get("difference") or {}).get("accuracy")
    if row.get("unpaired"):
        return f"\u2013 {row['unpaired']}"
    return f"{100 * found['mean']:+.2f} [{percent(found['ci95'][0])}, {percent(found['ci95'][1])}]" if found else ""


def _overview(material: Material, metric: str) -> Html:
    results, rows = material.results, [row for row in material.rows if metric in row["metrics"]]
    marked = [row["name"] for row in rows if material.untrained(row)]
    marks = [_mark(row["name"], row["metrics"][metric], _paper(row, metric), row["name"] in marked) for row in rows]
    lines = {name: results[name] for name in ("chance", "largest_class") if name in results}
    if metric == "macro_accuracy":
        lines.pop("largest_class", None)
    words = {"chance": "dashed: chance", "largest_class": "dotted: always the largest class"}
    told = [words[name] for name in lines] + (["diamond: paper"] if any(mark.paper for mark in marks) else [])
    top = charts.axis_end(max([*lines.values(), *(max(mark.high, mark.paper or 0) for mark in marks)]))
    title = f"{_METRICS.get(metric, metric)} of every head"
    drawn = charts.dots(title, marks, {name.replace("_", "-"): value for name, value in lines.items()}, top)
    key = f"Dot and line: mean and 95 % interval; {'; '.join(told)}."
    return card(title, drawn, key, *([warned(marked)] if marked else []))


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


def recall_section(material: Material) -> Html:
    """Bars of every class for each head, all on one scale."""
    chance = material.results["chance"]
    tops = [mark["ci95"][1] for _, one in _scored(material) for mark in one.recall.values()]
    top = charts.axis_end(max([*tops, chance]))
    told = "Share of a class's people recognised from one example of each class; line: 95 % interval; dashed: chance."
    return join([element("p", told), element("div", *_bars(material, chance, top), class_="cards")])


def _bars(material: Material, chance: float, top: float) -> Iterable[Html]:
    for row, one in _scored(material):
        marks = [_mark(name, score) for name, score in one.recall.items()]
        drawn = charts.bars(f"Recall of each class, {row['name']}", marks, chance, top)
        yield card(name_of(material, row), drawn)


def confusion_section(material: Material) -> Html:
    """One matrix for each head; the shades of all of them have one scale."""
    darkest = max(float(one.confusion.max()) for _, one in _scored(material))
    drawn = [card(name_of(material, row), _matrix(row["name"], one, darkest)) for row, one in _scored(material)]
    told = "Rows: the true class; columns: what the nearest example said; per cent of the row, over all seeds and "
    return join([element("p", told, "episodes."), element("div", *drawn, class_="cards")])


def _matrix(head: str, one: Scored, darkest: float) -> Html:
    columns = [element("th", element("span", name), scope="col") for name in one.unseen]
    rows = [
        element(
            "tr",
            element("th", name, scope="row"),
            *(_cell(share, darkest, here == there) for there, share in enumerate(one.confusion[here].tolist())),
        )
        for here, name in enumerate(one.unseen)
    ]
    caption = element("caption", f"Confusions of {head}, per cent", class_="hidden")
    inner = element(
        "table",
        caption,
        element("thead", element("tr", element("td"), *columns)),
        element("tbody", *rows),
        class_="matrix",
    )
    return element("div", inner, class_="scroll", tabindex=0, role="region", aria_label=f"Confusions of {head}")


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
    values = {kind: [size * np.array(row["history"][kind]) for row in rows] for kind, size in _KINDS.items()}
    ends = {kind: limits(found) for kind, found in values.items()}
    for at, row in enumerate(rows):
        score = values["validation"][at]
        best = [(epoch, score[epoch - 1, seed]) for seed, epoch in enumerate(row["best_epochs"]) if epoch]
        yield card(
            name_of(material, row),
            curve(f"Training loss, {row['name']}", "training loss", values["loss"][at], *ends["loss"]),
            curve(
                f"Validation, {row['name']}",
                "validation: macro accuracy %, seen classes",
                score,
                *ends["validation"],
                best,
            ),
        )


def embeddings_section(material: Material) -> Html:
    """t-SNE of the test people."""
    rows = {row["name"]: row for row in material.rows}
    drawn = []
    for name, one in material.projections.items():
        classes = material.scored[name].unseen
        counts = np.bincount(one.labels, minlength=len(classes)).tolist()
        title = f"t-SNE of {name}'s embeddings"
        picture = scatter(title, one.points, one.labels, classes)
        drawn.append(
            card(name_of(material, rows[name]), picture, legend(classes, counts), _sampled(one.of, sum(counts)))
        )
    told = "Test people of the classes never trained on, as embedded by the first seed's model (Affect-DML, figure 4)."
    return join([element("p", told), element("div", *drawn, class_="cards wide")])


def _sampled(of: int, shown: int) -> str:
    return f"{shown} of {of} people, drawn by chance." if shown < of else f"All {of} people."


def _scored(material: Material) -> list[tuple[Row, Scored]]:
    return [(row, material.scored[row["name"]]) for row in material.rows if row["name"] in material.scored]
