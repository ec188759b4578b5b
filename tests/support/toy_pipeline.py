"""A dataset and two stages small enough to be killed a hundred times: numpy only, no network, no annotation file.

``python toy_pipeline.py ROOT STORE [--retry]`` runs one real extraction of them, through pipeline.running.extraction.
"""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

import pipeline.commands._sample
import pipeline.commands.repair
import pipeline.running.age
import pipeline.running.extraction
import pipeline.running.recipes
import pipeline.running.stored
from cache.config import Settings
from cache.makings import NAME
from cache.manifest import Manifest, Row
from cache.spec import ArraySpec, Granularity
from pipeline.commands.repair import repair
from pipeline.dataset import Reader
from pipeline.running.extraction import Report, extract
from pipeline.running.request import Request
from pipeline.stage import Extracted, Failed, Photo, Stage

IMAGES = 24
CONFIG = """
dataset = "demo"
shard_images = 4
[stages.colour]
[stages.crop]
scale = 2.0
"""


class ToyReader(Reader):
    """``root/k.png`` with k % 3 persons each, those named in ``annotation.txt``, ``k.png@test`` in another split than
    train; "wide" in it widens one box."""

    name, version = "demo", 1

    def annotation_files(self) -> list[Path]:
        return [self.root / "annotation.txt"]

    def read(self, source: str) -> Manifest:
        words = (self.root / "annotation.txt").read_text().split()
        names = [word for word in words if word != "wide"]
        rows = [row for name in names for row in self._rows(name, wide="wide" in words and name == "1.png")]
        return Manifest.from_rows(rows, dataset="demo", release="toy", category_names=("a",), source=source)

    @staticmethod
    def _rows(name: str, wide: bool) -> list[Row]:
        name, _, split = name.partition("@")
        split, number = split or "train", int(name.removesuffix(".png"))
        if number % 3 == 0:
            return [Row(name, -1, split, size=(20, 16), status="no_person")]
        boxes = [(float(k), 1.0, 9.0 + k + wide, 12.0) for k in range(number % 3)]
        return [Row(name, k, split, box, box, (20, 16), ("a",)) for k, box in enumerate(boxes)]


class Colour(Stage[np.ndarray]):
    """Mean colour of the image. ``pause`` makes a run long enough to be killed."""

    version, unit, granularity = 1, Granularity.IMAGE, Granularity.IMAGE
    batch_size = 3

    class Config(Settings):
        offset: float = 0.0
        pause: float = 0.0

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {"mean": ArraySpec((3,), "float32", "RGB, 0..255")}

    @property
    def weights(self) -> tuple[str, ...]:
        return ()

    def load(self, device: str, weights: Any) -> None:
        pass

    def prepare(self, photo: Photo) -> list[np.ndarray | Failed]:
        return [np.asarray(photo.image).reshape(-1, 3)]

    def run(self, items: Sequence[np.ndarray]) -> Extracted:
        time.sleep(self.config.pause)
        means = np.stack([item.mean(axis=0) for item in items]).astype(np.float32)
        return Extracted.ok({"mean": means + np.float32(self.config.offset)})


class Crop(Stage[np.ndarray]):
    """Sum over the person's box, times ``scale``. A crop whose first pixel is pure red spoils its whole batch."""

    version, unit, granularity = 1, Granularity.PERSON, Granularity.PERSON
    batch_size = 2

    class Config(Settings):
        scale: float = 1.0

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        spec = ArraySpec((), "float64", "sum of all channels", missing=float("nan"), compressed=True)
        return {"sum": spec}

    @property
    def weights(self) -> tuple[str, ...]:
        return ()

    def load(self, device: str, weights: Any) -> None:
        pass

    def prepare(self, photo: Photo) -> list[np.ndarray | Failed]:
        return [np.asarray(photo.image.crop(tuple(box))) for box in photo.boxes.astype(int).tolist()]

    def run(self, items: Sequence[np.ndarray]) -> Extracted:
        if any(item[0, 0].tolist() == [255, 0, 0] for item in items):
            raise RuntimeError("a red corner")
        return Extracted.ok({"sum": np.array([float(item.sum()) for item in items]) * self.config.scale})


class Twice(Stage[np.ndarray]):
    """Two times the sum of ``crop``: derived, so no image is read for it. Sums above ``most`` spoil their batch."""

    version, unit, granularity = 1, Granularity.PERSON, Granularity.PERSON
    batch_size = 2

    class Config(Settings):
        source: str = "crop"
        reads: str = "sum"
        most: float = float(1 << 40)

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {"twice": ArraySpec((1,), "float64", "sum of all channels", missing=float("nan"))}

    @property
    def weights(self) -> tuple[str, ...]:
        return ()

    @property
    def source(self) -> str:
        return str(self.config.source)

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.config.reads,)

    def load(self, device: str, weights: Any) -> None:
        pass

    def derive(self, row: Mapping[str, np.ndarray]) -> np.ndarray | Failed:
        return np.array([row[self.config.reads]])

    def run(self, items: Sequence[np.ndarray]) -> Extracted:
        if any(item[0] > self.config.most for item in items):
            raise RuntimeError("too much")
        return Extracted.ok({"twice": 2 * np.stack(items)})


class Pixel(Twice):
    """``Twice`` of the sum plus the red of the photograph's first pixel, so the photograph is wanted beside the row."""

    @property
    def sees(self) -> bool:
        return True

    def look(self, image: Image.Image, rows: Sequence[Mapping[str, np.ndarray]]) -> list[np.ndarray | Failed]:
        red = float(np.asarray(image)[0, 0, 0])
        return [np.array([float(np.ravel(row[self.config.reads])[0]) + red]) for row in rows]


def make_root(root: Path, images: int = IMAGES) -> None:
    """Write the images and the annotation."""
    root.mkdir(parents=True, exist_ok=True)
    for number in range(images):
        pixels = np.random.default_rng(number).integers(0, 255, (16, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{number}.png")
    (root / "annotation.txt").write_text(" ".join(f"{number}.png" for number in range(images)))


def run(
    root: Path,
    store: Path,
    config: str = CONFIG,
    retry: bool = False,
    mend: bool = False,
    stages: tuple[str, ...] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """One extraction with the toys in the places of the real plug-ins."""
    path = root / "config.toml"
    path.write_text(config)
    request = Request("demo", root, store, root / "weights", config=path, retry=retry, stages=stages)
    with in_place():
        return (repair if mend else extract)(request, say)


@contextmanager
def in_place() -> Iterator[None]:
    """The toys in the places of the real plug-ins."""
    toys = {"demo": ToyReader, "colour": Colour, "crop": Crop, "twice": Twice, "pixel": Pixel}

    def load(package: str, name: str, attribute: str) -> Any:
        return toys[name]

    users = [pipeline.running.recipes, pipeline.running.stored, pipeline.running.age]
    with ExitStack() as stack:
        for user in users:
            stack.enter_context(patch.object(user, "load_plugin", load))
        for user in (pipeline.running.extraction, pipeline.commands.repair, pipeline.commands._sample):
            stack.enter_context(patch.object(user, "load", load))
        yield


def tree(store: Path) -> dict[str, str]:
    """Path -> digest of every file of a store but the lock and the records of makings, which have a date."""
    files = [path for path in sorted(store.rglob("*")) if path.is_file() and path.name not in (".lock", NAME)]
    return {str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    slow = CONFIG.replace("[stages.colour]", "[stages.colour]\npause = 0.1")
    report = run(Path(sys.argv[1]), Path(sys.argv[2]), slow, retry="--retry" in sys.argv)
    print(f"done {report.images}", flush=True)
