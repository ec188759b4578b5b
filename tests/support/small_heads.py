"""Heads on small inputs: the shapes of these, and the tasks that a head can learn."""

from collections.abc import Mapping, Sequence

from cache import plugins
from heads.head import BOXES, CLASS, DIMENSIONS, FLAGS, PEOPLE_CLASS, PEOPLE_FLAGS, SCORES, Head

WIDTHS = {"image/pooled": 12, "body/pooled": 10, "sem2vec/presence": 150, "scene/pooled": 14, "pose_vector/vector": 141}
OTHER_WIDTH = 11
SHAPES = {
    "map": (6, 3, 2),
    "boxes": (3, 4),
    "features": (3, 7),
    "count": (),
    "box": (4,),
    "present": (6,),
    "normalised": (6, 18, 3),
    "c4": (4, 8, 6),
    "c8": (5, 4, 3),
    "c16": (6, 2, 2),
    "c32": (7, 1, 1),
}
"""Of a row of an array that is no vector, by the array's word."""
FRAMES = 6
"""Of a row of any other array that may have any shape: (FRAMES, d), a clip's."""
FEW = {"attention_heads": 2, "key": 8, "geometry_width": 8, "graph_hidden": 16, "units": (4, 4, 6), "hidden_units": 5}
FEW |= {"width": 4, "neck_blocks": 1, "blocks": 1, "extractor_blocks": 1, "common": 4, "teachers": "fer/c8 vea/c16"}
"""In place of the published widths, of which the arithmetic does not depend."""
ONE_CLASS, LABELS, SURE = {CLASS: 6}, {FLAGS: 6, DIMENSIONS: 3}, {FLAGS: 6, DIMENSIONS: 3, SCORES: 6}
"""Sizes of a task of one class a person, of one of several labels with dimensions, and of one with confidences too."""


def learns(name: str, sizes: Mapping[str, int]) -> bool:
    """Whether the head learns everything that is to be told, but dimensions, which may be left out."""
    model: type[Head] = plugins.load("heads.models", name, "Model")
    return set(sizes) - {DIMENSIONS} <= model.learns


KNOWN = (ONE_CLASS, LABELS, SURE, {BOXES: 3, PEOPLE_FLAGS: 6}, {BOXES: 3, PEOPLE_CLASS: 6})


def shape(name: str, arrays: Sequence[str] = ()) -> tuple[int, ...]:
    width = WIDTHS.get(name, OTHER_WIDTH)
    return SHAPES.get(name.partition("/")[2], (FRAMES, width) if name in arrays else (width,))
