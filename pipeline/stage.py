"""What a stage must provide: photographs or another feature's rows in, rows of arrays out. It knows no files, shards
or processes.

The base class checks and settles rows (a row that failed, a value that does not fit its dtype); a stage is only its
network. Nothing here or at the top of a stage's file imports torch, so that a plan is made without it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from cache.config import Settings
from cache.errors import ConfigError
from cache.spec import ArraySpec, Granularity, Status

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor, nn

    from pipeline.weights.folder import Weights

Item = TypeVar("Item")
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
"""RGB, in units of 0..255; what every network here but MTCNN was trained with."""

Precision = Literal["float32", "bfloat16"]


class Precise(Settings):
    """precision: of the network's arithmetic. bfloat16 keeps two to three digits and is about twice as fast where the
    processor has it (AVX512-BF16, AMX; NVIDIA's since Ampere), slower where not. What is stored keeps its type.
    """

    precision: Precision = "float32"


@dataclass(frozen=True)
class Photo:
    """One decoded image with its persons.

    key: path relative to the dataset's root. image: RGB, 8 bit, upright. boxes: (p, 4) float32 xyxy pixels inside the
    image, p >= 0. Of a video one frame: following: the frames after it, as many as the stage's ``following``; the last
    one again where the video ends. joints: (p, j, 3) float32 x, y, score in pixels where the annotation has them.
    """

    key: str
    image: Image.Image
    boxes: NDArray[np.float32]
    following: tuple[Image.Image, ...] = ()
    joints: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Failed:
    """Stands in an item's place when it could not be prepared. rows: how many output rows it stands for. status: of
    those, another than FAILED where what is missing is a fact about the data."""

    message: str
    rows: int = 1
    status: Status = Status.FAILED


@dataclass(frozen=True)
class Extracted:
    """Rows in item order.

    arrays: name -> (rows, *shape). status: (rows,) uint8 of Status. messages: one a row, "" where the status is OK.
    """

    arrays: dict[str, NDArray[Any]]
    status: NDArray[np.uint8]
    messages: list[str]

    @classmethod
    def ok(cls, arrays: dict[str, NDArray[Any]]) -> Extracted:
        """All rows fine."""
        rows = len(next(iter(arrays.values())))
        return cls(arrays, np.zeros(rows, np.uint8), [""] * rows)


class Stage(ABC, Generic[Item]):
    """A network with its settings.

    unit: what one item of ``prepare`` is. granularity: what one output row is. batch_size: items of one ``extract``
    call; it changes no value and is no part of the fingerprint. version: raise it when the same settings give other
    values. A derived stage, one with a ``source``, has ``derive`` in place of ``prepare``: its rows follow those of
    another feature one by one, and no image is decoded for it. One that ``sees`` has ``look`` instead, which takes
    those rows and the photograph they were made from. block: the part of a network whose weights go beside the rows,
    for heads that train it on: its name, and what makes a safetensors file's bytes of it; most stages have none.
    temporal: a derived stage that takes a clip's row with all its frames; the others are given one frame at a time.
    frames: of a clip that one row has, known before ``outputs`` is asked for; 0 for photographs.
    """

    version: ClassVar[int]
    unit: ClassVar[Granularity]
    granularity: ClassVar[Granularity]
    temporal: ClassVar[bool] = False
    frames: int = 0
    Config: ClassVar[type[Settings]]
    config: Settings
    batch_size: int
    block: tuple[str, Callable[[Weights], bytes]] | None = None

    @abstractmethod
    def __init__(self, config: Any) -> None: ...

    @property
    @abstractmethod
    def outputs(self) -> dict[str, ArraySpec]:
        """What one row holds; known without torch."""

    @property
    @abstractmethod
    def weights(self) -> tuple[str, ...]:
        """Names in ``pipeline.weights``."""

    @abstractmethod
    def load(self, device: str, weights: Weights) -> None:
        """Build the network on ``device``, "cpu" or "cuda". Raises: WeightsError, ConfigError."""

    @property
    def source(self) -> str:
        """The feature whose rows are taken instead of photographs; "" for photographs."""
        return ""

    @property
    def reads(self) -> tuple[str, ...]:
        """The arrays of ``source`` that ``derive`` or ``look`` wants."""
        return ()

    @property
    def sees(self) -> bool:
        """Whether a derived stage wants the photograph beside the rows of ``source``."""
        return False

    @property
    def following(self) -> int:
        """How many frames after each one it wants beside it; one that wants any is for videos alone."""
        return 0

    @property
    def pixels(self) -> bool:
        """Whether it looks at pixels; False for one that takes the annotation's joints alone: its ``Photo.image`` has
        the right size and is black."""
        return True

    @property
    def cpu_only(self) -> bool:
        """Whether its networks run on the CPU whatever the device is, which is told when a run begins."""
        return False

    def prepare(self, photo: Photo) -> list[Item | Failed]:
        """The items of one photograph: crops and resizes to uint8. Called in many threads at once."""
        raise TypeError(f"{type(self).__module__} takes rows of {self.source!r}, not {photo.key}")

    def derive(self, row: Mapping[str, NDArray[Any]]) -> Item | Failed:
        """The item of one row of ``source`` whose status is OK; ``row`` holds what ``reads`` names."""
        raise TypeError(f"{type(self).__module__} takes photographs, not rows of {', '.join(row)}")

    def look(
        self,
        image: Image.Image,  # noqa: ARG002 (as those of ``derive``)
        rows: Sequence[Mapping[str, NDArray[Any]]],
    ) -> list[Item | Failed]:
        """The items of ``rows`` of ``source``: those of one ``image`` whose status is OK, as for ``derive``.

        Called in many threads at once.
        """
        raise TypeError(f"{type(self).__module__} takes no photograph with {len(rows)} rows of {self.source!r}")

    def frame(self, image: Image.Image, box: NDArray[np.float32]) -> NDArray[np.float64] | None:  # noqa: ARG002 (see above)
        """(4,) xyxy: what of ``image`` the maps of the person in ``box`` lie over; None where it is not known."""
        return None

    @abstractmethod
    def run(self, items: Sequence[Item]) -> Extracted:
        """The network on a batch of at least one item. Floats may be wider than declared."""

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:  # noqa: ARG002 (most have words for it)
        """What one row whose status is OK says, in words and plain numbers, for JSON. Call ``load`` before."""
        return {}

    def extract(self, items: Sequence[Item | Failed]) -> Extracted:
        """Rows of ``items``, in order; arrays have the declared dtypes. Empty items give empty arrays.

        A row that is not OK holds each array's ``missing``. A row with a value that is not finite or does not fit its
        dtype (float16 ends at 65504) becomes FAILED, with the array's name.
        """
        good = [item for item in items if not isinstance(item, Failed)]
        done = self.run(good) if good else Extracted({}, np.zeros(0, np.uint8), [])
        settled = self.settle(done)
        for name, spec in self.outputs.items():
            settled.arrays[name][settled.status != Status.OK] = spec.missing
        return settled if len(good) == len(items) else self._insert(items, settled)

    def settle(self, done: Extracted) -> Extracted:
        """What ``run`` gave, in the declared dtypes; rows with values that do not survive that are FAILED."""
        status, messages = done.status.copy(), list(done.messages)
        arrays = {name: _settle(name, spec, done, status, messages) for name, spec in self.outputs.items()}
        return Extracted(arrays, status, messages)

    def rows(self, item: Item) -> int:  # noqa: ARG002 (an image stage with rows of persons overrides it)
        """How many output rows ``item`` gives."""
        return 1

    def _insert(self, items: Sequence[Item | Failed], done: Extracted) -> Extracted:
        """Put the rows of Failed items between the others."""
        counts = [item.rows if isinstance(item, Failed) else self.rows(item) for item in items]
        fine = np.repeat([not isinstance(item, Failed) for item in items], counts)
        texts = [item.message if isinstance(item, Failed) else "" for item in items]
        messages = list(np.repeat(np.array(texts, dtype=object), counts))
        for row, message in zip(np.flatnonzero(fine), done.messages, strict=True):
            messages[row] = message
        status = np.repeat([item.status if isinstance(item, Failed) else Status.OK for item in items], counts).astype(
            np.uint8
        )
        status[fine] = done.status
        arrays = {name: spec.empty(len(fine)) for name, spec in self.outputs.items()}
        for name, array in arrays.items():
            array[fine] = done.arrays[name]
        return Extracted(arrays, status, messages)


def _settle(
    name: str, spec: ArraySpec, done: Extracted, status: NDArray[np.uint8], messages: list[str]
) -> NDArray[Any]:
    """The array in its declared dtype; marks rows in ``status`` and ``messages`` whose values do not survive that."""
    if name not in done.arrays:
        return spec.empty(len(status))
    wide = done.arrays[name]
    with np.errstate(over="ignore", invalid="ignore"):
        array = wide.astype(spec.dtype, copy=True)
    if array.dtype.kind == "f":
        lost = ~np.isfinite(array).all(axis=tuple(range(1, array.ndim))) & (status == Status.OK)
        for row in np.flatnonzero(lost):
            values = wide[row][~np.isfinite(array[row])]
            messages[row] = (
                f"{name}: {values.size} of {array[row].size} values do not fit {spec.dtype}, as {values.flat[0]:g}"
            )
        status[lost] = Status.FAILED
    return array


def normalise(
    pixels: Sequence[NDArray[np.uint8]],
    device: str,
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
    precision: Precision = "float32",
) -> Tensor:
    """(n, 3, h, w) in ``precision``, channels last: images (h, w, 3) uint8 RGB less ``mean``, over ``std``."""
    import torch

    batch = torch.from_numpy(np.stack(pixels)).to(device).permute(0, 3, 1, 2).to(torch.float32)
    middle, deviation = (torch.tensor(values, device=device).view(3, 1, 1) for values in (mean, std))
    return batch.sub_(middle).div_(deviation).to(getattr(torch, precision))


def deploy(network: nn.Module, device: str, precision: Precision = "float32") -> nn.Module:
    """Ready for inference on ``device``: eval mode, no gradients, channels last.

    Raises: ConfigError when the device is not there; nothing falls back to the CPU.
    """
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"DEVICE={device}: torch {torch.__version__} finds no CUDA device here. Use DEVICE=cpu.")
    network = network.eval().requires_grad_(False).to(device, getattr(torch, precision))
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    return network
