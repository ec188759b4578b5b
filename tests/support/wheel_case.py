"""Wheels made by hand, and a stand-in for pip that takes them out of a folder, for tests without an index."""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

PIP = """
import os, pathlib, shutil, sys, time
with open(os.environ["PIP_ASKED"], "a") as asked:
    asked.write(" ".join(sys.argv[1:]) + "\\n")
room, (name, _, version) = pathlib.Path(sys.argv[sys.argv.index("--dest") + 1]), sys.argv[-1].partition("==")
(wheel,) = pathlib.Path(os.environ["PIP_WHEELS"]).glob(f"{name}-{version}-*.whl")
manner = os.environ.get("PIP_MANNER", "")
if manner.startswith("says "):
    sys.exit(manner.removeprefix("says "))
if manner == "stalls":
    (room / wheel.name).write_bytes(wheel.read_bytes()[:100])
    (room / "pid").write_text(str(os.getpid()))
    time.sleep(60)
shutil.copy(wheel, room)
"""


def wheel(folder: Path, name: str, files: Mapping[str, bytes], tag: str = "py3-none-any") -> Path:
    """``<name>-1.0-<tag>.whl`` in ``folder`` with ``files``, as far as pip looks at it."""
    folder.mkdir(exist_ok=True)
    path, about = folder / f"{name}-1.0-{tag}.whl", f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in files.items():
            archive.writestr(member, data)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


def stand_in(folder: Path) -> dict[str, str]:
    """Environment in which ``python -m pip`` is ``PIP``, which takes wheels from ``folder / "wheels"``.

    ``folder / "asked"`` gets a line for each call. PIP_MANNER: "stalls" with a part of the wheel; "says ..." fails.
    """
    (folder / "stand_in" / "pip").mkdir(parents=True)
    (folder / "stand_in" / "pip" / "__init__.py").touch()
    (folder / "stand_in" / "pip" / "__main__.py").write_text(PIP)
    where = {"PYTHONPATH": folder / "stand_in", "PIP_ASKED": folder / "asked", "PIP_WHEELS": folder / "wheels"}
    return {name: str(path) for name, path in where.items()}


def digest(data: bytes) -> str:
    """Hex sha256."""
    return hashlib.sha256(data).hexdigest()
