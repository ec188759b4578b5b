"""``make reproduce``: a grid's table from the photographs, in one command that can be stopped at any time.

Says first which features and weights the grid's cells need, what of them is there, and how many hours and gigabytes the
rest will take, measured on a few of the dataset's own images; ``--plan`` ends there. Then fetches the weights, extracts
only what the cells read, trains, and writes the page; each step goes on where it stopped. Exit status: of the first
step that fails, else 0.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cache import config as toml
from cache.command import ended
from cache.errors import AffectError
from cache.manifest import Manifest
from cache.plugins import load
from heads.cli import main as heads
from heads.cli import wait_briefly
from heads.commands.ablate import usual_name
from heads.experiments.grid import read_grid
from heads.experiments.place import SEEDS
from heads.experiments.runs import folder_name
from pipeline.cli import Parser
from pipeline.cli import main as pipeline
from pipeline.dataset import Reader, Reading, manifest_of, say_how
from pipeline.running.recipes import DatasetConfig, dataset_config, recipes
from pipeline.running.request import Request
from pipeline.weights.folder import Weights
from scripts.report import main as page
from scripts.reproducing import cost
from scripts.reproducing.needs import Needs, find_needs, tables_of


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parser().parse_args(words)
    return ended(lambda: _run(options), "\ninterrupted. What is finished is kept; the same command goes on from there")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m scripts.reproduce", description="A grid's table from the photographs.")
    parser.add_argument("--grid", default="demo", help="a file of heads/configs/grids, or the path of one (demo)")
    parser.add_argument("--dataset", default="demo", help="dataset (demo)")
    parser.add_argument("--root", type=Path, help="the dataset's own folder (<data>/<dataset>)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where datasets are, without --root (data)")
    for folder in ("store", "runs", "weights"):
        parser.add_argument(f"--{folder}", type=Path, default=Path(folder), help=f"folder ({folder})")
    parser.add_argument("--config", type=Path, help="a TOML of features instead of the dataset's own")
    parser.add_argument("--box", default="", metavar="FORM", help="how a dataset of your own writes boxes (xyxy)")
    parser.add_argument("--mapping", type=Path, help="a TOML that says how labels become targets")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many ({SEEDS})")
    parser.add_argument("--set", default="", help='settings of the heads, as in "epochs=40"')
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    parser.add_argument("--executor", default="local", help="local or dask (local)")
    parser.add_argument("--scheduler", default="", help="address of a Dask scheduler that runs already")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes of an own Dask cluster (2)")
    parser.add_argument("--mirror", default="", metavar="URL", help="a folder that holds the weights' files")
    parser.add_argument("--allow-failed", type=int, default=0, metavar="N", help="images that may fail (0)")
    parser.add_argument("--untrained", action="store_true", help="go on without checkpoints; marked in every table")
    parser.add_argument("--plan", action="store_true", help="only say what is needed and what it will take")
    return parser


def _run(options: argparse.Namespace) -> int:
    """Raises: AffectError."""
    wait_briefly()
    root = options.root or options.data / options.dataset
    tables = tables_of(read_grid(options.grid), options.mapping, toml.assignments(options.set))
    config = dataset_config(options.dataset, options.config)
    request = Request(
        options.dataset,
        root,
        options.store,
        options.weights,
        options.untrained,
        config=options.config,
        device=options.device,
        box=options.box,
    )
    reader: Reader = load("pipeline.datasets", options.dataset, "Reader")(root)
    say_how(reader, Reading(options.box))
    if options.root is None and not root.exists():
        reader.prepare()
    manifest = manifest_of(reader, request.folder / "manifest.parquet")
    needs = find_needs(tables, config, request, manifest)
    _tell(options, needs, config, request, manifest)
    if options.plan:
        return 0
    return _do(options, needs)


def _tell(
    options: argparse.Namespace, needs: Needs, config: DatasetConfig, request: Request, manifest: Manifest
) -> None:
    images = len(set(manifest.images))
    print(f"{options.grid} on {manifest.dataset} ({manifest.release}), {images} images")
    print("\n".join(needs.lines(images)), flush=True)
    costs = _measured(needs, config, request, manifest)
    hours = [0.0, 0.0, 0.0]
    size = 0.0
    for name, one in costs.items():
        count = needs.pending.get(name, 0)
        hours = [sum(pair) for pair in zip(hours, one.hours(count), strict=True)]
        size += one.bytes * count
    if costs:
        told = f"{_span(hours)} hours on this machine, {size / 1e9:.2f} GB"
        print(f"extraction: {told}, measured on {min(cost.SAMPLED, images)} of these images")
    widths = _widths(needs, config, request)
    most = cost.training(
        tables=needs.tables, widths=widths, manifest=manifest, mapping=options.mapping, seeds=options.seeds
    )
    print(f"training: at most {most:.2f} hours, if nothing of it is there", flush=True)


def _measured(needs: Needs, config: DatasetConfig, request: Request, manifest: Manifest) -> Mapping[str, cost.Cost]:
    """Of what is to be extracted; a feature whose network cannot be built without its file is told and left out."""
    found: dict[str, cost.Cost] = {}
    few = cost.sample(manifest)
    measured = cost.extraction(config, list(needs.pending), request, few)
    if needs.pending:
        print(f"measuring on {len(set(few.images))} images, a feature at a time", flush=True)
    for name, took in measured if needs.pending else ():
        if isinstance(took, AffectError):
            print(f"  {name}: not measured: {took}")
        else:
            found[name] = took
    return found


def _span(hours: Sequence[float]) -> str:
    mean, low, high = hours
    return f"{mean:.2f} ({low:.2f} to {high:.2f})"


def _widths(needs: Needs, config: DatasetConfig, request: Request) -> dict[str, Any]:
    if not needs.features:
        return {}
    every = recipes(config, list(needs.features), Weights(request.weights, untrained=True))
    shapes = {f"{one.feature}/{name}": spec.shape for one in every for name, spec in one.stage.outputs.items()}
    return {name: shape[0] if len(shape) == 1 else shape for name, shape in shapes.items()}


def _do(options: argparse.Namespace, needs: Needs) -> int:
    where = ["--dataset", options.dataset, "--store", str(options.store)]
    own = [*where, "--weights", str(options.weights), *_given(options, "config")]
    pixels = ["--data", str(options.data), "--device", options.device, "--allow-failed", str(options.allow_failed)]
    pixels += [*_given(options, "root", "box"), *(["--untrained"] if options.untrained else [])]
    spread = ["--executor", options.executor, "--workers", str(options.workers), *_given(options, "scheduler")]
    stages = ["--stages", " ".join(needs.features)]
    run = folder_name(usual_name(options, read_grid(options.grid)))
    ablate = [*where, "--grid", options.grid, "--runs", str(options.runs), "--seeds", str(options.seeds), "--name", run]
    ablate += ["--device", options.device, *_given(options, "set", "mapping"), *spread]
    report = [
        "--run",
        run,
        "--runs",
        str(options.runs),
        "--store",
        str(options.store),
        *_given(options, "root", "mapping"),
    ]
    report += ["--data", str(options.data)]
    steps: list[tuple[str, Callable[[list[str]], int], list[str]]]
    steps = [("cache to table", heads, ["ablate", *ablate]), ("page", page, report)]
    if needs.features:
        steps.insert(0, ("pixels to cache", pipeline, ["extract", *own, *pixels, *spread, *stages]))
    if any(need.state == "absent" for need in needs.weights):
        steps.insert(0, ("weights", pipeline, ["weights", *own, *_given(options, "mirror"), *stages]))
    for number, (what, command, words) in enumerate(steps, 1):
        print(f"\n== {number}/{len(steps)} {what}", flush=True)
        if status := command(words):
            return status
    return 0


def _given(options: argparse.Namespace, *names: str) -> list[str]:
    """The words of those options that are given."""
    return [word for name in names if (value := getattr(options, name)) for word in (f"--{name}", str(value))]


if __name__ == "__main__":
    sys.exit(main())
