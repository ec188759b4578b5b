"""Some images of a store extracted again, by the same runner, in a folder of their own; the store is only read."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random

from cache.feature import Feature
from cache.layout import Layout
from cache.shard import Rows, write
from cache.store import Store
from pipeline.running.agreement import compare, held_images
from pipeline.running.plan import Plan, Task
from pipeline.running.recipes import Recipe
from pipeline.running.runner import Running, Worker


def draw(features: Collection[Feature], count: int, seed: int) -> list[str]:
    """So many images, or all there are, in the manifest's order: drawn shard by shard in turn, of the shards that any
    of ``features`` has."""
    chance, heaps = Random(seed), dict[int, list[str]]()
    for feature in features:
        for block in feature.layout.blocks():
            if block.number not in heaps and feature.header(block):
                heaps[block.number] = chance.sample(block.images, len(block.images))
    order = sorted(heaps)
    chance.shuffle(order)
    turns = ((turn, number) for turn in range(max(map(len, heaps.values()), default=0)) for number in order)
    drawn = [heaps[number][turn] for turn, number in turns if turn < len(heaps[number])][:count]
    chosen = set(drawn)
    return [image for image in next(iter(features)).layout.images if image in chosen] if drawn else []


def extract_again(
    chosen: Mapping[str, tuple[Feature, Recipe]],
    images: Sequence[str],
    running: Running,
    folder: Path,
    step: Callable[[bool], None] = lambda _: None,
) -> dict[str, Feature]:
    """Feature -> its rows of ``images``, extracted again into ``folder``; a derived one is made of the stored rows, and
    left out where the store has none of these images.

    chosen: what lies in the store, and how it is made. step: called for each image with whether it could be read.
    Raises: AffectError of any kind.
    """
    found: dict[str, Feature] = {}
    groups: dict[str, list[str]] = defaultdict(list)
    for name, (_, recipe) in chosen.items():
        groups[name if recipe.stage.source else ""].append(name)
    for group, names in groups.items():
        store = Store(folder / (group or ".photographs"))
        recipes = {name: chosen[name][1] for name in names}
        layout = _layout([chosen[name][0] for name in names], images)
        if not len(layout):
            continue
        opened = {name: _opened(store, layout, chosen[name][0].info) for name in names}
        if group:
            source = _origin(chosen[group][0])
            opened[source.name] = _copied(store, layout, source, recipes[group].stage.reads)
        plan = Plan(layout, opened, recipes, tuple(Task(block.number, tuple(names)) for block in layout.blocks()))
        with Worker(plan, running) as worker:
            worker.load(names)
            for _ in worker.run(plan.tasks, (lambda _: None) if group else step):
                pass
        found |= {name: opened[name] for name in names}
    return found


def confirm(stored: Feature, recipe: Recipe, keys: Collection[str], running: Running, folder: Path) -> dict[str, str]:
    """Which of ``keys`` differ also in the batches that they were made in, and in what; the first shard that has any.

    A value on the edge, such as which of two overlapping faces is the likelier, may fall otherwise in other batches.
    So their shards are extracted again, whole, one after the other. Raises: AffectError of any kind.
    """
    kind = stored.granularity
    for block in stored.layout.blocks():
        if wanted := set(keys).intersection(stored.layout.keys(block, kind)):
            place = folder / f"{stored.name}-{block.number}"
            made = extract_again({stored.name: (stored, recipe)}, block.images, running, place)[stored.name]
            if others := compare(stored, made, wanted).others:
                return others
    return {}


def _origin(feature: Feature) -> Feature:
    """What a derived feature is made of, whichever is in use now. Raises: StoreError."""
    ((name, named),) = feature.info["source"].items()
    return Feature(feature.folder.parents[1] / name / named, feature.layout)


def _layout(features: Sequence[Feature], images: Iterable[str]) -> Layout:
    """Of the ``images`` that any of ``features`` has rows of."""
    held = set[str]().union(*map(held_images, features))
    return Layout(features[0].layout.manifest, features[0].layout.size, frozenset(held.intersection(images)))


def _opened(store: Store, layout: Layout, info: dict[str, object]) -> Feature:
    dataset = layout.manifest.dataset
    store.use(dataset, info)
    return Feature(store.root / dataset / str(info["feature"]) / str(info["fingerprint"]), layout)


def _copied(store: Store, layout: Layout, stored: Feature, arrays: Sequence[str]) -> Feature:
    """The rows of ``stored`` that ``layout`` has, as a feature in ``store``; of its arrays these alone."""
    specs = {name: stored.arrays[name] for name in arrays}
    told = {"arrays": {name: spec.to_json() for name, spec in specs.items()}, "source": {}}
    copy = _opened(store, layout, stored.info | told)
    for block in layout.blocks():
        keys = layout.keys(block, stored.granularity)
        read = {name: stored.read(name, keys) for name in arrays}
        status = next(iter(read.values()))[1]
        rows = Rows(keys, status, [""] * len(keys), {name: array for name, (array, _) in read.items()})
        write(copy.path(block), copy.fingerprint, copy.source(block), specs, rows)
    return copy
