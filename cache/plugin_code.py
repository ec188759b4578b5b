"""Which code a plug-in outside this project is: its file and a digest of all that it imports from its folders.

A plug-in of this project has a ``version``, raised by hand, and goes with the project's; one outside has its code.
"""

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cache import plugin_folders
from cache.errors import PluginError
from cache.fingerprint import digest, fingerprint


class Code(NamedTuple):
    """file: below the folder of plug-ins, whose name it begins with: ``mine/heads/models/my_head.py``. digest: 16 hex
    digits."""

    file: str
    digest: str

    def document(self) -> dict[str, Any]:
        """Ready for JSON."""
        return self._asdict()


def code(module: str) -> Code | None:
    """Of the plug-in ``module``, as ``heads.models.my_head``; None for one of this project.

    Remarks do not count. What is imported anywhere in it counts, of the modules in the folders of plug-ins alone.
    Raises: PluginError for a folder that cannot be used.
    """
    outside = plugin_folders.found()
    if module not in outside.modules:
        return None
    todo, seen = [module], dict[str, str]()
    while todo:
        name = todo.pop()
        package = name.rpartition(".")[0]
        path = outside.file(name)
        if path and name not in seen:
            text, tree = _parsed(path)
            seen[name] = text
            todo += imported(tree, name if path.name == "__init__.py" else package)
        if package:  # is imported before what lies in it
            todo.append(package)
    file = outside.modules[module]
    folder = outside.folder(file).path
    return Code(f"{folder.name}/{file.relative_to(folder).as_posix()}", fingerprint(seen))


def imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Absolute names of the modules that are imported anywhere in a module of ``package``; some of them are of things
    inside a module."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{name}" for name in names)]
        yield from names


def _parsed(path: Path) -> tuple[str, ast.AST]:
    """A digest of the code without remarks, and its tree. Raises: PluginError."""
    text = plugin_folders.source(path)
    try:
        tree = ast.parse(text)  # before the tokens, whose faults have no line
    except SyntaxError as error:
        line = f":{error.lineno}" if error.lineno else ""
        raise PluginError(f"{path}{line}: SyntaxError: {error.msg}") from None
    except ValueError as error:  # a NUL byte, before Python 3.11.4
        raise PluginError(f"{path}: {error}") from None
    return digest(without_remarks(text).encode()), tree


def without_remarks(text: bytes) -> str:
    """Comments are cut off, lines that are nothing else are left out."""
    tokens = tokenize.tokenize(io.BytesIO(text).readline)
    lines = text.decode(next(tokens).string).replace("\r\n", "\n").split("\n")
    remarks = {token.start[0]: token.start[1] for token in tokens if token.type == tokenize.COMMENT}
    kept = [
        (line[: remarks.get(number)].rstrip() if number in remarks else line) for number, line in enumerate(lines, 1)
    ]
    return "\n".join(line for number, line in enumerate(kept, 1) if line or number not in remarks)
