"""On a CUDA device: stages over their bare networks, and seeds of a head together over one by one.

Stages with their default settings on drawn photographs of 640 x 480, networks with random weights, in one process that
decodes on all cores. Bare: the networks' outermost calls again, on tensors that are on the device. Heads on made-up
features of EMOTIC's size. Optical flow of pairs of frames of 340 x 256, in batches, over our TV-L1 with a pair on each
of two CPU cores (which bench/flow.json compares with OpenCV contrib's). Medians of rounds in turns. Writes
bench/gpu.json.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cache.errors import AffectError
from heads.head import DIMENSIONS, FLAGS
from heads.inputs.samples import Samples
from pipeline.networks.flow.methods import Method, build
from pipeline.running.runner import Running, Worker
from pipeline.weights.folder import Weights
from scripts.bench.extract import Call, photographs, plan_for, recorded, replay, timed_run
from scripts.bench.flow_scenes import end_point_error, scenes
from scripts.bench.label_heads_runs import Setting, setting, steps_run
from scripts.bench.label_heads_targets import PEOPLE
from scripts.bench.results import FOLDER, machine, record

DEVICE, IMAGES, TURNS, SEEDS = "cuda", 192, 3, (1, 5, 20)
STAGES: dict[str, dict[str, Any]] = {
    "resnet18": {"image": {"stage": "backbone", "model": "resnet18", "input": "image"}},
    "resnet50": {"image": {"stage": "backbone", "model": "resnet50", "input": "image"}},
    "sem2vec": {"sem2vec": {}},
    "scene": {"scene": {}},
    "pose": {"pose": {}},
    "objects": {"objects": {}},
    "depth": {"depth": {}},
    "hrnet_maps": {"hrnet_maps": {}},
}
FLOWS: tuple[Method, ...] = ("tvl1", "raft_small")
PAIRS = 128
HEADS = ("fusion", "ml_gcn", "abn", "relational")


def stage(tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Images a second of the runner and of the bare networks."""
    calls: list[Call] = []
    with tempfile.TemporaryDirectory() as name:
        folder, root = Path(name), Path(name) / "images"
        manifest = photographs(root, IMAGES)
        plan = plan_for(folder, manifest, tables)
        with Worker(plan, Running(root, DEVICE, decoders=len(os.sched_getaffinity(0)))) as worker:
            worker.load(set(tables))
            with recorded(calls):
                timed_run(worker)
            times = [(timed_run(worker), _bare(calls)) for _ in range(TURNS)]
    ours, bare = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(two / one for one, two in times)
    rates = {"runner_images_per_second": round(IMAGES / ours, 1), "bare_images_per_second": round(IMAGES / bare, 1)}
    return rates | {"ratio": round(ratio, 3)}


def _bare(calls: list[Call]) -> float:
    torch.cuda.synchronize()
    started = time.perf_counter()
    for call in calls:
        replay(call)
    torch.cuda.synchronize()
    return time.perf_counter() - started


def flow(name: Method) -> dict[str, Any]:
    """Milliseconds of a pair on the device and, of TV-L1, on the CPU in turns with it."""
    known = scenes()
    first, second = (np.stack([getattr(one, side) for one in known.values()]) for side in ("first", "second"))
    many = [np.tile(side, (PAIRS // len(first), 1, 1, 1)) for side in (first, second)]
    method = build(name, DEVICE, Weights(Path("none"), untrained=True))
    fields = method(first, second)
    method(*many)
    own, cpu = list[float](), list[float]()
    here = build(name, "cpu", Weights(Path("none"), untrained=True))
    torch.set_num_threads(1)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(TURNS):
            own.append(1e3 * _seconds(lambda: method(*many)) / PAIRS)
            if name == "tvl1":
                two = (first[[1]], first[[2]]), (second[[1]], second[[2]])
                cpu.append(1e3 * _seconds(lambda two=two: list(pool.map(here, *two))) / 2)  # type: ignore[misc]
    told: dict[str, Any] = {"ms_a_pair": round(statistics.median(own), 3)}
    if cpu:
        errors = {
            scene: round(end_point_error(field, known[scene]), 4) for scene, field in zip(known, fields, strict=True)
        }
        ratio = round(statistics.median(two / one for one, two in zip(own, cpu, strict=True)), 1)
        told |= {
            "ms_a_pair_on_two_cpu_cores": round(statistics.median(cpu), 1),
            "ratio": ratio,
            "end_point_error": errors,
        }
    return told


def _seconds(call: Callable[[], object]) -> float:
    torch.cuda.synchronize()
    started = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return time.perf_counter() - started


def head(one: Setting) -> dict[str, Any]:
    """Milliseconds of a step by seeds, and five seeds together over one by one."""
    data = on_device(one)
    runs = {seeds: steps_run(one, data, range(seeds)) for seeds in SEEDS}
    found = {}
    for seeds, run in runs.items():
        seconds = []
        for _ in range(5):
            torch.cuda.synchronize()
            started = time.perf_counter()
            run()
            torch.cuda.synchronize()
            seconds.append((time.perf_counter() - started) / one.steps)
        found[f"step_ms_of_{seeds}_seeds"] = round(1e3 * statistics.median(seconds), 3)
    together = SEEDS[1] * found["step_ms_of_1_seeds"] / found[f"step_ms_of_{SEEDS[1]}_seeds"]
    return found | {"together_over_one_by_one": round(together, 2)}


def on_device(one: Setting) -> Samples:
    """Made-up people, all of their features on the device."""
    draw = torch.Generator(DEVICE).manual_seed(0)
    features = {name: torch.rand(PEOPLE, *shape, generator=draw, device=DEVICE) for name, shape in one.inputs.items()}
    flags = (torch.rand(PEOPLE, 26, generator=draw, device=DEVICE) < 1 / 6).float()
    targets = {FLAGS: flags.cpu().numpy(), DIMENSIONS: np.random.default_rng(0).random((PEOPLE, 3), np.float32)}
    return Samples.of(features, np.arange(PEOPLE), targets, torch.device(DEVICE))


def main(named: list[str]) -> None:
    """Everything, or the stages and heads ``named``, which take the place of what the file has of them; what cannot run
    there is told."""
    path = FOLDER / "gpu.json"
    result: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {"stages": {}, "heads": {}}
    result["device"] = torch.cuda.get_device_name()
    for name, tables in STAGES.items():
        if not named or name in named:
            try:
                result["stages"][name] = stage(tables)
            except (AffectError, ImportError, RuntimeError) as error:
                result["stages"][name] = {"failed": " ".join(str(error).split())[:200]}
            print(name, json.dumps(result["stages"][name]), flush=True)
    for name in FLOWS:
        if not named or name in named:
            result.setdefault("flow", {})[name] = flow(name)
            print(name, json.dumps(result["flow"][name]), flush=True)
    for name in HEADS:
        if not named or name in named:
            result["heads"][name] = head(setting(name))
            print(name, json.dumps(result["heads"][name]), flush=True)
    record("gpu", result | machine())


if __name__ == "__main__":
    main(sys.argv[1:])
