"""A trained head on disk: its weights, the scales of its inputs and everything needed to build it again."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from cache import plugin_faults, plugin_folders, plugins
from cache.errors import AffectError, ConfigError, PluginError, WeightsError
from cache.files import make_folder, replace
from heads import known_protocols
from heads.checkpoints.about import check_plugins, checked, checked_ensemble
from heads.head import BOXES, JUDGED_ONLY, LABELS, ROW, Head, Looks, Output
from heads.inputs.samples import Samples, outputs
from heads.inputs.standardise import Scale
from heads.learning.training import Recipe, recipe
from heads.protocol import Answer, Finds

HEAD, _SCALE, _MEMORY, ABOUT = "head.", "scale.", "memory.", "affect-cache"
"""Prefixes of tensors' names, and the key of the metadata that holds ``heads.checkpoints.about.About``."""
ENSEMBLE = "ensemble"
"""What the checkpoint of several rows as one has in the place of a head's name."""


@dataclass(frozen=True)
class Checkpoint:
    """about: what ``heads.checkpoints.about.About`` lists. scales: by input. memory: what the protocol keeps of test
    people (``Protocol.memory``)."""

    head: Head
    recipe: Recipe
    scales: Mapping[str, Scale]
    memory: Mapping[str, Tensor]
    about: Mapping[str, Any]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Those of the head that its answers need."""
        teachers = self.head.teachers_of(self.recipe)
        return tuple(name for name in self.head.inputs if name not in teachers)

    @property
    def by_image(self) -> bool:
        """Whether a sample is an image with all its people, who are told by ``in_boxes``."""
        return BOXES in self.about["sizes"]

    @property
    def finds_people(self) -> bool:
        """Whether it finds them itself, by ``finds``."""
        return "found" in self.head.gives

    def scaled(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Features as the head wants them. features: input name -> (n, d) as in the store."""
        return {name: self.scales[name](x) if name in self.scales else x for name, x in features.items()}

    def answers(self, features: Mapping[str, Tensor], rows: NDArray[np.int64]) -> list[Answer]:
        """What it says of people, the main answer first. features: input name -> (n, ...) as in the store. rows: (n,)
        their rows of the manifest that it was trained on; numbers beyond it for others. Nothing is given that is right.
        """
        output, kind = self._outputs(features, rows), known_protocols.load(self.about["kind"])
        return kind.answers(self.memory, self.about["task"], self.recipe, output, rows)

    def finds(self, features: Mapping[str, Tensor], rows: NDArray[np.int64]) -> Finds | None:
        """Whom it finds in images and what it says of them; None of a head that is shown people. Arguments: as of
        ``answers``."""
        output, kind = self._outputs(features, rows), known_protocols.load(self.about["kind"])
        return kind.finds(self.memory, self.about["task"], self.recipe, output)

    def in_boxes(self, features: Mapping[str, Tensor], rows: NDArray[np.int64], boxes: NDArray[np.floating]) -> Answer:
        """What it says of the people in ``boxes`` (n, K, 4), xyxy in shares 0..1 of n images: of the n * K places,
        those of the first image first. features, rows: as of ``answers``. Raises: ConfigError where a sample is a
        person."""
        output, kind = self._outputs(features, rows, boxes), known_protocols.load(self.about["kind"])
        answer = kind.in_boxes(self.memory, self.about["task"], self.recipe, output)
        if answer is None:
            raise ConfigError(
                f"protocol {self.about['protocol']}: teaches boxes, and tells nothing of people in new ones"
            )
        return answer

    def _outputs(
        self, features: Mapping[str, Tensor], rows: NDArray[np.int64], boxes: NDArray[np.floating] | None = None
    ) -> Output:
        """boxes: that the head is given, if any."""
        features = self.scaled(features)
        if boxes is not None:
            features[BOXES] = torch.as_tensor(boxes, dtype=torch.float32)
        on = next(iter(self.head.state_dict().values())).device
        samples = Samples.of({name: x.to(on) for name, x in features.items()}, rows, {}, on)
        fields = self.head.gives - JUDGED_ONLY if boxes is None else frozenset({"people"})
        return outputs(self.head, samples, len(self.about["seeds"]), sorted(fields))

    @torch.no_grad()
    def looks(self, features: Mapping[str, Tensor], rows: NDArray[np.int64]) -> Looks:
        """Where it looks, of a few people. features, rows: as of ``answers``. Raises: PluginFault when the head gives
        other shapes, or names what it does not read."""
        seeds = len(self.about["seeds"])
        known = {**self.scaled(features), ROW: torch.as_tensor(rows)[:, None]}
        on = next(iter(self.head.state_dict().values())).device
        found = self.head.eval().looks({name: x.to(on).expand(seeds, *x.shape) for name, x in known.items()})
        for name, x in [*found.maps.items(), *found.objects.items()]:
            if name not in self.head.inputs or x.dim() != 4 or x.shape[:2] != (seeds, len(rows)):
                wanted = f"one of its inputs and ({seeds}, {len(rows)}, ..., ...) are wanted"
                raise self.head.fault(f"looks gives {name} as {tuple(x.shape)}, {wanted}")
        sizes = self.about["sizes"]
        labels = next((sizes[kind] for kind in LABELS if kind in sizes), 0)
        for one in found.classes:
            shape = one.values.shape
            if one.input not in self.head.inputs or len(shape) != 5 or shape[:3] != (seeds, len(rows), labels):
                wanted = f"one of its inputs and ({seeds}, {len(rows)}, {labels}, ..., ...) are wanted"
                raise self.head.fault(f"looks gives the classes of {one.input} as {tuple(shape)}, {wanted}")
        if found.graph is not None and (found.graph.dim() != 3 or len(found.graph) != seeds):
            raise self.head.fault(
                f"looks gives graph as {tuple(found.graph.shape)}, {seeds} seeds want ({seeds}, C, C)"
            )
        return found


