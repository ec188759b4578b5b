"""Which folders of this project hold plug-ins, and whether a folder outside it mirrors them."""

from collections.abc import Iterator
from difflib import get_close_matches
from os.path import isdir
from pathlib import Path

from cache.errors import PluginError, nearest

ROOMS = (
    *("heads/models", "heads/losses", "heads/miners", "heads/metrics", "heads/protocols"),
    *("pipeline/stages", "pipeline/datasets"),
)
"""Of modules: ``heads/models/my_head.py`` is the module heads.models.my_head."""
CONFIGS = ("heads/configs", "heads/configs/grids", "pipeline/configs")
"""Of TOML files."""
CURES = {
    "heads/configs": "A head has one config. Leave one out",
    "heads/configs/grids": "Rename one of them",
    "pipeline/configs": "Another config of a dataset lies outside such folders and is given as CONFIG=<path>",
}
"""Of a config whose name is taken; a config is named as its plug-in, so only a grid can be renamed."""
PACKAGES = tuple(room.replace("/", ".") for room in ROOMS)
_SIDES = ("heads", "pipeline")


def check(folder: Path, named: str, project: Path) -> None:
    """Whether ``folder`` is one of plug-ins. named: by the user. project: the folder of this one.

    Raises: PluginError for one that is not there or has no plug-ins, and for what lies in it where nothing is found.
    """
    if not isdir(folder):
        raise PluginError(f"{named}: no such folder. It is one with heads/models/<head>.py, pipeline/stages/<stage>.py")
    if folder.samefile(project):
        raise PluginError(f"{named}: is this project itself, whose plug-ins are found anyway. Leave it out")
    try:
        _check_sides(folder)
        for parent in (*_SIDES, "heads/configs", "pipeline/configs"):
            _check_rooms(folder, parent)
        _check_any(folder, named)
        _check_configs(folder, project, "heads/configs", "heads/models")
        _check_configs(folder, project, "pipeline/configs", "pipeline/datasets")
    except OSError as error:
        raise PluginError(f"{named}: {error.filename} cannot be read: {error.strerror}") from None


def _check_sides(folder: Path) -> None:
    for one in _shown(folder):
        for side in get_close_matches(one.name, _SIDES, n=1, cutoff=0.75):
            rooms = [one / room.removeprefix(f"{side}/") for room in (*ROOMS, *CONFIGS) if room.startswith(f"{side}/")]
            if one.name != side and any(room.is_dir() for room in rooms):
                raise PluginError(f"{one}: no plug-in is looked for there. Did you mean {folder / side}?")


def _check_any(folder: Path, named: str) -> None:
    if not any((folder / room).is_dir() for room in (*ROOMS, *CONFIGS)):
        above = f" Did you mean the folder above it, {folder.parent}?" if folder.name in _SIDES else ""
        raise PluginError(f"{named}: has no folder of plug-ins in it.{above} Known: {', '.join((*ROOMS, *CONFIGS))}")


def _check_rooms(folder: Path, parent: str) -> None:
    """parent: a folder of this project, whose own folders are all known."""
    known = [room.removeprefix(f"{parent}/") for room in (*ROOMS, *CONFIGS) if room.startswith(f"{parent}/")]
    tops = sorted({name.partition("/")[0] for name in known})
    for one in _shown(folder / parent):
        if one.is_dir() and one.name not in tops:
            raise PluginError(f"{one}: no plug-in is looked for there.{nearest(one.name, tops)}")
        if one.suffix == ".py" and one.name != "__init__.py":
            raise PluginError(
                f"{one}: no plug-in is looked for there, but in a folder below. Known: {', '.join(tops)}."
            )


def _check_configs(folder: Path, project: Path, room: str, plugins: str) -> None:
    """Every config is one of a plug-in of its name."""
    for path in sorted((folder / room).glob("*.toml")):
        homes = [top / plugins / path.stem for top in (folder, project)]
        if not any(home.with_suffix(".py").exists() or home.is_dir() for home in homes):
            told = f"{path}: is the config of {plugins}/{path.stem}.py, which is not there"
            raise PluginError(f"{told}. {CURES[room]}" if room == "pipeline/configs" else told)


def modules_of(folder: Path, room: str) -> Iterator[tuple[str, Path]]:
    """The modules of a room by the name that they are imported by, private ones and those of packages too.

    Raises: PluginError for a name that is none of Python's.
    """
    for path in sorted((folder / room).rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if any(part.startswith(".") for part in parts) or path == folder / room / "__init__.py":
            continue
        if wrong := next((part for part in parts if not part.isidentifier()), None):
            raise PluginError(f"{path}: a plug-in's name is letters, digits and underscores, not {wrong!r}")
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _shown(folder: Path) -> list[Path]:
    """What is in it, without what is hidden or Python's own."""
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in there if path.name[0] != "." and path.name != "__pycache__"]
