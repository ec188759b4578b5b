"""What identifies a result: a digest of everything that changes its values, and of nothing else."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xxhash


def canonical(value: Any) -> str:
    """JSON with sorted keys and no blanks: equal values give equal text. NaN and foreign types are refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def fingerprint(value: Any) -> str:
    """16 hex digits that name a JSON-able value (xxh3-64 of its canonical text)."""
    return xxhash.xxh3_64_hexdigest(canonical(value).encode())


def digest(data: bytes | memoryview) -> str:
    """32 hex digits, xxh3-128 of a buffer."""
    return xxhash.xxh3_128_hexdigest(data)


def digest_files(paths: Iterable[Path]) -> str:
    """xxh3-128 over the contents of files, in the order given; names and times do not count."""
    state = xxhash.xxh3_128()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                state.update(block)
        state.update(b"\0next\0")
    return state.hexdigest()
