"""Lines of the documentation that begin with ``make``, run in a folder as a user would, with this checkout's code."""

import contextlib
import importlib
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

from cache import plugin_folders

ROOT = Path(__file__).resolve().parents[2]


def called(folder: Path, *words: str, status: int = 0, **more: str) -> str:
    """What a command says in ``folder``; of a make that runs these tests it inherits nothing."""
    own = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    done = subprocess.run(words, cwd=folder, env=own | more, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stdout + done.stderr


def by_make(folder: Path, command: str, *more: str, status: int = 0) -> str:
    """What make says of a line, with ``more`` words behind it."""
    words = [*shlex.split(command, comments=True), *more]
    venv = [f"--file={ROOT / 'Makefile'}", f"PY={sys.executable}", "--assume-old=.venv/.installed"]
    return called(folder, *words, *venv, status=status, PYTHONPATH=str(ROOT))


def run(folder: Path, command: str, *more: str, plugins: str = "", status: int = 0) -> str:
    """What the command says that make stands for, run in this process, which has loaded torch already."""
    printed = by_make(folder, command, f"PLUGINS={plugins}", *more, "--just-print")
    python, m, package, *rest = shlex.split(printed.replace("\\\n", " "))
    assert [python, m] == [sys.executable, "-m"]
    module = importlib.import_module(package if "." in package else f"{package}.cli")
    before, out, err = plugin_folders.absolute(), io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        plugin_folders.use(plugins)
        try:
            found = module.main(rest)
        finally:
            plugin_folders.use(before)
    assert found == status, out.getvalue() + err.getvalue()
    return out.getvalue() if status == 0 else out.getvalue() + err.getvalue()
