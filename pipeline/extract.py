"""One extraction from the annotation to the last shard."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cache.errors import ConfigError
from cache.files import sweep
from cache.layout import Layout
from cache.manifest import Manifest
from cache.plugins import load
from cache.spec import FAILURES
from cache.store import Feature, Store
from pipeline.dataset import Reader, manifest_of
from pipeline.plan import Plan, make_plan
from pipeline.progress import Progress
from pipeline.recipes import Recipe, dataset_config, recipes
from pipeline.runner import Running, Worker
from pipeline.weights import Weights

EXECUTORS = ("local",)


@dataclass(frozen=True)
class Request:
    """What the command line asked for. stages: feature names, empty for all. config: instead of the shipped one."""

    dataset: str
    root: Path
    store: Path
    weights: Path
    untrained: bool = False
    stages: tuple[str, ...] = ()
    config: Path | None = None
    device: str = "cpu"
    retry: bool = False


@dataclass(frozen=True)
class Report:
    """What an extraction found and did. images: read in this run. failed: paths of images with a failed row, over all
    features asked for, also from earlier runs."""

    manifest: Manifest
    recipes: tuple[Recipe, ...]
    images: int
    shards: int
    failed: frozenset[str]


def extract(request: Request, say: Callable[[str], None]) -> Report:
    """Bring the store up to date with the annotation and the settings. ``say`` takes lines for the user.

    Raises: AffectError of any kind, in one line; what was committed before stays.
    """
    reader: Reader = load("pipeline.datasets", request.dataset, "Reader")(request.root)
    config = dataset_config(request.dataset, request.config)
    weights = Weights(request.weights, request.untrained)
    chosen = recipes(config, list(request.stages), weights)
    reader.prepare()
    store = Store(request.store)
    with store.lock(request.dataset):
        sweep(request.store / request.dataset)
        manifest = manifest_of(reader, request.store / request.dataset / "manifest.parquet")
        for line in describe(manifest):
            say(line)
        store.begin(manifest, config.shard_images)
        for recipe in chosen:
            store.use(request.dataset, recipe.info)
        layout = Layout(manifest, config.shard_images)
        folder = request.store / request.dataset
        features = {r.feature: Feature(folder / r.feature / r.fingerprint, layout) for r in chosen}
        plan = make_plan(layout, features, chosen, request.retry)
        _run(plan, request, say)
        return Report(manifest, tuple(chosen), plan.images, len(plan.tasks), failed_images(features))


def describe(manifest: Manifest) -> list[str]:
    """The counts per split and status, in lines."""
    lines = [f"{manifest.dataset} ({manifest.release}): {int((manifest.persons >= 0).sum())} people"]
    for split, counts in manifest.counts().items():
        lines.append(f"  {split}: " + ", ".join(f"{number} {status}" for status, number in counts.items()))
    return lines + [f"  note: {note}" for note in manifest.notes]


def failed_images(features: dict[str, Feature]) -> frozenset[str]:
    """Paths of the images that have a failed row in any of ``features``."""
    keys = {one.key for feature in features.values() for one in feature.failures(FAILURES)}
    manifest = next(iter(features.values())).layout.manifest
    owners = {image for key, image in zip(manifest.keys, manifest.images, strict=True) if key in keys}
    return frozenset(owners | keys.intersection(manifest.images))


def _run(plan: Plan, request: Request, say: Callable[[str], None]) -> None:
    if not plan.tasks:
        say("nothing to extract")
        return
    check_device(request.device)
    work = sorted({name for task in plan.tasks for name in task.features}, key=list(plan.recipes).index)
    say(f"{plan.images} images in {len(plan.tasks)} shards to read for {' '.join(work)}")
    progress = Progress(f"{'retry' if request.retry else 'extract'} {request.dataset}", plan.images)
    with Worker(plan, Running(request.root, request.device)) as worker:
        worker.load()
        try:
            for _ in worker.run(plan.tasks, progress.step):
                pass
        finally:
            progress.close()


def check_device(device: str) -> None:
    """Raises: ConfigError when ``device`` is neither cpu nor a CUDA device that is there."""
    if device == "cpu":
        return
    import torch

    if device != "cuda" and not device.startswith("cuda:"):
        raise ConfigError(f"DEVICE={device}: no such device. Known: cpu, cuda, cuda:<number>")
    if not torch.cuda.is_available():
        raise ConfigError(f"DEVICE={device}: torch sees no CUDA device here. Use DEVICE=cpu")
