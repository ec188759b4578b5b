"""What a head must provide: its inputs, a forward pass over all seeds at once, and its loss terms by name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from cache.config import Settings
from cache.errors import PluginFault
from cache.plugin_faults import file_of

ROW = "row"
"""Beside the inputs a head names, ``features[ROW]`` holds each sample's row number in the manifest, (S, B, 1) int64."""

CLASS, FLAGS, DIMENSIONS, SCORES = "class", "flags", "dimensions", "scores"
"""Kinds of targets. CLASS: one class a sample, (n,) int64 from 0. FLAGS: any number of them, (n, C) float32, 0 or 1.
DIMENSIONS: valence, arousal, dominance or other numbers, (n, D) float32 in 0..1; NaN where it is not known. SCORES: how
sure the annotators are of each of the FLAGS, (n, C) float32 in 0..1; a head need not learn them."""

BOXES, PEOPLE_FLAGS, PEOPLE_CLASS = "boxes", "people_flags", "people_class"
"""Kinds of targets where a sample is an image with all its people, of whom no image has more than K. BOXES: (n, K, 4)
float32, xyxy in shares 0..1 of the image's width and height, NaN where there are fewer people; the size is K.
PEOPLE_FLAGS: any number of classes each, (n, K, C) float32, 0 or 1. PEOPLE_CLASS: one class each, (n, K) int64 from 0,
-1 where there is nobody. A task has one of these two, whose size is C."""

LABELS = (FLAGS, CLASS, PEOPLE_FLAGS, PEOPLE_CLASS)
"""Kinds whose size is how many classes there are."""

JUDGED_ONLY = frozenset({"people", "cost"})
"""Fields of Output that a head can fill only where it is told what is right (``heads.task.Task.given``)."""


class Output(NamedTuple):
    """What a head makes of samples; a head fills the fields that its ``gives`` names, while it is trained at least
    those that its terms need.

    embedding: (S, B, e), what samples are compared by. logits: (S, B, C) over the classes that are learned, of a
    softmax where they are CLASS, of C sigmoids where FLAGS. dimensions: (S, B, D), in 0..1 as their targets.
    people: (S, B, K, C), logits of the people in the boxes that ``features[BOXES]`` has, NaN where there is nobody.
    found: (S, B, N, 5 + C), people whom the head found itself: xyxy in shares 0..1 of the image, a score in 0..1 (0:
    nobody), the logits. cost: (S, B, 1), each image's whole loss, where the features have all that is learned.
    aside: (S, B, n), what the head's own terms need beside these, side by side; nobody else looks at it, so ``gives``
    does not name it and a head may leave it out where it is not trained.
    """

    embedding: Tensor | None = None
    logits: Tensor | None = None
    dimensions: Tensor | None = None
    aside: Tensor | None = None
    people: Tensor | None = None
    found: Tensor | None = None
    cost: Tensor | None = None


class ClassMaps(NamedTuple):
    """How much each place of an input's maps speaks for each class. values: (S, B, C, h, w), in the order of the
    logits. of: the part whose own logits they are about, "attention branch"; empty: the head's. exact: their mean over
    places is what these maps add to the logit, so they are class activation maps; otherwise layers that are not linear
    stand between, and they are gradients times maps."""

    input: str
    values: Tensor
    of: str = ""
    exact: bool = True


class Looks(NamedTuple):
    """Where a head looked; what it has none of is left out. maps: by input, (S, B, h, w), the weight of each place of
    that input's maps. classes: what those places say. objects: by input, (S, B, H, M), the weight of each of its M
    objects for each of H attention heads. graph: (S, C, C), [..., i, j] how much label i takes of label j, in the order
    of the logits."""

    maps: Mapping[str, Tensor] = MappingProxyType({})
    classes: Sequence[ClassMaps] = ()
    objects: Mapping[str, Tensor] = MappingProxyType({})
    graph: Tensor | None = None


class Taught(NamedTuple):
    """What a head may know of the training people before the first step. classes: the names of what is learned.
    targets: by kind, (n, ...). blocks: of each input in ``Head.blocks_of``, the trained tensors of its network's next
    block by their names in it."""

    classes: Sequence[str]
    targets: Mapping[str, Tensor]
    blocks: Mapping[str, Mapping[str, Tensor]] = MappingProxyType({})


def given(field: Tensor | None) -> Tensor:
    """A field of Output that the head at hand fills. Raises: TypeError when it does not, a fault of the head."""
    if field is None:
        raise TypeError("the head does not fill a field of Output that its gives names")
    return field


