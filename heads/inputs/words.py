"""Vectors of the labels' words, looked up by label; without a file, vectors made of which labels stand together.

Source: the label embeddings of ML-GCN and of eq. 4.13 (Z, f_t), thesis, section 4.1.3; Z of ELD, relational
region-level analysis, section 3.3. Both take GloVe's 300 numbers.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from cache.config import Settings
from cache.errors import ConfigError

Vector = NDArray[np.float32]
_ALSO = {"disconnection": "disconnect", "disconnect": "disconnection"}
"""What a label is called elsewhere, for a file that has not its own word: EMOTIC's and BoLD's name of one category."""
_LINE, _LABELS = 1 << 20, 1 << 26
"""Most bytes of a line, and of a file of labels."""
_ARCHIVES = (b"PK", b"\x1f\x8b")
_WIDEST = 16_384


class Words(Settings):
    """words: file of the labels' word vectors: text with a word and its numbers a line (GloVe's), or a ``.npy`` (n, w)
    whose labels stand one a line in ``word_labels``, by default the ``.txt`` beside it; empty: vectors made of the
    labels that the training people have together. word_width: w of the file."""

    words: str = ""
    word_labels: str = ""
    word_width: int = Field(300, ge=1, le=_WIDEST)


def width(config: Words, labels: int) -> int:
    """How many numbers ``matrix`` gives a label, known before anything is read. labels: how many there are."""
    return config.word_width if config.words else labels


def files(config: Words) -> tuple[Path, ...]:
    """What is read."""
    if not config.words:
        return ()
    path, beside = Path(config.words), Path(config.word_labels) if config.word_labels else None
    labels = (beside or path.with_suffix(".txt"),) if path.suffix == ".npy" else ()
    return (path, *labels)


def stand_in(config: Words) -> tuple[str, ...]:
    """What is in place of word vectors where there is no file, for ``Head.approximates``; empty where there is one."""
    return () if config.words else ("labels told by which stand together, for word vectors",)


def matrix(config: Words, labels: Sequence[str], flags: Tensor) -> Tensor:
    """(C, ``width``) float32, a row a label. flags: (n, C) 0/1 of the training people, looked at where there is no
    file. Raises: ConfigError as ``read``."""
    if not config.words:
        return companions(flags)
    beside = Path(config.word_labels) if config.word_labels else None
    found = read(Path(config.words), labels, beside)
    if found.shape[1] != config.word_width:
        told = f"{config.words}: a word has {found.shape[1]} numbers, word_width is {config.word_width}"
        raise ConfigError(f'{told}. SET="word_width={found.shape[1]}"')
    return torch.from_numpy(found)


def companions(flags: Tensor) -> Tensor:
    """(C, C) float32, [i, j] the share of the people with label i who have label j too; 1 where i is j. A label that
    nobody has goes with itself alone. flags: (n, C) 0/1."""
    counted = flags.double()
    shares = counted.T @ counted / counted.sum(0).clamp_min(1)[:, None]
    return shares.fill_diagonal_(1).float()


def read(path: Path, labels: Sequence[str], beside: Path | None = None) -> Vector:
    """(C, w) float32, a row for each of ``labels``.

    A label of several words ("Doubt/Confusion") is the mean of their vectors, or has a vector under its whole name.
    Lower case counts before the label's own spelling, a word's first line before later ones. A text is read line by
    line, only what is wanted is kept, and no more is read once all is found. beside: the labels of a ``.npy``.
    Raises: ConfigError for a file that is not what ``Words`` says, and for a word that it does not have.
    """
    every = [word for label in labels for word in _names(label)]
    try:
        if path.suffix == ".npy":
            found = _of_array(path, beside or path.with_suffix(".txt"), every)
        else:
            found = _of_text(path, every, {word for label in labels for word in _parts(label.lower())})
    except OSError as error:
        raise ConfigError(f"{error.filename or path}: cannot be read: {error.strerror or error}. See words") from None
    if len(widths := {len(vector) for vector in found.values()}) > 1:
        raise ConfigError(f"{path}: some words have {min(widths)} numbers, some {max(widths)}")
    if bad := [word for word, vector in found.items() if not np.isfinite(vector).all()]:
        raise ConfigError(f"{path}: the vector of {bad[0]!r} holds a number that is not finite")
    return np.stack([_vector(path, label, found) for label in labels])


def _parts(label: str) -> list[str]:
    """A hyphen joins one word, which GloVe has as it is."""
    return [word for word in re.split(r"[\s/_,&]+", label) if word]


def _spellings(word: str) -> list[str]:
    """The nearest first."""
    lower = word.lower()
    other = _ALSO.get(lower)
    return [lower, word, *([other, other.capitalize()] if other else [])]


def _names(label: str) -> list[str]:
    """Everything under which a file may hold something of ``label``."""
    return [*(spelling for word in _parts(label) for spelling in _spellings(word)), label.lower(), label]


def _vector(path: Path, label: str, found: Mapping[str, Vector]) -> Vector:
    """Raises: ConfigError, naming the words that are missing."""
    words = {word: next((found[name] for name in _spellings(word) if name in found), None) for word in _parts(label)}
    vectors = [vector for vector in words.values() if vector is not None]
    if words and len(vectors) == len(words):
        return np.asarray(np.stack(vectors).mean(0, dtype=np.float64), np.float32)
    whole = next((found[name] for name in (label.lower(), label) if name in found), None)
    if whole is None:
        missing = ", ".join(repr(word) for word, vector in words.items() if vector is None)
        raise ConfigError(
            f"{path}: no vector for {missing or 'nothing'}, of label {label!r}. Add it, or leave words out"
        )
    return whole


def _of_array(path: Path, beside: Path, wanted: Sequence[str]) -> dict[str, Vector]:
    """The rows of a ``.npy`` whose label is among ``wanted``."""
    try:
        table = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ConfigError(f"{path}: is no .npy of numbers: {' '.join(str(error).split())}") from None
    if table.ndim != 2 or table.dtype.kind not in "fiu" or table.shape[1] > _WIDEST:
        told = f"has shape {table.shape} and dtype {table.dtype}"
        raise ConfigError(f"{path}: {told}; a row of numbers for each label is wanted, at most {_WIDEST} wide")
    labels = _labels(beside, path)
    if len(labels) != len(table):
        raise ConfigError(f"{path}: has {len(table)} rows, {beside} {len(labels)} labels")
    places = {label: row for row, label in enumerate(labels)}
    return {word: np.array(table[places[word]], np.float32) for word in wanted if word in places}


def _labels(beside: Path, path: Path) -> list[str]:
    """One a line, in the order of the rows of ``path``."""
    if not beside.exists():
        raise ConfigError(
            f"{path}: its labels, one a line, are looked for in {beside}. Write it, or name it: word_labels"
        )
    with beside.open("rb") as file:
        held = file.read(_LABELS + 1)
    try:
        labels = [line.strip() for line in held.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise ConfigError(f"{beside}: is no UTF-8 text; a label a line is wanted") from None
    if len(held) > _LABELS:
        raise ConfigError(f"{beside}: is over {_LABELS >> 20} MiB; a label a line is wanted")
    while labels and not labels[-1]:
        labels.pop()
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ConfigError(f"{beside}: label {twice!r} stands twice")
    return labels


def _of_text(path: Path, wanted: Sequence[str], enough: set[str]) -> dict[str, Vector]:
    """The lines whose word is among ``wanted``, until those of ``enough`` are all there."""
    names, found, lacking = {word.encode(): word for word in wanted}, dict[str, Vector](), set(enough)
    with path.open("rb") as file:
        if file.peek(2).startswith(_ARCHIVES):
            raise ConfigError(f"{path}: is an archive. Unpack it first")
        number = 0
        while lacking and (line := file.readline(_LINE)):
            number += 1
            if len(line) == _LINE:
                raise ConfigError(
                    f"{path}, line {number}: is over {_LINE >> 10} KiB; a word and its numbers are wanted"
                )
            word = names.get(line[: line.find(b" ")] if b" " in line else line.partition(b"\t")[0])
            if word is not None and word not in found:
                found[word] = _numbers(line, f"{path}, line {number}")
                lacking.discard(word)
    return found


def _numbers(line: bytes, where: str) -> Vector:
    """Raises: ConfigError."""
    try:
        vector = np.array(line.split()[1:], np.float32)
    except ValueError:
        raise ConfigError(f"{where}: holds something beside a word and its numbers") from None
    if not 0 < len(vector) <= _WIDEST:
        raise ConfigError(f"{where}: {len(vector)} numbers; a word has 1 to {_WIDEST}")
    return vector
