"""EMOTIC in small, in each of its forms."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from dataset_case import Case
from emotic_files import coco, csv_line, image, rated_person, splits, train_person, vad, write, write_coco, write_csv

from pipeline.datasets.emotic import Reader


def build_mat(root: Path, *more: dict[str, Any]) -> Reader:
    """Rows of every kind: fine, clamped, a bad box, no label, no people, a path that leads out."""
    box = np.array([-5.0, 2, 30, 400])
    fine = [train_person(["Anger", "Fear"]), train_person(body_bbox=box), train_person(body_bbox=-box)]
    people = [rated_person(), rated_person([[]]), rated_person(combined_continuous=vad(math.nan))]
    odd = [image("b.jpg", []), image("../../../../c.jpg", [train_person()])]
    write(
        root,
        splits(
            train=[image("a.jpg", [*fine, train_person([])]), *odd, *more],
            val=[image("d.jpg", people), image("e.jpg", [rated_person()])],
        ),
    )
    return Reader(root)


def build_csv(root: Path, *more: str) -> Reader:
    """The same kinds, but images without people, which a CSV cannot name."""
    odd = [csv_line("a.jpg", BBox="[90, 80, 300, 400]"), csv_line("a.jpg", BBox="[50, 80, 10, 20]")]
    unlabelled = csv_line("b.jpg", Categorical_Labels="[]", Continuous_Labels="[nan, 3, 12]")
    out = csv_line("c.jpg", Folder="../..")
    return write_csv(root, train=[csv_line("a.jpg"), *odd, out, *more], val=[unlabelled], test=[csv_line("d.jpg")])


def build_coco(root: Path, *more: str) -> Reader:
    """The same kinds."""
    paths = ["mscoco/images/a.jpg", "mscoco/images/b.jpg", "../c.jpg", *more]
    people = [(1, 1 << 25, (10, 20, 40, 60)), (1, 3, (90, 80, 50, 50)), (1, 1, (10, 20, -5, 6)), (2, 0, (1, 2, 30, 40))]
    last = [(n, 1, (1, 2, 30, 40)) for n in range(3, 3 + len(more) + 1)]
    val, test = coco(["v.jpg", "nobody.jpg"], [(1, 5, (1, 2, 30, 40))]), coco(["t.jpg"], [(1, 5, (1, 2, 30, 40))])
    return write_coco(root, train=coco(paths, [*people, *last]), val=val, test=test)


CASES = {
    "mat": Case(
        build_mat,
        4 + 1 + 1 + 3 + 1 + 1,
        lambda root, path: build_mat(root, image(path, [train_person()], folder="")),
        lambda root: build_mat(root, image("d.jpg", [train_person()])),
    ),
    "csv": Case(
        build_csv,
        3 + 1 + 1 + 1,
        lambda root, path: build_csv(root, csv_line(path, Folder="")),
        lambda root: build_csv(root, csv_line("d.jpg")),
    ),
    "coco": Case(
        build_coco,
        4 + 1 + 1 + 1 + 1,
        build_coco,
        lambda root: build_coco(root, "v.jpg"),
    ),
}
