"""A table of one's own of videos, in small."""

from collections.abc import Sequence
from pathlib import Path

from clip_files import clip, joints
from dataset_case import Case

from pipeline.datasets.clips import Reader

HEADER = "video,person,first,last,x1,y1,x2,y2,joints,labels,split"
LINES = (
    "films/a.mp4,0,0,5,4,5,30,40,,happy;excited,train",
    "films/a.mp4,1,0,5,-5,5,20,300,,calm,train",
    "films/a.mp4,1,6,20,,,,,a.npy,calm,train",
    "films/b.mp4,,,,,,,,,afraid|sad,val",
    "c.mov,3,2,4,,,,,a.npy,happy,test",
    "c.mov,0,2,4,,,,,absent.npy,happy,test",
    "c.mov,0,30,40,,,,,,happy,test",
    "c.mov,0,,,,,,,,,test",
    "absent.mp4,0,0,9,,,,,,happy,test",
)


def write(root: Path, lines: Sequence[str], header: str = HEADER) -> Reader:
    """``clips.csv`` with these lines, and the videos and joints that LINES name."""
    for name in ("films/a.mp4", "films/b.mp4", "c.mov"):
        clip(root / name)
    joints(root / "a.npy", 0, 1)
    (root / "clips.csv").write_text("\n".join([header, *lines, ""]))
    return Reader(root)


def unsplit(root: Path) -> Reader:
    """Twenty videos without further columns."""
    for place in range(20):
        clip(root / f"{place}.mp4")
    (root / "clips.csv").write_text(
        "\n".join(["video,labels", *(f"{k}.mp4,{'happy' if k % 2 else 'sad'}" for k in range(20)), ""])
    )
    return Reader(root)


CASES = {
    "with splits": Case(
        lambda root: write(root, LINES),
        9,
        lambda root, path: write(root, [*LINES, f'"{path}",0,0,3,,,,,,happy,train']),
        lambda root: write(root, [*LINES, "films/a.mp4,3,0,5,,,,,,calm,val"]),
    ),
    "without splits": Case(unsplit, 20, "as with splits", "there is no column for them", images=True),
}
