"""A trained head's scoring as an ONNX model, compared with torch before anybody gets it.

A model's inputs are the head's, named as the features and of the dtype in which these are stored, (people, ...) each.
Its outputs are what each seed's model makes, (seeds, people, ...), and the answers of the head's protocol: shares
(people, classes), the mean over seeds, and where a protocol says who is named, ``<answer>_named``. Standardising,
sigmoid or softmax, and what the protocol keeps of people, are inside.
"""

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cache.errors import ConfigError, NotInstalled
from heads import known_protocols
from heads.checkpoints.checkpoint import Checkpoint
from heads.head import JUDGED_ONLY, ROW, Output

CLOSE = 1e-5
"""How far a number may be from torch's, as a share of the largest of its kind where that is above 1."""
LARGEST = 2_000_000_000
"""Bytes of the weights: protobuf, which the file is written in, ends at 2 GiB."""
_NEW = 1 << 40
_NAMED = "_named"
_ROWS = (2, 1, 5)
"""How many people the model is tried with; it is made with the first."""

Arrays = Mapping[str, NDArray[np.generic]]


class Scoring(nn.Module):
    """What ``Checkpoint.answers`` does, as one function of the inputs in their order."""

    def __init__(self, loaded: Checkpoint) -> None:
        super().__init__()
        self.head, self.loaded = loaded.head.eval(), loaded
        self.names: list[str] = []

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """inputs: (n, ...) each, as stored. The outputs are called ``names``."""
        known, about = self.loaded, self.loaded.about
        seeds, people = len(about["seeds"]), inputs[0].shape[0]
        stored = {name: x.float() for name, x in zip(known.inputs, inputs, strict=True)}
        features = {name: x.expand(seeds, *x.shape) for name, x in known.scaled(stored).items()}
        row = torch.full((seeds, people, 1), _NEW, dtype=torch.int64)
        made: Output = self.head({**features, ROW: row})
        told = {name: x for name, x in made._asdict().items() if x is not None and name in self.head.gives}
        told = {name: x for name, x in told.items() if name not in JUDGED_ONLY}
        kind = known_protocols.load(about["kind"])
        for one in kind.answers(known.memory, about["task"], known.recipe, Output(**told)):
            word = one.title if one.title not in told else f"{one.title}_mean"
            told[word] = one.shares
            if one.named is not None:
                told[f"{word}{_NAMED}"] = one.named
        self.names = list(told)
        return tuple(told.values())


