"""``weights --check``: every file that is there, loaded once by its stage and run on one photograph.

A file is read for the first feature that needs it, as extraction reads it, with the features that this one is made
from. The photograph is one that ships with the code, or the user's; the person's box is the whole of it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from cache.errors import AffectError
from cache.spec import Status
from pipeline.decoding import images
from pipeline.running.memory import derived
from pipeline.running.recipes import DatasetConfig, Planned, stage_of, weights_of
from pipeline.stage import Extracted, Failed, Photo, Stage
from pipeline.weights.catalogue import find
from pipeline.weights.checkpoints import read
from pipeline.weights.folder import Weights

PHOTOGRAPH = Path(__file__).parents[1] / "demo" / "photographs" / "astronaut.jpg"
"""Eileen Collins; NASA, public domain; 512 x 512, ``astronaut`` of scikit-image as a JPEG."""
MOVED = 4
"""Pixels to the right that the photograph is moved by in each frame after it, for stages of motion."""
IMAGENET = 1000
SHOWN = 3
"""Words or numbers of one thing."""


class Checked(NamedTuple):
    """state: works, absent, wrong, or unread (of files that another one is wanted for). names: of the weights."""

    state: str
    names: tuple[str, ...]
    feature: str
    told: str

    def line(self) -> str:
        """For a terminal."""
        files = " ".join(find(name).file for name in self.names)
        return f"{self.state:>6}  {files}  ({self.feature})  {self.told}"


def check(config: DatasetConfig, wanted: Collection[str], weights: Weights, image: Path) -> Iterator[Checked]:
    """One or more for each stage whose files were not read before; each file is in one of them.

    Raises: AffectError for a config or a photograph that cannot be read; what is wrong with a file is only told.
    """
    plan = _plan(config, wanted)
    photo = _photo(plan, images.decode(image))
    found: dict[str, Extracted] = {}
    read_before: set[str] = set()
    for one in plan:
        own = () if one.untrained else tuple(name for name in one.stage.weights if name not in read_before)
        is_source = any(other.stage.source == one.feature for other in plan)
        if not own and not is_source:
            continue
        read_before.update(own)
        held = Weights(weights.folder, untrained=one.untrained)
        results = list(_absent(one, own, held, found)) or [_tried(_anew(one, config), own, held, photo, found)]
        yield from (result for result in results if result.names)


def _plan(config: DatasetConfig, wanted: Collection[str]) -> list[Planned]:
    """The features that need files, each after what it is made from. Raises: UnknownName, ConfigError."""
    needed = {feature for features in weights_of(config, wanted).values() for feature in features}
    made: dict[str, Planned] = {}

    def add(feature: str) -> None:
        one = stage_of(feature, config.stages[feature])
        if one.stage.source and one.stage.source not in made:
            add(one.stage.source)
        made.setdefault(feature, one)

    for feature in config.stages:
        if feature in needed:
            add(feature)
    return list(made.values())


def _anew(one: Planned, config: DatasetConfig) -> Planned:
    """The same, to be loaded: its networks go when it does, so that no two have to fit into memory."""
    return stage_of(one.feature, config.stages[one.feature])


def _photo(plan: Sequence[Planned], image: Image.Image) -> Photo:
    """With as many frames after it as the stages can want."""
    following = max((one.stage.following for one in plan), default=0)
    moved = tuple(ImageChops.offset(image, MOVED * number, 0) for number in range(1, following + 1))
    return Photo("photograph", image, np.array([[0, 0, *image.size]], np.float32), moved)


def _absent(one: Planned, own: tuple[str, ...], weights: Weights, found: Mapping[str, Extracted]) -> Iterator[Checked]:
    """What keeps ``one`` from being loaded."""
    absent = [name for name in one.stage.weights if not weights.trained(name) and not one.untrained]
    for name in absent:
        if name in own:
            weight = find(name)
            cure = f"make weights fetches {weight.url}" if weight.url else f"it is {weight.source}: put it there"
            yield Checked("absent", (name,), one.feature, cure)
    rest = tuple(name for name in own if name not in absent)
    if absent and rest:
        yield Checked("unread", rest, one.feature, f"goes with {' '.join(find(name).file for name in absent)}")
    elif not absent and one.stage.source and one.stage.source not in found:
        yield Checked("unread", own, one.feature, f"made from {one.stage.source}, which did not run")


def _tried(one: Planned, own: tuple[str, ...], weights: Weights, photo: Photo, found: dict[str, Extracted]) -> Checked:
    stage = one.stage
    try:
        for name in stage.weights:
            weights.digest(name)
        stage.load("cpu", weights)
        if stage.source:
            seen, rows = True, derived(stage, found[stage.source], photo)
        else:
            items = stage.prepare(photo)
            seen, rows = not all(isinstance(item, Failed) for item in items), stage.extract(items)
    except AffectError as error:
        return Checked("wrong", own or one.stage.weights, one.feature, str(error))
    found[one.feature] = rows
    failed = rows.status == Status.FAILED
    if seen and failed.any():
        return Checked("wrong", own or one.stage.weights, one.feature, rows.messages[int(failed.argmax())])
    return Checked("works", own, one.feature, "; ".join(_told(one, rows, weights)))


def _told(one: Planned, rows: Extracted, weights: Weights) -> Iterator[str]:
    """What the first row says: the stage's own words, else its numbers; ImageNet's class where the file tells one."""
    fine = np.flatnonzero(rows.status == Status.OK)
    if not len(fine):
        yield f"loaded; of this photograph there is no row: {rows.messages[0] if rows.messages else 'nobody in it'}"
        return
    row = {name: array[fine[0]] for name, array in rows.arrays.items()}
    said = one.stage.describe(row)
    yield from (f"{name} {_words(value)}" for name, value in said.items())
    if "pooled" in row:
        yield from _imagenet(one.stage, row["pooled"].astype(np.float64), weights)
    if not said:
        yield from (_numbers(name, array) for name, array in row.items())


def _words(value: Any) -> str:
    """Of what ``describe`` gives, the first few."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(one)}" for name, one in list(value.items())[:SHOWN])
    if not isinstance(value, list):
        return str(value)
    if not value or (isinstance(value[0], list) and isinstance(value[0][0], list)):
        return str(len(value))
    if isinstance(value[0], int | float):
        return " ".join(map(_words, value))
    shown = (f"{one['label']} {one['score']:g}" if isinstance(one, Mapping) else _words(one) for one in value[:SHOWN])
    return f"{len(value)}: {', '.join(shown)}"