class Head(nn.Module, ABC):
    """One model per seed, all of them in one module; S is the number of seeds.

    inputs: ``feature/array`` names as the config says, such as ``image/pooled``. Config: every setting that changes
    the model. learns: the kinds of targets it can learn. gives: the fields of Output that it fills; an
    instance, with its config and task. trains: whether it has anything to train. approximates: what it has in place of
    what its paper has, such as "frozen backbones for fine-tuned ones"; every row says so. recordable: see
    ``heads.learning.recording.recordable``, which asks it of every one of ``parts``. All of its parameters and buffers
    begin with the seeds' axis, (S, ...).
    """

    inputs: tuple[str, ...]
    Config: ClassVar[type[Settings]]
    learns: ClassVar[frozenset[str]] = frozenset({CLASS})
    gives: frozenset[str]
    approximates: tuple[str, ...] = ()
    trains: ClassVar[bool] = True
    recordable: ClassVar[bool] = False

    @abstractmethod
    def __init__(
        self, config: Settings, widths: Mapping[str, Any], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        """widths: input name -> d, or of one among ``arrays_of`` the shape of a row. sizes: kind of target -> how many
        classes or numbers there are; only the kinds that the task has. seeds: one model each."""
        super().__init__()
        self.inputs = self.inputs_of(config)

    @classmethod
    def config_of(cls, values: Mapping[str, Any]) -> type[Settings]:  # noqa: ARG003 (a head may look at them)
        """``Config``, with the settings of the parts that ``values``, not yet checked, name. Raises: UnknownName."""
        return cls.Config

    @classmethod
    @abstractmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:
        """What a head with this config reads, known without building it. Raises: ConfigError."""

    @classmethod
    def arrays_of(cls, config: Settings) -> tuple[str, ...]:  # noqa: ARG003 (most heads take vectors alone)
        """Those of ``inputs_of`` whose rows may have any shape, such as maps (c, h, w) and objects (k, d). They stay in
        the store's memory-mapped shards and are read batch by batch."""
        return ()

    @classmethod
    def teachers_of(cls, config: Settings) -> tuple[str, ...]:  # noqa: ARG003 (most heads have none)
        """Those of ``inputs_of`` that only training and its validation read: ``forward`` does without them where it is
        told nothing of what is right."""
        return ()

    @classmethod
    def blocks_of(cls, config: Settings) -> Mapping[str, str]:  # noqa: ARG003 (most heads train no network's block)
        """Of those inputs that a network was cut at, the word of its next block, which the head trains on from the
        weights that lie beside the feature: ``{"body/layer3": "layer4"}``."""
        return {}

    @classmethod
    def files_of(cls, config: Settings) -> tuple[Path, ...]:  # noqa: ARG003 (most heads read none)
        """Files beside the store that training reads, such as word vectors: another content is another training."""
        return ()

    def learn_from(self, taught: Taught) -> None:
        """Fill buffers with what the head wants to know of the training people, such as how often classes occur.

        Called once, before training; a checkpoint keeps the buffers. Raises: ConfigError.
        """

    def fit(self, features: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> None:
        """Of a head with nothing to train step by step: fill buffers, whose shapes stay, from all training people.
        features: input name -> (n, d), of vectors alone. targets: by kind, (n, ...)."""

    @abstractmethod
    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: input name -> (S, B, ...) float32, a vector's (S, B, d); ROW; and in training and judging, not
        in prediction, what of the targets the task gives, by kind."""

    def looks(self, features: Mapping[str, Tensor]) -> Looks:  # noqa: ARG002 (most heads weigh no places)
        """Where it looks in ``features``, as of ``forward``; by default nowhere in particular."""
        return Looks()

    @abstractmethod
    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The loss terms by name, each (S,) and already weighted. targets: by kind, (S, B, ...). Empty: nothing to
        train."""

    def parts(self) -> tuple[type, ...]:
        """The classes whose code runs in a training step."""
        return (type(self),)

    def standardised(self) -> tuple[str, ...]:
        """The inputs that are to be brought to mean 0 and standard deviation 1 over the training samples."""
        return ()

    def held(self, batch: int) -> int:  # noqa: ARG002 (most heads hold little)
        """About how many bytes one seed's training step on ``batch`` samples keeps between forward and backward beside
        weights and inputs; 0 where they are few."""
        return 0

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """(S,): the sum of the terms. Seeds do not touch each other, so its sum back-propagates to each alone.

        Raises: PluginFault when a term has another shape.
        """
        return self.losses(output, targets)[0]

    def losses(self, output: Output, targets: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """``loss``, and the terms that it is the sum of. Raises: as ``loss``."""
        made = next(x for x in output if x is not None)
        total, terms = made.new_zeros(len(made)), self.terms(output, targets)
        for name, term in terms.items():
            if term.shape != total.shape:
                raise self.fault(f"terms gives {name} as {tuple(term.shape)}, {len(made)} seeds want ({len(made)},)")
            total = total + term
        return total, terms

    def fault(self, told: str) -> PluginFault:
        """An error of this head's file."""
        return PluginFault(file_of(type(self)), f"{told}. ARCHITECTURE.md shows a head")

    def parameter_count(self) -> int:
        """Trainable numbers of one seed's model."""
        return sum(parameter[0].numel() for parameter in self.parameters())
