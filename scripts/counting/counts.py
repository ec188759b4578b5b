"""Every number of the statistics, as one JSON object: of the manifest, and of the features' statuses and face boxes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.feature import Feature
from cache.films import films
from cache.manifest import OK, SPLITS, Manifest
from cache.people import DIMENSIONS
from cache.spec import Status
from scripts.counting.histograms import FEW, FRAMES, PIXELS, RATINGS, SHARES, Kind, histogram

FACE_STAGE, FACE_BOX = "face", "box"
Rows = dict[str, NDArray[np.int64]]
"""Rows of the manifest by split."""


def counts(manifest: Manifest, features: Mapping[str, Feature]) -> dict[str, Any]:
    """Raises: ShardError for a damaged shard. Splits without rows are left out; labels, VAD and sizes are those of
    usable people (status ok)."""
    splits = np.array(manifest.splits, dtype=str)
    rows = {split: np.flatnonzero(splits == split) for split in SPLITS if (splits == split).any()}
    usable = {split: found[_usable(manifest, found)] for split, found in rows.items()}
    return {
        "dataset": manifest.dataset,
        "release": manifest.release,
        "kind": "clips" if manifest.clips else "photographs",
        "splits": {split: _split(manifest, found) for split, found in rows.items()},
        "ours": ours(manifest),
        "labels": _labels(manifest, usable),
        "cooccurrence": {split: cooccurrence(manifest.categories[found]) for split, found in usable.items()},
        "histograms": _histograms(manifest, features, rows, usable),
        "gender": _words(manifest.genders, usable),
        "age": _words(manifest.ages, usable),
        "features": {name: _feature(manifest, one, rows) for name, one in features.items()},
        "notes": list(manifest.notes),
    }


def ours(manifest: Manifest) -> dict[str, int]:
    """What published counts are told of: ``images`` (of clips ``videos``), ``people``, ``usable people``, each also
    ``in train`` and so on."""
    images = manifest.files
    found: Counter[str] = Counter()
    seen = set[tuple[str, str]]()
    for image, person, split, status in zip(
        manifest.images, manifest.persons.tolist(), manifest.splits, manifest.statuses, strict=True
    ):
        new = [where for where in ("", f" in {split}") if (image, where) not in seen]
        seen.update((image, where) for where in new)
        found.update(f"{images}{where}" for where in new)
        if person >= 0:
            found.update(f"people{where}" for where in ("", f" in {split}"))
            found.update(f"usable people{where}" for where in ("", f" in {split}") if status == OK)
    return dict(found)


def cooccurrence(flags: NDArray[np.uint8]) -> list[list[int]]:
    """flags: (n, C). [i][j] people with labels i and j; [i][i] people with label i."""
    wide = flags.astype(np.float64)  # sums of ones are exact in it, and its product is quick
    matrix: list[list[int]] = (wide.T @ wide).astype(np.int64).tolist()
    return matrix


def _usable(manifest: Manifest, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.array([manifest.statuses[row] == OK and manifest.persons[row] >= 0 for row in rows.tolist()], bool)


def _split(manifest: Manifest, rows: NDArray[np.int64]) -> dict[str, Any]:
    chosen = rows.tolist()
    images = [manifest.images[row] for row in chosen]
    return {
        manifest.files: len(set(images)),
        **({"films": len(set(films(images)))} if manifest.clips else {}),
        "people": int((manifest.persons[rows] >= 0).sum()),
        "usable people": int((usable := _usable(manifest, rows)).sum()),
        **({} if manifest.clips else {"box is the whole image": _whole(manifest, rows[usable])}),
        "statuses": dict(Counter(manifest.statuses[row] for row in chosen)),
    }


def _whole(manifest: Manifest, rows: NDArray[np.int64]) -> int:
    """How many have their whole image as their box: those for whom none was given, and those who fill it."""
    corners = np.concatenate([np.zeros((len(rows), 2)), manifest.sizes[rows]], 1)
    return int((manifest.boxes[rows] == corners).all(1).sum())


def _labels(manifest: Manifest, usable: Rows) -> dict[str, Any]:
    """People of each label, and people by how many labels they have."""
    flags = {split: manifest.categories[rows] for split, rows in usable.items()}
    return {
        "names": list(manifest.category_names),
        "usable": {split: len(rows) for split, rows in usable.items()},
        "counts": {split: one.sum(0, dtype=np.int64).tolist() for split, one in flags.items()},
        "labels_of_a_person": {
            split: {str(number): count for number, count in sorted(Counter(one.sum(1).tolist()).items())}
            for split, one in flags.items()
        },
    }


def _histograms(manifest: Manifest, features: Mapping[str, Feature], rows: Rows, usable: Rows) -> dict[str, Any]:
    found = {
        name: histogram(Kind(name, "1 to 10", RATINGS, closed=True), _of(manifest.vad[:, place], usable))
        for place, name in enumerate(DIMENSIONS)
    }
    if manifest.clips:
        several = {"samples_of_a_film": Kind("samples of a film", "samples", FEW)}
        groups = {"samples_of_a_film": films(manifest.images)}
        frames = (manifest.spans[:, 1] - manifest.spans[:, 0] + 1).astype(np.float64)
        found["frames_of_a_sample"] = histogram(
            Kind("frames of a sample", "frames", FRAMES), {split: frames[one] for split, one in usable.items()}
        )
    else:
        several = {"people_in_an_image": Kind("people in an image", "people", FEW)}
        groups = {"people_in_an_image": manifest.images}
    for word, kind in several.items():
        found[word] = histogram(kind, {split: _together(manifest, groups[word], one) for split, one in rows.items()})
    found |= _sizes("person", manifest.boxes, manifest, usable)
    for name, feature in features.items():
        if feature.info.get("stage") == FACE_STAGE and FACE_BOX in feature.arrays:
            boxes, chosen = _faces(feature, manifest, usable)
            if boxes is not None:
                found |= _sizes(name if feature.trained else f"{name} (UNTRAINED)", boxes, manifest, chosen)
    return found


def _of(values: NDArray[Any], rows: Rows) -> dict[str, NDArray[Any]]:
    return {split: values[one] for split, one in rows.items()}


def _together(manifest: Manifest, groups: list[str], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """How many people each image (each film) of these rows has; images without anybody are not among them."""
    found = Counter(groups[row] for row in rows.tolist() if manifest.persons[row] >= 0)
    return np.array(list(found.values()), np.float64)


def _sizes(name: str, boxes: NDArray[Any], manifest: Manifest, rows: Rows) -> dict[str, Any]:
    """Height in pixels and share of the image's area of (rows of the manifest, 4) boxes; unknown where a box or the
    image's size is."""
    width, height = (boxes[:, 2] - boxes[:, 0]).astype(float), (boxes[:, 3] - boxes[:, 1]).astype(float)
    area = manifest.sizes.astype(float).prod(1)
    share = np.divide(100 * width * height, area, out=np.full(len(area), np.nan), where=area > 0)
    word = name.replace(" ", "_")
    return {
        f"{word}_box_height": histogram(Kind(f"height of a {name}'s box", "pixels", PIXELS), _of(height, rows)),
        f"{word}_box_share": histogram(
            Kind(f"share of a {name}'s box in the image", "% of its area", SHARES), _of(share, rows)
        ),
    }


