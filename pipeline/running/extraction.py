"""One extraction from the annotation to the last shard."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from cache.errors import ConfigError, StoreError
from cache.feature import Feature
from cache.files import remove, sweep
from cache.fingerprint import fingerprint
from cache.layout import Layout
from cache.manifest import Manifest
from cache.plugins import load
from cache.spec import FAILURES
from cache.store import Store
from pipeline.dataset import Reader, Reading, annotation_digest, check_root, manifest_of, say_how
from pipeline.progress import Progress
from pipeline.running.blocks import keep_block
from pipeline.running.executors import execute
from pipeline.running.making import record_makings
from pipeline.running.plan import Plan, make_plan
from pipeline.running.recipes import Recipe, dataset_config
from pipeline.running.request import Request
from pipeline.running.runner import Summary
from pipeline.running.twins import describe_twins


@dataclass(frozen=True)
class Report:
    """What an extraction found and did.

    images, shards: read and written in this run. failed: paths of images with a failed row in any feature asked for,
    also from earlier runs.
    """

    manifest: Manifest
    recipes: tuple[Recipe, ...]
    images: int
    shards: int
    failed: frozenset[str]


def extract(request: Request, say: Callable[[str], None]) -> Report:
    """Bring the store up to date with the annotation and the settings. ``say`` takes lines for the user.

    Raises: AffectError of any kind, in one line; what was committed before stays.
    """
    check_device(request.device, here=False)
    reader: Reader = load("pipeline.datasets", request.dataset, "Reader")(request.root)
    say_how(reader, Reading(request.box))  # a wrong word is told before files are made
    if request.make and not request.root.exists():
        say(f"{request.dataset}: making its files in {request.root}")
        reader.prepare()
    check_root(reader)
    if request.retry and not request.stages:
        request = replace(request, stages=_extracted(request, say))
    config, chosen = request.settings()
    store = Store(request.store)
    with store.lock(request.dataset):
        request = settle(request, reader, store, say)
        sweep(request.folder)
        reader.complete(say)
        manifest = manifest_of(reader, request.folder / "manifest.parquet")
        if manifest.clips != (config.frames > 0):
            what = "clips: its config says frames = 8, or as many as you want of each" if manifest.clips else "no clips"
            raise ConfigError(f"{request.dataset} has {what}{'' if manifest.clips else '. Leave frames out'}")
        place = fingerprint(str(request.root.resolve()))
        for line in [*describe(manifest), *_replaced(store, manifest), *_moved(store, request, place)]:
            say(line)
        store.begin(manifest, config.shard_images, {**reader.reading.remembered(), "root": place})
        _use(store, request, chosen, say)
        features = request.features(manifest, config.shard_images, chosen)
        for leftover in (path for feature in features.values() for path in feature.leftovers()):
            say(f"removing {leftover}: beyond the last of the manifest's {manifest.files}")
            remove(leftover)
        plan = make_plan(Layout(manifest, config.shard_images), features, chosen, request.retry)
        for line in describe_twins(manifest, request.root) if plan.tasks else ():
            say(f"  note: {line}")
        record_makings(plan, request.device)
        images = _run(plan, request, say)
        _check_done(plan)
        return Report(manifest, chosen, images, len(plan.tasks), failed_images(features))


def _use(store: Store, request: Request, chosen: Sequence[Recipe], say: Callable[[str], None]) -> None:
    """Have the store use the features of ``chosen``. Raises: StoreError for a retry of what was never extracted."""
    used = store.in_use(request.dataset)
    for recipe in chosen:
        if request.retry and not _is_extracted(request, recipe):
            where = f"{request.folder / recipe.feature}: nothing was extracted with these settings"
            raise StoreError(f"{where}. Give the CONFIG, WEIGHTS and UNTRAINED of then, or run make extract first")
        store.use(request.dataset, recipe.info)
        keep_block(recipe, request.folder / recipe.feature / recipe.fingerprint)
    for line in _changed(used, chosen):
        say(line)


def settle(request: Request, reader: Reader, store: Store, say: Callable[[str], None]) -> Request:
    """``request`` with what the store remembers of how the files are read, where nothing else is said now; ``reader``
    reads so from here on. Raises: ConfigError, StoreError."""
    kept, asked = store.reading(request.dataset), Reading(request.box, request.max_pixels).remembered()
    for name in ("box", "max_pixels"):
        if name in kept and name not in asked:
            say(f"{name.upper()}={kept[name]}, as this store was made (give {name.upper()} to have it otherwise)")
        elif name in kept and asked[name] != kept[name]:
            more = ", and make retry does what failed" if name == "max_pixels" else ""
            told = f"this store was made with {kept[name]}; people who change are made anew{more}"
            say(f"{name.upper()}={asked[name]}: {told}")
    known = kept | asked
    box, cap = str(known.get("box", "")), int(known.get("max_pixels", 0))
    now = annotation_digest(reader) if box else ""
    said_of = now if "box" in asked else str(known.get("annotation", ""))
    if said_of != now and said_of:
        say(f"BOX={box} was said of another annotation than is there now. Give BOX again, so or otherwise")
    say_how(reader, Reading(box, cap, asked=bool(box) and said_of == now, annotation=said_of))
    return replace(request, box=box, max_pixels=cap)


def _extracted(request: Request, say: Callable[[str], None]) -> tuple[str, ...]:
    """The features that there is anything of; only these can have failed. Those that have other settings now are left
    out, which is said, but where there are no others. Raises: StoreError when there is none."""
    known = dataset_config(request.dataset, request.config).stages
    found = tuple(name for name in known if (request.folder / name).is_dir())
    if not found:
        raise StoreError(f"{request.folder}: nothing was extracted yet. Run make extract first")
    _, chosen = replace(request, stages=found).settings()
    same = tuple(recipe.feature for recipe in chosen if _is_extracted(request, recipe))
    if same and (others := [name for name in found if name not in same]):
        say(f"left out, extracted with other settings than now: {' '.join(others)}. make extract does them")
    return same or found


def _is_extracted(request: Request, recipe: Recipe) -> bool:
    """Whether there is anything of it, with its settings of now."""
    return (request.folder / recipe.feature / recipe.fingerprint).is_dir()


def _changed(used: Mapping[str, str], chosen: Sequence[Recipe]) -> list[str]:
    """A line when features that are in use become others: heads that were trained on those do not fit these.

    used: fingerprints by feature.
    """
    others = [one for one in chosen if used.get(one.feature, one.fingerprint) != one.fingerprint]
    if not others:
        return []
    names = ", ".join(f"{one.feature} (was {used[one.feature]}, is {one.fingerprint})" for one in others)
    kept = "What was extracted before stays in the store, and is in use again after make extract with the words of then"
    return [f"other settings or weights than before, so heads trained before do not fit: {names}. {kept}"]


def describe(manifest: Manifest) -> list[str]:
    """The counts per split and status, in lines."""
    lines = [f"{manifest.dataset}, release {manifest.release}: {int((manifest.persons >= 0).sum())} people"]
    for split, counts in manifest.counts().items():
        lines.append(f"  {split}: " + ", ".join(f"{number} {status}" for status, number in counts.items()))
    return lines + [f"  note: {note}" for note in manifest.notes]


def _replaced(store: Store, manifest: Manifest) -> list[str]:
    """A line where hardly anybody is left of whom the store's rows are. Raises: StoreError."""
    if manifest.dataset not in store.datasets():
        return []
    before, now = (_people(one) for one in (store.manifest(manifest.dataset), manifest))
    left = len(before & now)
    if 2 * left >= len(before):
        return []
    told = f"of the {len(before)} people that {store.root / manifest.dataset} was made of {left} are in this annotation"
    return [f"{told}; the rows of the others go. If this is another data set, give it another STORE"]


