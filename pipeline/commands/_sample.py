"""A sample of a store's images extracted again and told beside what is stored, for ``verify``."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from cache.errors import shown
from cache.feature import Feature
from cache.plugins import load
from cache.store import Store
from pipeline.commands._told import say, where
from pipeline.dataset import Reader, check_root
from pipeline.decoding.images import MAX_PIXELS
from pipeline.progress import Progress
from pipeline.running.again import confirm, draw, extract_again
from pipeline.running.agreement import Agreement, compare
from pipeline.running.extraction import check_device
from pipeline.running.recipes import Recipe
from pipeline.running.runner import Running
from pipeline.running.stored import stored

MOST = 5
"""Rows that are told of one feature."""


def check_sample(options: argparse.Namespace) -> int:
    """Draw, extract again, compare and say so. Returns 1 when a row differs by more than is allowed.

    Raises: AffectError of any kind; UnknownName for a feature that is not in the store.
    """
    check_device(options.device, here=True)
    root = options.root or options.data / options.dataset
    reader: Reader = load("pipeline.datasets", options.dataset, "Reader")(root)
    check_root(reader)
    store = Store(options.store)
    features = store.features(options.dataset)
    chosen = {name: features[name] for name in options.stages.split() or features}
    made = {name: (feature, stored(feature, options.weights)) for name, feature in chosen.items()}
    cap = int(store.reading(options.dataset).get("max_pixels", 0)) or MAX_PIXELS
    running = Running(root, options.device, threads=options.threads, max_pixels=cap)
    images = draw(list(chosen.values()), options.sample, options.draw)
    files = features.manifest.files
    if not images:
        say(f"{options.dataset}: none of the {files} to extract again: no shard of {' '.join(chosen)} is there")
        return 1
    progress = Progress(f"again {options.dataset}", len(images), files=files)
    with TemporaryDirectory() as folder:
        again = extract_again(made, images, running, Path(folder), lambda fine: progress.step(1, int(not fine)))
        progress.close()
        say(f"{options.dataset}: {len(images)} {files} extracted again (DRAW={options.draw})")
        differ = [name for name in made if _differs(*made[name], again.get(name), running, Path(folder))]
    say(f"{options.dataset}: {_verdict(differ, options) if differ else 'all as stored'}")
    return 1 if differ else 0


def _differs(feature: Feature, recipe: Recipe, again: Feature | None, running: Running, folder: Path) -> bool:
    """Say how far the rows of one feature are from those stored; whether any is too far."""
    found, name = Agreement(), feature.name + ("" if feature.trained else " (UNTRAINED)")
    if again:
        found = compare(feature, again)
    if not found.rows:
        say(f"  {name}: nothing of these images is stored")
        return False
    others = confirm(feature, recipe, found.others, running, folder)
    used, text = found.nearest
    nearest = f"; the farthest at {used:.0%} of what is allowed, {shown(text)}" if used else ", every digit"
    if not others:
        edge = f"; {len(found.others)} of them only in the batches they were made in" if found.others else ""
        say(f"  {name}: {found.rows} rows as stored{nearest}{edge}")
        return False
    say(f"  {name}: {len(found.others)} of {found.rows} rows differ")
    for key, difference in list(others.items())[:MOST]:
        say(f"    {shown(key)} {shown(difference)}")
    if len(found.others) > MOST or len(found.others) > len(others):
        say(f"    ... {len(found.others)} in all, those of one shard looked at in the batches they were made in")
    return True


def _verdict(differ: list[str], options: argparse.Namespace) -> str:
    told = f"{' '.join(differ)}: not as stored, though every digest is right, so make repair would change nothing"
    why = f"make status {where(options)} tells which code, packages or device are others than then; a photograph may be"
    folders = " ".join(str(options.store / options.dataset / name) for name in differ)
    return f"{told}. {why}, too. To have the rows of now, make extract into another STORE, or after rm -r {folders}"