def _faces(feature: Feature, manifest: Manifest, usable: Rows) -> tuple[NDArray[Any] | None, Rows]:
    """Boxes by row of the manifest, and the usable people of whom the feature knows one; None where rows hold several
    frames, or none was extracted."""
    boxes = np.full((len(manifest), 4), np.nan)
    if feature.arrays[FACE_BOX].shape != (4,):
        return None, {}
    for rows in _extracted(feature):
        values, status = feature.of_people(FACE_BOX, rows)
        boxes[rows[status == Status.OK]] = values[status == Status.OK]
    known = ~np.isnan(boxes).any(1) & (boxes[:, 2] > boxes[:, 0])  # a proxy's box may be zeros
    return (boxes, {split: rows[known[rows]] for split, rows in usable.items()}) if known.any() else (None, {})


def _extracted(feature: Feature) -> Iterable[NDArray[np.int64]]:
    """The people of each shard that is there. A shard that vanishes meanwhile is an error, as a damaged one is."""
    return (block.rows for block in feature.layout.blocks() if len(block.rows) and feature.header(block))


def _feature(manifest: Manifest, feature: Feature, rows: Rows) -> dict[str, Any]:
    """People of each split by what became of them in the feature; ``pending`` those not extracted yet."""
    words = np.full(len(manifest), "pending", dtype=object)
    for chosen in _extracted(feature):
        words[chosen] = [Status(one).word for one in feature.status_of_people(chosen).tolist()]
    people = manifest.persons >= 0
    return {
        "trained": feature.trained,
        "stage": feature.info.get("stage"),
        "people": {split: dict(Counter(words[one[people[one]]].tolist())) for split, one in rows.items()},
    }


def _words(column: list[str], usable: Rows) -> dict[str, dict[str, int]]:
    """People by word; {} where the annotation has none."""
    found = {split: Counter(column[row] for row in rows.tolist()) for split, rows in usable.items()}
    return {split: dict(one.most_common()) for split, one in found.items()} if any(column) else {}
