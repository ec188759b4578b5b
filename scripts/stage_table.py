"""docs/stages.md: the table of stages, made from the code: inputs, arrays with shapes, networks, licences, speed.

``python -m scripts.stage_table`` rewrites what stands between its two marks. Speeds are those of
bench/extract.json: images in a second of the default settings on the machine named there.
"""

import json
from pathlib import Path
from typing import Any

from cache.plugins import load, shipped
from cache.spec import Granularity
from pipeline.stage import Stage
from pipeline.weights.catalogue import find

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "stages.md"
SPEEDS = ROOT / "bench" / "extract.json"
BEGIN, END = "<!-- stages -->\n", "<!-- /stages -->\n"
COLUMNS = ("stage", "input", "arrays of one row", "weights by default", "their licence", "images/s here")


def table() -> str:
    """One line for each stage."""
    speeds = json.loads(SPEEDS.read_text()).get("stages", {}) if SPEEDS.exists() else {}
    header = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    return header + "".join(_line(name, speeds.get(name)) for name in shipped("pipeline.stages"))


def _line(name: str, speed: dict[str, Any] | None) -> str:
    extractor = load("pipeline.stages", name, "Extractor")
    stage: Stage[Any] = extractor(extractor.Config())
    made = ", ".join(f"`{array}` {_shape(spec.shape)} {spec.dtype}" for array, spec in stage.outputs.items())
    weights = [find(one) for one in stage.weights]
    told = "its source's rows" if stage.source else "people's boxes" if stage.pixels else "people's joints"
    none = "none" if stage.unit is Granularity.IMAGE and not stage.source else f"none: arithmetic on {told}"
    networks = "; ".join(dict.fromkeys(f"`{one.name}`: {one.source}" for one in weights)) or none
    licences = "; ".join(dict.fromkeys(one.licence for one in weights)) or "-"
    shown = f"{speed['runner_images_per_second']:g}" if speed else "not measured"
    return f"| `{name}` | {_inputs(stage)} | {made} | {networks} | {licences} | {shown} |\n"


def _inputs(stage: Stage[Any]) -> str:
    """What a row is made of: the feature it is derived from, with the image where that is looked at again, else what
    the settings let one choose, else its unit."""
    if stage.source:
        return f"rows of `{stage.source}`" + (", image" if stage.sees else "")
    field = type(stage.config).model_fields.get("input")
    choices = getattr(field.annotation, "__args__", ()) if field else ()
    return ", ".join(choices) or str(stage.granularity)


def _shape(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def rewritten(text: str) -> str:
    """``text`` of the page with the table as the code has it. Raises: ValueError when a mark is missing."""
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"{PAGE}: the marks {BEGIN.strip()} and {END.strip()} are not there")
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text()))
