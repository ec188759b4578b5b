"""``make fuzz``: damaged shards, .mat files and configs by the ten thousand; only typed one-line errors may come out.

Hypothesis draws the mutations of sound files, seeded, so that a finding can be made again from its lot's number. Each
lot runs in a forked child with limits on time and memory: a crash, a hang or a flood of memory is a finding too.
Shards are tried as damaged, and with every digest made right again, so that the damage reaches HDF5's own parser.
Writes bench/fuzz.json.
"""

import argparse
import json
import os
import random
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies

from cache.config import assignments, build
from cache.config import load as load_config
from cache.errors import AffectError
from cache.fingerprint import canonical, digest
from cache.header import BLOCK, MAGIC, read_header
from cache.shard import Rows, Shard, write
from cache.spec import ArraySpec
from pipeline.datasets.emotic import Reader
from pipeline.running.recipes import DatasetConfig
from scripts.bench.results import machine, record

LOT, LOT_SECONDS, LOT_BYTES = 500, 60, 6 << 30
LIMITS = settings(
    max_examples=LOT,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
Target = Callable[[bytes, Path], None]


def try_shard(data: bytes, path: Path) -> None:
    """Open, and look at every array."""
    path.write_bytes(data)
    shard = Shard(path)
    for name in shard.names:
        shard.array(name).tobytes()


def try_sealed_shard(data: bytes, path: Path) -> None:
    """The same, with header and body digests made right for the damaged bytes."""
    body = data[BLOCK:]
    about = json.loads(SOUND_SHARD[len(MAGIC) : BLOCK - 32]) | {"size": len(body), "body": digest(body)}
    front = (MAGIC + canonical(about).encode()).ljust(BLOCK - 32)
    try_shard(front + digest(front).encode() + body, path)


def try_header(data: bytes, path: Path) -> None:
    """A header whose own digest is right whatever it says."""
    front = data[: BLOCK - 32].ljust(BLOCK - 32)
    path.write_bytes(front + digest(front).encode() + data[BLOCK:])
    read_header(path)


def try_mat(data: bytes, path: Path) -> None:
    """The whole way from the annotation to a manifest."""
    root = path.parent / "root"
    (root / "emotic").mkdir(parents=True, exist_ok=True)
    (root / "Annotations.mat").write_bytes(data)
    Reader(root).read("fuzz")


def try_config(data: bytes, path: Path) -> None:
    """As a dataset's TOML, and as SET=."""
    path.write_bytes(data)
    text = data.decode(errors="replace")
    with suppress(AffectError):
        build(DatasetConfig, assignments(text), "SET")
    load_config(path, DatasetConfig)


def sound_shard() -> bytes:
    """A small shard of every kind of array."""
    specs = {
        "a": ArraySpec((3,), "float16", ""),
        "b": ArraySpec((), "uint8", ""),
        "c": ArraySpec((2, 2), "float64", ""),
        "d": ArraySpec((3, 5), "float16", "", compressed=True),
    }
    arrays = {name: np.ones((5, *spec.shape), spec.dtype) for name, spec in specs.items()}
    rows = Rows([f"{k}.jpg#0" for k in range(5)], np.zeros(5, np.uint8), [""] * 4 + ["why"], arrays)
    with tempfile.TemporaryDirectory() as name:
        write(Path(name) / "x.h5", "0" * 16, "1" * 32, specs, rows)
        return (Path(name) / "x.h5").read_bytes()


def sound_mats() -> list[bytes]:
    """A drawn data set's annotation, as MATLAB's own writer and as scipy's compress it."""
    from pipeline.demo.scenes.emotic_layout import annotations_mat
    from pipeline.demo.scenes.plan import plan_scenes

    return [annotations_mat(plan_scenes(6, seed)) for seed in (0, 1)]


SOUND_SHARD = sound_shard()
SOUND_CONFIG = (Path(__file__).parents[1] / "pipeline" / "configs" / "demo.toml").read_bytes()


def mutate(sound: bytes, other: bytes, draw: random.Random) -> bytes:
    """One to four of: flip, set to a telling byte or word, cut, repeat, copy over, splice with another file."""
    data = bytearray(sound)
    for _ in range(draw.randint(1, 4)):
        at, way = draw.randrange(len(data) or 1), draw.randrange(7)
        if way == 0 and data:
            data[at] ^= 1 << draw.randrange(8)
        elif way == 1 and data:
            data[at] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        elif way == 2:
            data[at : at + 4] = draw.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 20)).to_bytes(4, "little")
        elif way == 3 and draw.random() < 0.3:
            del data[at:]
        elif way == 4:
            data[at:at] = data[at : at + draw.randint(1, 64)]
        elif way == 5:
            start = draw.randrange(len(data) or 1)
            data[at : at + 16] = data[start : start + 16]
        elif way == 6 and draw.random() < 0.2:
            data[at:] = other[draw.randrange(len(other)) :]
    return bytes(data)


def lot(target: Target, sounds: list[bytes], number: int, folder: Path) -> Counter[str]:
    """Try LOT inputs in a child; how many were read, refused, or ended in something else, with what."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (LOT_BYTES, LOT_BYTES))
        signal.alarm(LOT_SECONDS)
        os.write(send, json.dumps(_try_all(target, sounds, number, folder)).encode())
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status or not answer:
        return Counter({f"lot {number} ended with wait status {status}": 1})
    return Counter(json.loads(answer))


def _try_all(target: Target, sounds: list[bytes], number: int, folder: Path) -> Counter[str]:
    """Hypothesis draws the examples; failures are counted with their input's seed instead of stopping the lot."""
    counts = Counter[str]()

    @seed(number)
    @LIMITS
    @given(strategies.randoms(use_true_random=True))
    def one(draw: random.Random) -> None:
        data = mutate(draw.choice(sounds), draw.choice(sounds), draw)
        try:
            target(data, folder / "x")
            counts["read"] += 1
        except AffectError as error:
            whole = len(str(error).splitlines()) == 1
            counts["refused" if whole else f"two lines in lot {number}: {error!r}"[:200]] += 1
        except Exception as error:
            counts[f"{type(error).__name__} in lot {number}: {error}"[:200]] += 1

    one()
    return counts


def main() -> int:
    """0 when nothing but typed errors came out."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=100_000)
    options = parser.parse_args()
    targets: dict[str, tuple[Target, list[bytes]]] = {
        "shard": (try_shard, [SOUND_SHARD]),
        "sealed_shard": (try_sealed_shard, [SOUND_SHARD]),
        "header": (try_header, [SOUND_SHARD]),
        "mat": (try_mat, sound_mats()),
        "config": (try_config, [SOUND_CONFIG]),
    }
    lots = -(-options.inputs // (LOT * len(targets)))
    results, findings = {}, []
    with tempfile.TemporaryDirectory() as name:
        for what, (target, sounds) in targets.items():
            counts: Counter[str] = Counter()
            for number in range(lots):
                counts += lot(target, sounds, number, Path(name))
            results[what] = {
                "inputs": counts.total(),
                "read": counts.pop("read", 0),
                "refused": counts.pop("refused", 0),
            }
            findings += [f"{what}: {text}" for text in counts]
    record("fuzz", {"targets": results, "findings": findings, "met": not findings} | machine())
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
