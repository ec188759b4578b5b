"""The demo in small."""

from pathlib import Path

from dataset_case import Case

from pipeline.datasets.demo import Reader
from pipeline.demo.scenes.plan import plan_scenes

SCENES = 14


def build(root: Path) -> Reader:
    """A few scenes; their folder does not exist before."""
    reader = Reader(root / "data" / "demo", scenes=SCENES)
    reader.prepare()
    return reader


DRAWN = "its annotation is drawn, and read by emotic's reader"
CASES = {
    "drawn": Case(build, sum(len(plan.persons) for plan in plan_scenes(SCENES, 0)), DRAWN, DRAWN, images=True),
}
