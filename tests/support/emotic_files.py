"""EMOTIC's Annotations.mat in small, written by scipy: any field can be replaced, left out or spoilt.

Also the forms in which public converters write it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from dataset_case import Case
from numpy.typing import NDArray

from pipeline.datasets.emotic import Reader

ABSENT = object()
"""As a field's value: the struct does not have the field."""


def structs(rows: Sequence[Mapping[str, Any]]) -> NDArray[Any]:
    """A 1 x n struct array with the fields of the first row."""
    names = [name for name, value in rows[0].items() if value is not ABSENT]
    out = np.empty((1, len(rows)), dtype=[(name, object) for name in names])
    for column, row in enumerate(rows):
        for name in names:
            out[name][0, column] = row[name]
    return out


def cell(words: Sequence[Any]) -> NDArray[np.object_]:
    """A 1 x n cell."""
    out = np.empty((1, len(words)), dtype=object)
    out[0, :] = words
    return out


def vad(valence: float, arousal: float = 5.0, dominance: float = 5.0) -> dict[str, float]:
    """A struct of the three."""
    return {"valence": valence, "arousal": arousal, "dominance": dominance}


def train_person(words: Sequence[str] = ("Peace",), **fields: Any) -> dict[str, Any]:
    """A person as train has them: one annotator."""
    person = {
        "body_bbox": np.array([10.0, 20.0, 50.0, 80.0]),
        "annotations_categories": {"categories": cell(words)},
        "annotations_continuous": vad(4.0),
        "gender": "Male",
        "age": "Adult",
    }
    return person | fields


def rated_person(told: Sequence[Sequence[str]] = (("Fear",), ("Fear", "Pain")), **fields: Any) -> dict[str, Any]:
    """A person as val and test have them: several annotators, whose labels are also given combined."""
    person = {
        "body_bbox": np.array([10.0, 20.0, 50.0, 80.0]),
        "annotations_categories": structs([{"categories": cell(words)} for words in told]),
        "combined_categories": cell(sorted({word for words in told for word in words})),
        "annotations_continuous": structs([vad(3.0 + 2 * i) for i in range(len(told))]),
        "combined_continuous": vad(4.0),
        "gender": "Female",
        "age": "Kid",
    }
    return person | fields


def image(filename: str, people: Sequence[Mapping[str, Any]], **fields: Any) -> dict[str, Any]:
    """An image of 100 x 90 pixels in mscoco/images."""
    made = {
        "filename": filename,
        "folder": "mscoco/images",
        "image_size": {"n_col": 100.0, "n_row": 90.0},
        "original_database": {"name": "mscoco", "info": {"image_id": 1.0}},
        "person": structs(people) if people else np.empty((0, 0)),
    }
    return made | fields


def splits(**images: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The variables of a whole file; a split that is not given has one image with one person."""
    default = {
        "train": [image("train.jpg", [train_person()])],
        "val": [image("val.jpg", [rated_person()])],
        "test": [image("test.jpg", [rated_person()])],
    }
    return {name: structs(list(rows)) for name, rows in (default | images).items()}


def write(root: Path, variables: Mapping[str, Any], compress: bool = False) -> Path:
    """``root`` in EMOTIC's layout, with empty image folders. Returns the path of the .mat."""
    from scipy.io import savemat

    path = root / "Annotations" / "Annotations.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    (root / "emotic").mkdir(exist_ok=True)
    savemat(path, dict(variables), do_compression=compress, long_field_names=True)
    return path


COLUMNS = "Index,Folder,Filename,Image Size,BBox,Categorical_Labels,Continuous_Labels,Gender,Age"


def csv_line(filename: str, **fields: str) -> str:
    """A row as the public converter writes it, in mscoco/images, with an image of 100 x 90 pixels."""
    told = {
        "Folder": "mscoco/images",
        "Filename": filename,
        "Image Size": "[100, 90]",
        "BBox": "[10, 20, 50, 80]",
        "Categorical_Labels": "['Peace', 'Doubt/Confusion']",
        "Continuous_Labels": "[4.0, 5.0, 5.0]",
        "Gender": "Male",
        "Age": "Adult",
    }
    return ",".join(["0", *(f'"{text}"' for text in (told | fields).values())])


def write_csv(root: Path, folder: str = "emotic_pre", **splits: Sequence[str]) -> Reader:
    """``root`` with a CSV for each split given, with line ends as Python's csv module writes them."""
    (root / "emotic").mkdir(exist_ok=True)
    (root / folder).mkdir(exist_ok=True)
    for split, lines in splits.items():
        (root / folder / f"{split}.csv").write_bytes("\r\n".join([COLUMNS, *lines, ""]).encode())
    return Reader(root)


def coco(images: Sequence[str], people: Sequence[tuple[int, int, Sequence[float]]]) -> dict[str, Any]:
    """JSON's content. images: paths, whose ids are their places here plus 1. people: image_id, category_id, bbox."""
    entries = [{"height": 90, "width": 100, "id": n, "file_name": path} for n, path in enumerate(images, start=1)]
    annotations = [
        {"id": n, "image_id": image, "category_id": labels, "bbox": list(box), "iscrowd": 0}
        for n, (image, labels, box) in enumerate(people)
    ]
    return {"info": "", "images": entries, "annotations": annotations, "categories": []}


def write_coco(root: Path, **splits: Any) -> Reader:
    """``root`` with a JSON file for each split given: <split>_bi.json in Annotations/, as DSCT names them."""
    (root / "emotic").mkdir(exist_ok=True)
    (root / "Annotations").mkdir(exist_ok=True)
    for split, content in splits.items():
        (root / "Annotations" / f"{split}_bi.json").write_text(json.dumps(content))
    return Reader(root)


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
    people = [(1, 1 << 25, (10, 20, 40, 60)), (1, 3, (90, 80, 50, 50)), (1, 1, (10, 20, -5, 6)), (2, 0, (1, 2, 3, 4))]
    last = [(n, 1, (1, 2, 3, 4)) for n in range(3, 3 + len(more) + 1)]
    val, test = coco(["v.jpg", "nobody.jpg"], [(1, 5, (1, 2, 3, 4))]), coco(["t.jpg"], [(1, 5, (1, 2, 3, 4))])
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
