"""Which code makes a stage's rows: a digest of each file it runs through, and the packages that these name.

A stage of this project is known by its ``version``, raised by hand where values change. This says, beside it, whether
the code has changed at all: nothing is extracted again for it.
"""

import ast
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from re import search

from cache import plugin_folders
from cache.fingerprint import fingerprint
from cache.plugin_code import imported, without_remarks

ROOT = Path(__file__).parents[2]
STAGES = "pipeline.stages"
READS = {False: "pipeline.running.reading", True: "pipeline.running.watching"}
"""What shows photographs, or clips, to a stage."""
CATALOGUE = "pipeline.weights.catalogue"
"""Left out: it grows, and the weights that a feature has are known by their own hashes."""
PACKAGES = {
    **{name: name for name in ("torch", "torchvision", "numpy", "scipy", "timm", "transformers", "av")},
    "PIL": "pillow",
    "cv2": "opencv-python",
    "mmseg": "mmsegmentation",
    "mmpose": "mmpose",
    "mmengine": "mmengine",
    "facenet_pytorch": "facenet-pytorch",
    "pillow_heif": "pillow-heif",
    "ai_edge_litert": "ai-edge-litert",
}
"""Name in the code -> name among the packages, of those that make values."""


def stage_code(stage: str, clips: bool) -> dict[str, str]:
    """File, as ``pipeline/stages/pose.py`` -> digest of its code, of the module ``stage``, as ``pipeline.stages.pose``,
    what shows it photographs or clips, and all that these import from ``pipeline`` and, of a plug-in, its folder.

    Comments, docstrings and empty lines do not count. Of a stage that is not here its own file is left out.
    """
    return {file: fingerprint(text) for file, text in _code(stage, clips).items()}


def packages(stage: str, clips: bool) -> dict[str, str]:
    """Name -> version installed here, of the packages that the code of ``stage_code`` names."""
    texts = _code(stage, clips).values()
    return {own: version_of(own) for name, own in PACKAGES.items() if any(search(rf"\b{name}\b", one) for one in texts)}


def version_of(package: str) -> str:
    """The version installed, "absent" where none is."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _code(stage: str, clips: bool) -> dict[str, str]:
    """File -> its code."""
    todo, seen, found = [stage, READS[clips]], {CATALOGUE}, dict[str, str]()
    while todo:
        name = todo.pop()
        path = None if name in seen else _file(name)
        seen.add(name)
        if path:
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            found[_told(path)], names = read_code(path.read_bytes(), package)
            todo += names
    return found


@cache
def read_code(text: bytes, package: str) -> tuple[str, tuple[str, ...]]:
    """The lines of a module of ``package`` without comments, docstrings and empty ones, and the names that it imports
    when it is run. One that is not Python is taken as it is."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # a NUL byte is a ValueError before Python 3.11.4
        return text.decode(errors="replace"), ()
    lines = without_remarks(_without_docstrings(text, tree)).split("\n")
    names = tuple(imported(_WhenRun().visit(tree), package))
    return "\n".join(line for line in lines if line.strip()), names


def _without_docstrings(text: bytes, tree: ast.AST) -> bytes:
    lines = text.split(b"\n")
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            after = lines[last][node.end_col_offset or 0 :]
            lines[first : last + 1] = [lines[first][: node.col_offset] + after, *[b""] * (last - first)]
    return b"\n".join(lines)


class _WhenRun(ast.NodeTransformer):
    """Leaves out what only a type checker imports."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)


def _file(module: str) -> Path | None:
    """Of a module of ``pipeline`` or of a plug-in; None of others."""
    if module != "pipeline" and not module.startswith("pipeline."):
        return plugin_folders.found().file(module)
    folder = ROOT.joinpath(*module.split("."))
    own = (one for one in (folder.with_suffix(".py"), folder / "__init__.py") if one.is_file())
    return next(own, None) or plugin_folders.found().file(module)


def _told(path: Path) -> str:
    """Below this project, or below the folder of plug-ins with that one's name."""
    if path.is_relative_to(ROOT):
        return path.relative_to(ROOT).as_posix()
    folder = plugin_folders.found().folder(path).path
    return f"{folder.name}/{path.relative_to(folder).as_posix()}"
