"""BoLD in small: any line can be given."""

from collections.abc import Sequence
from pathlib import Path

from clip_files import FRAMES, audio, clip, joints
from dataset_case import Case

from pipeline.datasets._bold_csv import LABELLED
from pipeline.datasets.bold import Reader


def line(
    video: str,
    person: int = 0,
    span: str = f"0,{FRAMES - 1}",
    first: str = "0.6",
    other: str = "0.25",
    vad: str = "5,6,7",
) -> str:
    """first: the share of the category that comes first, Peace; other: of the 25 others."""
    return f'"{video}",{person},{span},{first},{",".join([other] * 25)},{vad},Female,Adult,White,0.8'


def write(
    root: Path,
    train: Sequence[str],
    val: Sequence[str] = (line("003/b.mp4/0.mp4"),),
    test: Sequence[str] = (f"004/c.mp4/0.mp4,0,0,{FRAMES - 1}",),
    header: bool = False,
) -> Reader:
    """``root`` in BoLD's layout, with five videos and their joints."""
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    for name, lines in (("train", train), ("val", val), ("test_meta", test)):
        head = [",".join(LABELLED[: 4 if name == "test_meta" else None])] if header else []
        if lines:
            (root / "annotations" / f"{name}.csv").write_text("\n".join([*head, *lines, ""]))
    for name in ("001/a.mp4/0", "003/b.mp4/0", "004/c.mp4/0"):
        clip(root / "videos" / f"{name}.mp4")
        joints(root / "joints" / f"{name}.npy", 0, 1, 7, unseen=(7,))
    return Reader(root)


def train() -> list[str]:
    return [
        line("001/a.mp4/0.mp4"),
        line("001/a.mp4/0.mp4", 1, "2,5", other="0.5"),
        line("001/a.mp4/0.mp4", 7),  # nothing of them is seen
        line("001/a.mp4/0.mp4", 9),  # the joints have no such person
        line("001/a.mp4/0.mp4", 1, f"6,{FRAMES + 5}", first="0.4"),  # beyond the end; no share of a half
        line("001/a.mp4/0.mp4", 0, "50,60"),
        line("001/absent.mp4/0.mp4", vad="0,11,"),
        line("001/sound.mp4/0.mp4"),
        line("001/bad.mp4/0.mp4"),
        line("001/unjointed.mp4/0.mp4"),
    ]


def build(root: Path, *more: str, header: bool = False) -> Reader:
    reader = write(root, [*train(), *more], header=header)
    audio(root / "videos/001/sound.mp4/0.mp4")
    clip(root / "videos/001/unjointed.mp4/0.mp4")
    (root / "videos/001/bad.mp4").mkdir(parents=True)
    (root / "videos/001/bad.mp4/0.mp4").write_text("no video")
    return reader


def leaking(root: Path) -> Reader:
    return write(root, train()[:2], [line("001/a.mp4/0.mp4", 0, "0,5"), line("003/b.mp4/0.mp4")])


CASES = {
    "without headers": Case(build, 12, lambda root, path: build(root, line(path)), leaking),
    "with headers": Case(lambda root: build(root, header=True), 12, "as without headers", "as without headers"),
}
