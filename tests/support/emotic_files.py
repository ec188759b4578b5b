"""EMOTIC's Annotations.mat in small, written by scipy: any field can be replaced, left out or spoilt.

Also the forms in which public converters write it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
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
