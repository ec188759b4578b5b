"""A table of one's own in small."""

from collections.abc import Sequence
from pathlib import Path

from dataset_case import Case, photo

from pipeline.datasets.table import Reader

HEADER = "image,x1,y1,x2,y2,labels,split"
LINES = (
    "photos/a.jpg,10,20,50,80,happy;excited,train",
    "photos/a.jpg,-5,5,40,300,calm,train",
    "photos/b.jpg,,,,,afraid|sad,val",
    "c.jpg,200,200,210,210,happy,test",
    "./photos/../c.jpg,1,2,30,40,,test",
    "absent.jpg,1,2,30,40,happy,test",
)


def write(root: Path, lines: Sequence[str], header: str = HEADER) -> Reader:
    """``labels.csv`` with these lines, and the three images that LINES name."""
    for name in ("photos/a.jpg", "photos/b.jpg", "c.jpg"):
        photo(root / name)
    (root / "labels.csv").write_text("\n".join([header, *lines, ""]))
    return Reader(root)


def build(root: Path) -> Reader:
    return write(root, LINES)


def unsplit(root: Path) -> Reader:
    """Twenty images without a column split, with every optional column."""
    for k in range(20):
        photo(root / f"{k}.jpg")
    header = "image,labels,valence,arousal,dominance,gender,age"
    return write(root, [f"{k}.jpg,{'happy' if k % 2 else 'sad'},{1 + k % 10},,5.5,f,{k}" for k in range(20)], header)


def hostile(root: Path, path: str) -> Reader:
    return write(root, [*LINES, f'"{path}",1,2,30,40,happy,train'])


def leaking(root: Path) -> Reader:
    return write(root, [*LINES, "photos/a.jpg,60,20,90,80,happy,val"])


CASES = {
    "with splits": Case(build, 6, hostile, leaking),
    "without splits": Case(unsplit, 20, "as with splits", "there is no column for them", images=True),
}
