"""What benchmarks share: where results go, and what is told of the machine (never its name)."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "bench"


def machine() -> dict[str, Any]:
    """Cores, architecture and versions, under one key."""
    libraries = {name: version(name) for name in ("torch", "torchvision", "numpy", "h5py")}
    return {
        "machine": {"cores": os.cpu_count(), "architecture": platform.machine(), "python": platform.python_version()}
        | libraries
    }


def record(name: str, result: dict[str, Any]) -> None:
    """Write bench/<name>.json and print it."""
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(result, indent=2)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"bench/{name}.json\n{text}")
