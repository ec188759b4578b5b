"""The page of a grid that has not ended: every head under every protocol, with links to the protocols' pages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heads.page.elements import Html, element, join, table
from heads.page.grid import link
from heads.tables.columns import NONE, main_levels, published
from heads.text import interval

Results = Mapping[str, Any]


def overview(tables: Mapping[Path, Results], page: str) -> Html:
    """tables: folder of each protocol -> its results.json. page: the file name of a protocol's own page."""
    protocols = [link(one["protocol"], folder, page) for folder, one in tables.items()]
    names = list(dict.fromkeys(row["name"] for one in tables.values() for row in (*one["rows"], *_absent(one))))
    body = [[name, *(_cell(one, name) for one in tables.values())] for name in names]
    mains = ", ".join(dict.fromkeys(one["metrics"][0]["title"] for one in tables.values())).capitalize()
    papers = (
        "; below it the paper's number and ours \u2212 paper" if any(published(one) for one in tables.values()) else ""
    )
    told = f"{mains} with its 95 % interval{papers}."
    parts = [table(told, ["head", *protocols], body, numbers=len(protocols))]
    worth = [f"{one['protocol']}: {_told(one)}" for one in tables.values()]
    parts.append(element("p", f"Without learning: {'; '.join(worth)}.", class_="notes"))
    return join(parts)


def _told(results: Results) -> str:
    main = results["metrics"][0]
    levels = main_levels(results)
    return ", ".join(
        f"{one['title']} {main['scale'] * one['values'][main['name']]:.2f} {main['unit']}" for one in levels
    )


def untrained(tables: Mapping[Path, Results]) -> list[str]:
    """The untrained features that took part in any of the tables."""
    without = {one["name"] for results in tables.values() for one in results["features"] if not one["trained"]}
    used = {name for results in tables.values() for row in results["rows"] for name in row["features"]}
    return sorted(without & used)


def _absent(results: Results) -> list[Mapping[str, Any]]:
    return list(results.get("absent") or [])


def _cell(results: Results, name: str) -> Html:
    row = next((row for row in results["rows"] if row["name"] == name), None)
    if row is None:
        missing = next((one["reason"] for one in _absent(results) if one["name"] == name), "not in this table")
        return element("span", missing, class_="absent")
    main, scale = results["metrics"][0]["name"], results["metrics"][0]["scale"]
    if (score := row["metrics"].get(main)) is None:
        return element("span", NONE, class_="absent")
    mean, bounds = interval(score, scale).split(" ", 1)
    lines = [join([mean, element("small", f" {bounds}")])]
    if paper := (row.get("paper") or {}).get(main):
        lines.append(element("small", f"{scale * paper:.2f} | {scale * (score['mean'] - paper):+.2f}"))
    without = {one["name"] for one in results["features"] if not one["trained"]}
    if without & set(row["features"]):
        lines.append(element("strong", "UNTRAINED", class_="untrained"))
    return join(lines, Html("<br/>"))
