"""Remove what ``verify`` condemned, and extract it again."""

from collections.abc import Callable

from cache.errors import StoreError
from cache.files import remove
from cache.manifest import Manifest
from cache.store import Store
from cache.verify import verify_feature
from pipeline.extract import Report, extract
from pipeline.request import Request


def repair(request: Request, say: Callable[[str], None]) -> Report:
    """Delete damaged shards, and the manifest when it is damaged, then bring the store up to date.

    What is sound is neither deleted nor read for pixels. Raises: AffectError of any kind.
    """
    store, path = Store(request.store), request.folder / "manifest.parquet"
    with store.lock(request.dataset):
        try:
            manifest = Manifest.load(path)
        except StoreError as error:
            say(f"removing {path}: {error}")
            remove(path)
        else:
            _remove_shards(request, manifest, say)
    return extract(request, say)


def _remove_shards(request: Request, manifest: Manifest, say: Callable[[str], None]) -> None:
    config, chosen = request.settings()
    store = Store(request.store)
    for recipe in chosen:
        store.use(request.dataset, recipe.info)
    for feature in request.features(manifest, config.shard_images, chosen).values():
        for finding in verify_feature(feature):
            say(f"removing {finding.path}: {finding.problem}")
            remove(finding.path)
