"""CAER-S in the contract suite: with the lists of public code, and with faces that were looked for."""

from pathlib import Path

from caer_s_files import STATUSES, face, faces, images, write
from dataset_case import Case

from pipeline.dataset import Reader
from pipeline.datasets import caer_s


def build_lists(root: Path) -> Reader:
    """``write`` and its reader."""
    write(root)
    return caer_s.Reader(root)


def build_faces(root: Path, *more: str) -> Reader:
    """A root with faces.csv, in which is also: an image without a face, one that cannot be read, a link that leads out,
    one that has gone since, a file whose name is no image's."""
    paths = images(root, {"train/Anger": 20, "test/Anger": 4})
    (root / "train/Anger/.hidden.png").write_bytes(b"")
    (root / "train/Anger/notes.txt").write_text("no image")
    lines = [face(path, (root / path).stat().st_size) for path in paths[:-3]]
    none, broken, link = paths[-3:]
    lines.append(face(none, (root / none).stat().st_size, "no_face,64,48,,,,,,0,"))
    (root / broken).write_bytes(b"no image")
    lines.append(face(broken, 8, "broken,0,0,,,,,,0,not readable as an image: begins with b'no image', none of it"))
    (root.parent / "elsewhere.png").write_bytes(b"12345")
    (root / link).unlink()
    (root / link).symlink_to(root.parent / "elsewhere.png")
    lines.append(face(link, 5, "outside_root,0,0,,,,,,0,a symbolic link leads out of the dataset's folder"))
    lines.append(face("train/Happy/0001.png", 99))
    faces(root, lines + [face(path, 1) for path in more])
    return caer_s.Reader(root)


FACE_STATUSES = {"ok": 21 + 1, "no_person": 2, "outside_root": 1}
"""Rows of ``build_faces``, by hand."""
FOLDERS = "an image's split is its folder"
CASES = {
    "lists": Case(build_lists, sum(STATUSES.values()), "a line cannot hold every path: see test_caer_s.py", FOLDERS),
    "faces": Case(build_faces, sum(FACE_STATUSES.values()), build_faces, FOLDERS),
}
