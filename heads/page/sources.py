"""The sections on where numbers come from: labels, features, settings."""

import json
from collections.abc import Mapping
from typing import Any

from cache.feature import Feature
from heads.page.elements import Html, element, join, table
from heads.page.material import Material
from heads.page.outcome import badge
from heads.text import counted_seeds


def labels_section(material: Material) -> Html:
    """What each class is made of, and how many people it has, as the protocol tells it."""
    told = material.results["labels"]
    shown = table(told["caption"], told["columns"], told["rows"], numbers=told["numbers"])
    return join([shown, *(element("p", line) for line in told["notes"])])


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
