"""Single labels of every dataset that has them, read by the dataset's own reader."""

from collections.abc import Callable
from pathlib import Path

import pytest
from caer_s_files import images, line, lists
from dataset_case import photo
from heco_cases import line as heco_line
from heco_cases import write as heco_write
from table_cases import write as table_write

from cache.manifest import Manifest
from heads.known_protocols import find
from pipeline.datasets import caer_s

FACES = ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
HECO = ("Surprise", "Excitement", "Happiness", "Peace", "Disgust", "Anger", "Fear", "Sadness")


def of_caer_s(root: Path) -> Manifest:
    paths = images(
        root, {f"{split}/{name}": 20 if split == "train" else 4 for split in ("train", "test") for name in FACES}
    )
    lists(root, *([line(path) for path in paths if path.startswith(split)] for split in ("train", "test")))
    return caer_s.Reader(root).read("test")


def of_heco(root: Path) -> Manifest:
    names = [f"HECO_{place}.png" for place in range(160)]
    for name in names:
        photo(root / "Data" / name, (64, 100))
    return heco_write(root, [heco_line(name, category=HECO[k % 8]) for k, name in enumerate(names)]).read("test")


def of_table(root: Path) -> Manifest:
    splits = [("a", "train"), ("b", "val"), ("c", "test")]
    for name, split in splits:
        photo(root / f"{split}-{name}.jpg")
    rows = [
        f"{split}-{name}.jpg,1,2,{30 + k},40,{word},{split}"
        for name, split in splits
        for k, word in enumerate(["up", "down"])
    ]
    return table_write(root, [*rows, "train-a.jpg,3,3,20,20,up;down,train"]).read("test")


@pytest.mark.parametrize(
    ("make", "classes", "people"),
    [(of_caer_s, FACES, 7 * 24), (of_heco, HECO, 160), (of_table, ("down", "up"), 6)],
)
def test_every_class_of_a_dataset_is_learned(
    make: Callable[[Path], Manifest], classes: tuple[str, ...], people: int, tmp_path: Path
) -> None:
    manifest = make(tmp_path)
    task = find("single-label").task(manifest)
    assert sorted(task.classes) == sorted(classes)
    assert sum(len(part) for part in (task.train, task.val, task.test)) == people
    for row in [*task.train, *task.val, *task.test]:
        assert manifest.category_names[manifest.categories[row].argmax()] == task.classes[task.labels[row]]
    parts = [{manifest.images[row] for row in part} for part in (task.train, task.val, task.test)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert all(parts)
