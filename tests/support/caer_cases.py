"""CAER in small."""

from pathlib import Path

from clip_files import audio, clip
from dataset_case import Case

from pipeline.datasets._caer_s_images import CATEGORIES
from pipeline.datasets.caer import FOLDERS, Reader


def build(root: Path) -> Reader:
    for split in FOLDERS:
        for name in CATEGORIES:
            clip(root / split / name / "0001.avi")
    clip(root / "train" / "Sad" / "0002.avi", 5)
    audio(root / "train" / "Sad" / "0003.mp4")
    (root / "test" / "Sad" / "0004.avi").write_bytes(b"")
    (root / "test" / "Sad" / "notes.txt").write_text("no video")
    return Reader(root)


CASES = {
    "folders": Case(build, 3 * 7 + 3, "a path is a file's own", "a file lies in one folder", images=True),
}