def save(
    path: Path, head: Head, scales: Mapping[str, Scale], memory: Mapping[str, Tensor], about: Mapping[str, Any]
) -> None:
    """Write safetensors with ``about`` as JSON in its metadata, atomically.

    about: what ``heads.checkpoints.about.About`` lists. Raises: StoreError when the folder cannot be written.
    """
    tensors = {HEAD + name: tensor.detach().cpu().contiguous() for name, tensor in head.state_dict().items()}
    for name, scale in scales.items():
        tensors |= {f"{_SCALE}{name}.mean": scale.mean.cpu(), f"{_SCALE}{name}.std": scale.std.cpu()}
    _write(path, tensors, memory, about)


def save_ensemble(path: Path, memory: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """As ``save``, of several rows as one, whose weights stay in their own files. about: its ``settings`` are an
    ``Ensemble``. Raises: StoreError when the folder cannot be written."""
    _write(path, {}, memory, {**about, "head": ENSEMBLE})


def _write(path: Path, tensors: Mapping[str, Tensor], memory: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    kept = {_MEMORY + name: tensor.cpu().contiguous() for name, tensor in memory.items()}
    metadata = {ABOUT: json.dumps(about, sort_keys=True)}
    make_folder(path.parent)
    replace(path, [to_bytes({**tensors, **kept}, metadata)])


def about(path: Path) -> dict[str, Any]:
    """What the checkpoint says of itself, as in ``About``. Raises: WeightsError as ``load``."""
    with _opened(path, "cpu") as (_, found):
        return found


def load(path: Path, device: str = "cpu") -> Checkpoint:
    """Raises: WeightsError when the file is absent, damaged or not one of ours, or when a plug-in that it was trained
    with is not here."""
    with _opened(path, device) as (file, found):
        if found["head"] == ENSEMBLE:
            told = ", ".join(one["path"] for one in checked_ensemble(path, found["settings"])["rows"])
            raise WeightsError(f"{path}: is an ensemble, of {told}; one head is wanted here. Give one of these")
        check_plugins(path, found)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        return _build(found, tensors, device)


def load_ensemble(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What an ensemble's checkpoint says of itself, and its memory. Raises: WeightsError when it is damaged."""
    with _opened(path, "cpu") as (file, found):
        found = {**found, "settings": checked_ensemble(path, found["settings"])}
        return found, {name.removeprefix(_MEMORY): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@contextmanager
def _opened(path: Path, device: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The file and what it says of itself; whatever is wrong with it becomes one line."""
    try:
        with safe_open(path, framework="pt", device=device) as file:
            yield file, checked(path, json.loads((file.metadata() or {}).get(ABOUT, "null")))
    except AffectError as error:
        if str(error).startswith(str(path)) or isinstance(error, PluginError):
            raise
        raise WeightsError(f"{path}: {error}. Train again") from None
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such checkpoint. Run make train first") from None
    except (OSError, SafetensorError, LookupError, TypeError, ValueError, RuntimeError) as error:
        told = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path}: not a checkpoint of a head, or damaged: {told}. Train again") from None


def _build(found: dict[str, Any], tensors: dict[str, Tensor], device: str) -> Checkpoint:
    """Raises: ValueError, LookupError, RuntimeError for parts that do not fit each other."""
    model: type[Head] = plugins.load("heads.models", found["head"], "Model")
    kind = known_protocols.load(found["kind"])
    settings = recipe(model, kind, found["settings"], f"checkpoint of {found['head']}")
    outside = model.__module__ in plugin_folders.found().modules  # a shipped head raises for a damaged table of widths
    with plugin_faults.told() if outside else nullcontext():
        widths = found["widths"] | {name: tuple(shape) for name, shape in found["shapes"].items()}
        head = model(settings, widths, found["sizes"], found["seeds"])
    head = head.to(torch.device(device))
    head.load_state_dict({name.removeprefix(HEAD): x for name, x in tensors.items() if name.startswith(HEAD)})
    if used := {name.partition("/")[0] for name in head.inputs} - found["features"].keys():
        raise ValueError(f"features: {', '.join(sorted(used))} of the head is not among them")
    scales = {name: _scale(tensors, name, found["widths"][name]) for name in head.standardised()}
    memory = {name.removeprefix(_MEMORY): x for name, x in tensors.items() if name.startswith(_MEMORY)}
    kind.check_memory(memory, found["task"], _of_zeros(head.eval(), found))
    return Checkpoint(head, settings, scales, memory, found)


def _scale(tensors: Mapping[str, Tensor], name: str, width: int) -> Scale:
    scale = Scale(tensors[f"{_SCALE}{name}.mean"], tensors[f"{_SCALE}{name}.std"])
    if scale.mean.shape != (width,) or scale.std.shape != (width,):
        raise ValueError(f"scale of {name}: has {len(scale.mean)} and {len(scale.std)} numbers, its width is {width}")
    return scale


@torch.no_grad()
def _of_zeros(head: Head, found: Mapping[str, Any]) -> Output:
    """What the head makes of one sample of zeros. Raises: PluginFault for what its own code raises."""
    seeds, device = len(found["seeds"]), next(iter(head.state_dict().values())).device
    shapes = {name: [width] for name, width in found["widths"].items()} | found["shapes"]
    sample = {name: torch.zeros(seeds, 1, *shapes[name], device=device) for name in head.inputs}
    row = torch.zeros(seeds, 1, 1, dtype=torch.int64, device=device)
    with plugin_faults.told():
        output: Output = head({**sample, ROW: row})
    return output