def _people(manifest: Manifest) -> set[tuple[str, int]]:
    return {pair for pair in zip(manifest.images, manifest.persons.tolist(), strict=True) if pair[1] >= 0}


def _moved(store: Store, request: Request, place: str) -> list[str]:
    """A line where the files lie in another folder than when the store was made. place: what names it now."""
    if store.reading(request.dataset).get("root", place) == place:
        return []
    words = f"DATASET={request.dataset} ROOT={request.root} STORE={request.store}"
    check = f"make verify {words} SAMPLE=50 tells whether they are"
    return [f"another ROOT than before: files of the same name and size count as the same; {check}"]


def failed_images(features: Mapping[str, Feature]) -> frozenset[str]:
    """Paths of the images that have a failed row in any of ``features``."""
    keys = {one.key for feature in features.values() for one in feature.failures(FAILURES)}
    manifest = next(iter(features.values())).layout.manifest
    owners = {image for key, image in zip(manifest.keys, manifest.images, strict=True) if key in keys}
    return frozenset(owners | keys.intersection(manifest.images))


def _check_done(plan: Plan) -> None:
    """Raises: StoreError when a shard that was reported as written is not there for this plan's samples."""
    for task in plan.tasks:
        block = plan.layout.block(task.number)
        for name in task.features:
            if plan.features[name].header(block) is None:
                path = plan.features[name].path(block)
                raise StoreError(f"{path}: was reported as written and is not there. Run the same command again")


