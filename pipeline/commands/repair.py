"""``repair``: what ``verify`` condemned is removed and extracted again."""

import argparse
from collections.abc import Callable
from pathlib import Path

from cache.errors import StoreError
from cache.files import remove
from cache.manifest import Manifest
from cache.plugins import load
from cache.store import Store
from cache.verify import verify_feature
from pipeline.commands._told import say
from pipeline.commands.extract import asked, verdict
from pipeline.dataset import Reader, check_root, manifest_of
from pipeline.running.extraction import Report, extract, settle
from pipeline.running.request import Request


def run(options: argparse.Namespace) -> int:
    """Returns as ``extract``. Raises: AffectError."""
    return verdict(repair(asked(options), say), options)


def repair(request: Request, say: Callable[[str], None]) -> Report:
    """Delete damaged shards, and the manifest when it is damaged, then bring the store up to date.

    What is sound is neither deleted nor read for pixels. Raises: AffectError of any kind.
    """
    reader: Reader = load("pipeline.datasets", request.dataset, "Reader")(request.root)
    check_root(reader)
    config, chosen = request.settings()
    store, path = Store(request.store), request.folder / "manifest.parquet"
    with store.lock(request.dataset):
        if path.exists() and (fault := _fault(path)):
            say(f"removing {path}: {fault}")
            remove(path)
        settle(request, reader, store, lambda _: None)  # ``extract`` says it
        reader.complete(say)
        manifest = manifest_of(reader, path)
        for recipe in chosen:
            store.use(request.dataset, recipe.info)
        for feature in request.features(manifest, config.shard_images, chosen).values():
            for finding in verify_feature(feature):
                say(f"removing {finding.path}: {finding.problem}")
                remove(finding.path)
    return extract(request, say)


def _fault(path: Path) -> str:
    try:
        Manifest.load(path)
    except StoreError as error:
        return str(error).removeprefix(f"{path}: ")
    return ""
