"""HECO in small: any line can be given."""

from collections.abc import Sequence
from pathlib import Path

from dataset_case import Case, photo

from pipeline.datasets.heco import Reader

HEADER = "Image,xmin,ymin,xmax,ymax,Category,Valence,Arousal,Dominance,Label_SA,Label_CA"


def line(image: str, box: str = "10,20,50,80", category: str = "Peace", vad: str = "5,6,7") -> str:
    return f"{image},{box},{category},{vad},1,2"


def write(root: Path, lines: Sequence[str], header: str = HEADER, folder: str = "Data", end: str = "\n") -> Reader:
    """``root`` in HECO's layout; images are not made."""
    path = root / "Labels" / "HECO_Labels.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    (root / folder).mkdir(exist_ok=True)
    path.write_bytes(end.join([header, *lines, ""]).encode())
    return Reader(root)


def build(root: Path, *more: str) -> Reader:
    """Ten images with one person, ten with two, and rows of every kind; one image is absent."""
    alone = [line(f"HECO_{k}.png", category="Happinesst" if k == 3 else "Fear") for k in range(10)]
    pairs = [line(f"HECO_{k}.png", box) for box in ("10,20,50,80", "40,5,90,70") for k in range(10, 20)]
    odd = [
        line("HECO_10.png", "-5,-5,400,400"),
        line("HECO_11.png", "50,80,10,20"),
        line("HECO_12.png", category=""),
        line("HECO_13.png", vad="0,11,"),
        line("absent.png"),
    ]
    for k in range(20):
        photo(root / "Data" / f"HECO_{k}.png")
    return write(root, [*alone, *pairs, *odd, *more])


def hostile(root: Path, path: str) -> Reader:
    return build(root, line(f'"{path}"'))


CASES = {
    "csv": Case(build, 10 + 20 + 5, hostile, "its splits are drawn by image: there is no column for them"),
}
