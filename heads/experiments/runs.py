"""Where a run's folder is, and which checkpoint a command means."""

import shlex
from collections.abc import Sequence
from glob import escape
from pathlib import Path

from cache import plugins
from cache.errors import AffectError, ConfigError, StoreError
from cache.fingerprint import fingerprint
from heads.checkpoints import checkpoint as checkpoints
from heads.checkpoints.about import asked, check_plugins
from heads.experiments.place import SEEDS

LONGEST_NAME = 200
"""Bytes of UTF-8; file systems allow 255, and a suffix and a temporary file's prefix are added."""
LONGEST_CHANGES = 100


def slug(protocol: str) -> str:
    """A protocol's name as a folder's: ``a:b`` -> ``a-b``. Raises: ConfigError when it cannot be one."""
    return folder_name(protocol.replace(":", "-"), "protocol")


def folder_name(word: str, what: str = "name") -> str:
    """``word`` as the name of one folder, or of a file without its suffix.

    what: ``word`` is, for the error. Raises: ConfigError for a path, a hidden name, characters that cannot be printed
    and more than LONGEST_NAME bytes.
    """
    printable = word.isprintable()  # False for control characters, NUL and bytes that are not UTF-8
    plain = printable and word != "" and word[0] != "." and "/" not in word
    if not plain or len(word.encode()) > LONGEST_NAME:
        told = repr(word) if len(word) <= LONGEST_CHANGES else f"{word[:LONGEST_CHANGES]!r}..."
        rule = f"without a path, a leading dot or control characters, of at most {LONGEST_NAME} bytes"
        raise ConfigError(f"{what} {told}: it must be the name of one folder, {rule}")
    return word


def trained(dataset: str, protocol: str, head: str) -> str:
    """The folder that ``train`` writes when no name is given and nothing is changed."""
    return f"{dataset}-{slug(protocol)}-{head}"


def changed(seeds: int, settings: str) -> list[str]:
    """SEEDS and SET as the words of ``changes``."""
    return [*([] if seeds == SEEDS else [f"seeds={seeds}"]), *settings.split()]


def changes(mapping: Path | None, words: Sequence[str] = ()) -> str:
    """What differs from the defaults, as the end of a folder's name, so that no other run is overwritten.

    words: as ``lr=1e-3``, in any order; where one is quoted, in theirs. Their fingerprint instead, where they are long.
    """
    if any(mark in word for word in words for mark in "'\""):  # a quoted text's words are apart in ``words``
        return _in_this_order(mapping, words)
    return _in_this_order(mapping, sorted(words, key=lambda word: (not word.startswith("seeds="), word)))


def _in_this_order(mapping: Path | None, words: Sequence[str]) -> str:
    mapped = [] if mapping is None else [f"mapping={mapping.stem}"]
    told = "".join(f"-{word.replace('/', '_')}" for word in [*mapped, *words])
    return told if len(told) <= LONGEST_CHANGES else f"-{fingerprint(told)}"


def checkpoint(
    runs: Path,
    dataset: str,
    protocol: str,
    head: str,
    name: str | None = None,
    mapping: Path | None = None,
    words: Sequence[str] = (),
) -> Path:
    """The checkpoint of ``head`` under ``protocol`` in run ``name``; without a name, of ``train``, else of the
    dataset's own grid, both with ``mapping`` and with the ``words`` of SEEDS and SET that they were trained with. A
    grid over several protocols has a folder for each.

    Raises: StoreError naming the checkpoints that are there, or what the one there was trained on; WeightsError when
    that is damaged; ConfigError for a name that is none.
    """
    told, file = changes(mapping, words), f"{folder_name(head, 'head')}.safetensors"
    folder_name(dataset, "dataset")
    usual = (trained(dataset, protocol, head), dataset)
    names = [name] if name else [one + told for one in usual]
    older = [] if name else [one + _in_this_order(mapping, words) for one in usual]  # before the order was one
    folders = [runs / folder_name(one) / part for one in (*names, *older) for part in ("", slug(protocol))]
    paths = [folder / file for folder in folders]
    there = [path for path in paths if path.is_file()]
    for path in there:
        if asked(checkpoints.about(path), dataset, protocol):
            return path
    train = f"run make train HEAD={head} DATASET={dataset} PROTOCOL={protocol}{_given(mapping, words)}"
    if there:
        about = checkpoints.about(there[0])
        was, wanted = f"{about['dataset']} {about['protocol']}", f"{dataset} {protocol}"
        cure = f"Give its DATASET and PROTOCOL, or {train}"
        raise StoreError(f"{there[0]}: was trained on {was!r}, asked for is {wanted!r}. {cure}")
    found = sorted(str(path.relative_to(runs).with_suffix("")) for path in runs.glob("*/**/*.safetensors"))
    where = " or ".join(str(runs / one / file) for one in names)
    known = f"Trained are {', '.join(found[:12])}" if found else "Nothing is trained yet"
    named = f" NAME={shlex.quote(name)}" if name else ""
    others = _names(runs, file, dataset, protocol)
    cure = f"{train[0].upper()}{train[1:]}{named}, or give {others}, or the SET and SEEDS of then"
    raise StoreError(f"{where}: no such checkpoint. {known}. {cure}")


def _names(runs: Path, file: str, dataset: str, protocol: str) -> str:
    """NAME with each of the first runs whose ``file`` is what is asked for; NAME alone where there is none."""
    paths = sorted(path for part in ("", slug(protocol)) for path in runs.glob(str(Path("*", part, escape(file)))))
    names = (path.relative_to(runs).parts[0] for path in paths if _answers(path, dataset, protocol))
    return " or ".join(f"NAME={shlex.quote(name)}" for name in list(dict.fromkeys(names))[:3]) or "NAME"


def _answers(path: Path, dataset: str, protocol: str) -> bool:
    """Whether it was trained on that; a damaged one was not."""
    try:
        return asked(checkpoints.about(path), dataset, protocol)
    except AffectError:
        return False


def check_head(runs: Path, head: str) -> None:
    """Raises: WeightsError for a head, or a row of one, that is not known here but was trained below ``runs``, with the
    plug-in that it needs."""
    if folder_name(head, "head").partition("-")[0] not in plugins.names("heads.models"):
        for path in sorted(runs.glob(f"**/{escape(head)}.safetensors")):
            check_plugins(path, checkpoints.about(path))


def _given(mapping: Path | None, words: Sequence[str]) -> str:
    """The words of the command that changed what was trained. A NAME is none: it may be another run's."""
    seeds = [word.removeprefix("seeds=") for word in words if word.startswith("seeds=")]
    settings = " ".join(word for word in words if not word.startswith("seeds="))
    known = {"MAPPING": mapping and str(mapping), "SEEDS": "".join(seeds), "SET": settings}
    quoted = {key: shlex.quote(value) for key, value in known.items() if value}
    return "".join(f" {key}={value}" for key, value in quoted.items())
