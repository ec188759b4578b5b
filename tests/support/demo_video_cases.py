"""The demo's clips in small."""

from pathlib import Path

from dataset_case import Case

from pipeline.datasets.demo_video import Reader
from pipeline.demo.clips.plan import plan_clips

CLIPS = 6
"""Of three films: one in each split."""


def build(root: Path) -> Reader:
    """A few clips; their folder does not exist before."""
    folder = root / "data" / "demo_video"
    reader = Reader(folder, clips=CLIPS)
    reader.prepare()
    return reader


DRAWN = "its annotation is drawn, and read by bold's reader"
CASES = {
    "drawn": Case(build, sum(len(plan.persons) for plan in plan_clips(CLIPS, 0)), DRAWN, DRAWN, images=True),
}
