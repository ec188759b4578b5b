"""The section on classes: of each metric that is a mean over them, the paper's number, ours and the difference."""

from collections.abc import Mapping
from typing import Any

from heads.page.elements import Html, element, framed, join, stacked
from heads.page.material import Material
from heads.tables import classes
from heads.tables.columns import titled


def section(material: Material) -> Html:
    """A table a metric, a group of lines a class, a column a head; empty where no metric is told by class."""
    return join(_table(material.results, metric) for metric in classes.metrics(material.results))


def _table(results: Mapping[str, Any], metric: Mapping[str, Any]) -> Html:
    titles = [element("th", name, scope="col", class_="number") for name in classes.heads(results)]
    head = element("thead", element("tr", element("th", titled(metric), scope="col"), *titles))
    bodies = (_body(results, metric, name) for name in classes.names(results, metric))
    return framed(f"{titled(metric)} by class, with its 95 % interval", head, *bodies, kind="grouped")


def _body(results: Mapping[str, Any], metric: Mapping[str, Any], name: str) -> Html:
    shown = classes.lines(results, metric, name, stacked, lambda score, scale: stacked(score, scale, "+"))
    heading = element("tr", element("th", element("span", name), scope="rowgroup", colspan=1 + len(results["rows"])))
    return element("tbody", heading, *(_line(kind, texts) for kind, texts in shown))


def _line(kind: str, texts: list[str]) -> Html:
    cells = (element("td", text, class_="number") for text in texts)
    return element("tr", element("th", kind, scope="row"), *cells, class_="ours" if kind == "ours" else None)