def _run(plan: Plan, request: Request, say: Callable[[str], None]) -> int:
    """Returns how many images were read."""
    files = plan.layout.manifest.files
    if plan.pending and request.retry:
        say(f"{plan.pending} shards were never extracted and are left alone: make extract does them")
    if request.retry and (again := sum(not task.retry for task in plan.tasks)):
        say(f"{again} shards hold {files} or people that have changed since, and are read again whole")
    if not plan.tasks:
        say("nothing to retry" if request.retry else "nothing to extract")
        return 0
    check_device(request.device, here=request.executor == "local")
    work = sorted({name for task in plan.tasks for name in task.features}, key=list(plan.recipes).index)
    say(f"{plan.images} {files} in {len(plan.tasks)} shards to read for {' '.join(work)}")
    if request.device != "cpu" and (own := [name for name in work if plan.recipes[name].stage.cpu_only]):
        say(f"on the CPU in spite of DEVICE={request.device}, where their networks alone run: {' '.join(own)}")
    sizes = {task.number: plan.images_of(task) for task in plan.tasks}
    word = "retry" if request.retry else "extract"
    progress = Progress(f"{word} {request.dataset}", sum(sizes.values()), files=files)
    done, summaries = list[Summary](), execute(plan, request, progress.step)
    try:
        for summary in summaries:
            done.append(summary)
    except BaseException:
        summaries.close()  # what is being written ends before it is counted
        progress.stop(sum(sizes[number] for number in _committed(plan, {one.number for one in done})))
        raise
    progress.close()
    return sum(summary.images for summary in done)


def _committed(plan: Plan, told: set[int]) -> set[int]:
    """Numbers of the shards that are done: those of a retry as ``told``, since they were there before, the others as
    the store has them."""
    found = set(told)
    for task in (one for one in plan.tasks if not one.retry):
        block = plan.layout.block(task.number)
        if all(plan.features[name].header(block) for name in task.features):
            found.add(task.number)
    return found


def check_device(device: str, here: bool) -> None:
    """Raises: ConfigError when ``device`` is no device's name or, with ``here``, none of this machine's."""
    name, _, number = device.partition(":")
    if name not in ("cpu", "cuda") or (":" in device and not (name == "cuda" and number.isdecimal())):
        raise ConfigError(f"DEVICE={device}: no such device. Known: cpu, cuda, cuda:<number>")
    if name == "cpu" or not here:
        return
    import torch

    if torch.cuda.device_count() <= int(number or 0):
        raise ConfigError(f"DEVICE={device}: torch sees {torch.cuda.device_count()} CUDA devices here. Use DEVICE=cpu")
