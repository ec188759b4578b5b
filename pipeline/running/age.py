"""What has changed since a feature was made: the code of its stage, the packages that make its values.

It is told also where neither torch nor Pillow is installed.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cache.config import build
from cache.errors import AffectError
from cache.feature import Feature
from cache.makings import makings, spans
from cache.plugins import load as load_plugin
from pipeline.running.stage_code import STAGES, packages, stage_code


def age(feature: Feature) -> dict[str, Any]:
    """Ready for JSON. makings: the oldest first, each with its days, its shards' numbers (first and last of each run of
    them), the files whose code has ``changed`` since and the packages that are others, then and now. unknown: shards of
    which nothing is known. version: of the stage, then and now; null where no
    stage here takes those settings, or what it imports is not installed.

    Raises: StoreError for a damaged record.
    """
    present = {block.number for block in feature.layout.blocks() if feature.header(block)}
    clips, stage = bool(feature.info.get("frames")), f"{STAGES}.{feature.info['stage']}"
    code, here = stage_code(stage, clips), packages(stage, clips)
    told, known = list[dict[str, Any]](), set[int]()
    for one in (replace(one, shards=one.shards & present) for one in makings(feature.folder)):
        if one.shards:
            known |= one.shards
            about = {name: getattr(one, name) for name in ("first", "last", "release", "device")}
            others = {name: list(pair) for name, pair in _apart(one.packages, here).items()}
            told.append(about | {"shards": spans(one.shards), "changed": [*_apart(one.code, code)], "packages": others})
    version = {"then": feature.info["version"], "now": _version(feature.info)}
    return {"makings": told, "unknown": len(present - known), "version": version}


def _apart(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What differs, then and now, by name; "absent" for what is not there."""
    pairs = {name: (then.get(name, "absent"), now.get(name, "absent")) for name in sorted(then.keys() | now.keys())}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _version(info: Mapping[str, Any]) -> int | None:
    """Of the stage that is here now, with the settings of then; None where none takes them, or it cannot be loaded."""
    try:
        extractor = load_plugin(STAGES, info["stage"], "Extractor")
        return int(extractor(build(extractor.Config, info["config"], info["stage"])).version)
    except (AffectError, ImportError):
        return None