def check_installed() -> None:
    """Raises: NotInstalled, naming the extra."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            told = f"FORMAT=onnx needs {package}, which is not installed. Run pip install 'affect-cache[onnx]'"
            raise NotInstalled(told)


def model(loaded: Checkpoint, dtypes: Mapping[str, str], metadata: Mapping[str, str], stored: Arrays) -> bytes:
    """The file. dtypes: of each input as stored. metadata: goes into the model. stored: real rows of each input that it
    is tried on beside drawn ones.

    Raises: NotInstalled; ConfigError for a head that cannot be such a model, or whose numbers are not torch's.
    """
    check_installed()
    who = f"head {loaded.about['head']}"
    if not loaded.inputs:
        raise ConfigError(f"{who}: reads no feature, so there is nothing to give to an ONNX model")
    size = sum(x.numel() * x.element_size() for x in loaded.head.state_dict().values())
    if size > LARGEST:
        raise ConfigError(
            f"{who}: has {size} bytes of weights; an ONNX file holds {LARGEST}. Train it with fewer SEEDS"
        )
    scoring = Scoring(loaded)
    drawn = [_drawn(loaded, dtypes, people) for people in _ROWS]
    made = _exported(who, scoring, list(drawn[0].values()), metadata)
    for rows in [*drawn, *([stored] if stored else [])]:
        check(who, made, scoring, rows)
    return made


def _drawn(loaded: Checkpoint, dtypes: Mapping[str, str], people: int) -> dict[str, NDArray[np.generic]]:
    """Rows about as those that the head was trained on, where its scales tell."""
    draw, about, found = np.random.default_rng(people), loaded.about, dict[str, NDArray[np.generic]]()
    for name in loaded.inputs:
        shape = about["shapes"].get(name) if name in about["shapes"] else [about["widths"][name]]
        values = draw.standard_normal((people, *shape))
        if (scale := loaded.scales.get(name)) is not None:
            values = values * scale.std.cpu().numpy() + scale.mean.cpu().numpy()
        found[name] = np.abs(values).astype(dtypes[name]) if dtypes[name][0] in "ub" else values.astype(dtypes[name])
    return found


def _exported(who: str, scoring: Scoring, rows: Sequence[NDArray[np.generic]], metadata: Mapping[str, str]) -> bytes:
    """Raises: ConfigError naming the operation that cannot be exported."""
    inputs, names = tuple(torch.as_tensor(x) for x in rows), list(scoring.loaded.inputs)
    with torch.no_grad():
        scoring(*inputs)
    people = torch.export.Dim.DYNAMIC
    shapes = (tuple({0: people} for _ in inputs),)
    try:
        with _quiet(), torch.no_grad():
            graph = torch.export.export(scoring, inputs, dynamic_shapes=shapes, strict=False)
            program: Any = torch.onnx.export(graph, verbose=False, input_names=names, output_names=scoring.names)
    except Exception as error:
        told = f"an ONNX model has no form of {operation(error)}"
        raise ConfigError(
            f"{who} under {scoring.loaded.about['protocol']}: {told}. make publish without FORMAT"
        ) from None
    for name, value in metadata.items():
        program.model.metadata_props[name] = value
    content: bytes = program.model_proto.SerializeToString()
    return content


def operation(error: BaseException) -> str:
    """What could not be exported: the operation where the error names one, else its first words."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(str(error).split())
    if "specialized it to be a constant" in text:
        return "a step that counts the people: len(...), a loop, int(...)"
    if found := re.search(r"(aten(?:::|\.)\w+|torch\.ops\.\w+\.\w+|\b\w+\.item\b|\b\w*numpy\b)", text):
        return found[1]
    return f"what it does ({type(error).__name__}: {text[:120]})"


def check(who: str, made: bytes, scoring: Scoring, rows: Arrays) -> None:
    """Whether the model says what torch says of ``rows``. Raises: ConfigError with the number."""
    import onnxruntime

    people = len(next(iter(rows.values())))
    with _quiet(), torch.no_grad():
        wanted = scoring(*(torch.as_tensor(rows[name]) for name in scoring.loaded.inputs))
        try:
            session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
            given = {one.name: rows[one.name] for one in session.get_inputs()}
            found = session.run(scoring.names, given)
        except Exception as error:  # onnxruntime's own, of no common class
            told = " ".join(str(error).split())[:160]
            raise ConfigError(
                f"{who}: onnxruntime refuses the model with {people} people: {told}. No file is kept"
            ) from None
    for name, one, other in zip(scoring.names, found, wanted, strict=True):
        apart = _apart(np.asarray(one, np.float64), other.double().numpy())
        if not apart <= CLOSE:
            told = f"{name} of {people} people is {apart:.1e} away from torch's, {CLOSE:g} is allowed"
            raise ConfigError(f"{who}: the ONNX model's {told}. No file is kept")


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if one.shape != other.shape or not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return float("inf")
    both = np.isfinite(other)
    return float(np.abs(one[both] - other[both]).max(initial=0) / max(1.0, np.abs(other[both]).max(initial=0)))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter talks on every channel that there is."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def columns(loaded: Checkpoint, rows: Arrays) -> dict[str, list[str]]:
    """Answer -> the names of its columns. rows: of each input."""
    told = loaded.answers({name: torch.as_tensor(x) for name, x in rows.items()}, np.array([_NEW]))
    return {one.title: list(one.names) for one in told}
