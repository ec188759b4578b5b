"""The sections on where numbers come from: labels, features, settings."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cache.store import Feature
from heads.page.elements import Html, element, join, table
from heads.page.material import Material
from heads.page.outcome import badge
from heads.tables import counted_seeds

_PARTS = ("train", "val", "test")


def mapping_section(material: Material) -> Html:
    """Which of the dataset's categories (or levels) make which class, and how many people each class has."""
    results, rules = material.results, material.rules
    published = results.get("published_people") or []
    columns = ["class", "part", *(["made of"] if rules else []), *_PARTS, *(one["source"] for one in published)]
    body = []
    for name in dict.fromkeys(name for part in _PARTS for name in results["people"].get(part, {})):
        counts = [str(results["people"].get(part, {}).get(name, "\u2013")) for part in _PARTS]
        told = [str(one["test"].get(name, "")) for one in published]
        body.append([name, _part(results, name), *([_made_of(material, name)] if rules else []), *counts, *told])
    caption = f"People by class, mapping version {results.get('mapping_version')}"
    parts = [table(caption, columns, body, numbers=len(_PARTS) + len(published))]
    return join([*parts, *(element("p", line) for line in _rules(material))])


def _part(results: Mapping[str, Any], name: str) -> str:
    return "unseen" if name in results["people"].get("test", {}) else "seen"


def _is_category(material: Material) -> bool:
    return material.rules is not None and material.results["protocol"] in material.rules.unseen


def _made_of(material: Material, name: str) -> str:
    if not _is_category(material) or material.rules is None:
        return f"level {name}"
    return ", ".join(material.rules.seen.get(name, (name,)))


def _rules(material: Material) -> Iterable[str]:
    rules, protocol = material.rules, material.results["protocol"]
    if rules is None:
        return
    if not _is_category(material):
        yield f"Levels 1 to 10 of {protocol.rpartition('-')[2]}; averages are rounded: {rules.rounding}."
        return
    used = {word for words in rules.seen.values() for word in words} | set(rules.unseen[protocol])
    if unused := [word for word in material.categories if word not in used]:
        yield f"Categories of no class, which do not vote: {', '.join(unused)}."
    yield f"A person's class is the one most of the person's categories belong to; ties: {rules.ties}."
    yield f"Unseen classes are tested on the people of {', '.join(rules.test_splits)}."


def provenance_section(material: Material) -> Html:
    """What each feature was made with."""
    columns = ["feature", "used", "weights are", "stage", "model", "weights (sha256)", "fingerprint"]
    body = [_feature(one, material.features.get(one["name"])) for one in material.results["features"]]
    caption = "Features of the store when the run was made"
    parts = [table(caption, columns, body)]
    for name, feature in material.features.items():
        text = json.dumps(feature.info, indent=2, sort_keys=True)
        told = element("summary", f"{name}: every setting, weight and library")
        parts.append(element("details", told, element("pre", text, tabindex=0)))
    return join([*parts, _libraries(material)])


def _feature(one: Mapping[str, Any], stored: Feature | None) -> list[str]:
    info = stored.info if stored else {}
    config = info.get("config") or {}
    weights = join(
        (join([name, " ", element("code", str(digest)[:12], title=str(digest))]) for name, digest in _weights(info)),
        ", ",
    )
    return [
        one["name"],
        "yes" if one.get("used", True) else "no",
        "trained" if one["trained"] else badge(),
        str(info.get("stage", "not known")),
        ", ".join(str(config[word]) for word in ("model", "input") if word in config),
        weights or Html("none"),
        element("code", one["fingerprint"]),
    ]


def _weights(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    return sorted((info.get("weights") or {}).items())


def _libraries(material: Material) -> Html:
    found = sorted({f"{name} {version}" for one in material.features.values() for name, version in _versions(one)})
    return element("p", f"Extracted with {', '.join(found)}.") if found else Html("")


def _versions(feature: Feature) -> list[tuple[str, str]]:
    return sorted((feature.info.get("libraries") or {}).items())


def settings_section(material: Material) -> Html:
    """Every setting of every head, one column a head."""
    rows = [row for row in material.results["rows"] if row.get("settings")]
    names = list(dict.fromkeys(name for row in rows for name in row["settings"]))
    body = [[name, *(_value(row["settings"].get(name, "")) for row in rows)] for name in names]
    seeds = max((row.get("seeds", 0) for row in rows), default=0)
    caption = f"Settings of training, {counted_seeds(seeds)}, {material.results.get('threads', 'unknown')} threads"
    return table(caption, ["setting", *(row["name"] for row in rows)], body, numbers=len(rows))


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