def _numbers(name: str, array: NDArray[Any]) -> str:
    flat = array.astype(np.float64).ravel()
    return f"{name} {' x '.join(map(str, array.shape))}, norm {np.linalg.norm(flat):.4g}, begins " + " ".join(
        f"{value:.3g}" for value in flat[:SHOWN]
    )


def _imagenet(stage: Stage[Any], pooled: NDArray[np.float64], weights: Weights) -> Iterator[str]:
    """The likeliest of ImageNet's classes, where one matrix in the stage's file takes ``pooled`` to 1000 numbers."""
    if len(stage.weights) != 1 or len(paths := weights.paths(stage.weights[0])) != 1:
        return
    held = read(paths[0]).tensors
    heads = [name for name, value in held.items() if tuple(value.shape) == (IMAGENET, len(pooled))]
    bias = heads[0].removesuffix("weight") + "bias" if len(heads) == 1 else ""
    if bias not in held:
        return
    from torchvision.models import ResNet18_Weights

    logits = held[heads[0]].double().numpy() @ pooled + held[bias].double().numpy()
    powers = np.exp(logits - logits.max())
    best, score = int(logits.argmax()), float(powers.max() / powers.sum())
    yield f"ImageNet's {ResNet18_Weights.IMAGENET1K_V1.meta['categories'][best]} {score:.3f}"
