"""What a plug-in's own code raised, as one line: its file and line, the exception, and what it was given."""

import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from cache import plugin_folders
from cache.errors import AffectError, PluginFault
from cache.plugin_rooms import ROOMS

ROOT: Final = Path(__file__).resolve().parent.parent
WHOLE: Final = "TRACEBACK"
"""The variable of the environment that has the whole traceback printed."""
_MOST = 200
"""Characters of an exception's own text, and of what was given."""


def fault(error: BaseException) -> PluginFault | None:
    """``error`` as the fault of the plug-in whose code was running last; None for one that a user can mend, and where
    no plug-in was running. With TRACEBACK=1 in the environment the whole traceback goes to stderr."""
    if isinstance(error, AffectError):
        return None
    running = [
        (frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _inside(frame.f_code.co_filename)
    ]
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    text = f"{type(error).__name__}: {_short(' '.join(said.split()))}"
    if isinstance(error, SyntaxError) and error.filename and _inside(error.filename):
        where = ":".join([shown(error.filename), *([str(error.lineno)] if error.lineno else [])])
    elif running:
        frame, line = running[-1]
        where, text = f"{shown(frame.f_code.co_filename)}:{line}", f"{text}{_given(frame)}{_caller(running)}"
    else:
        return None
    if os.environ.get(WHOLE, "0") in ("", "0"):
        return PluginFault(where, f"{text}. {WHOLE}=1 shows the whole traceback")
    traceback.print_exception(error, file=sys.stderr)
    return PluginFault(where, text)


@contextmanager
def told() -> Iterator[None]:
    """What a plug-in's own code raises inside is its fault; every other exception is raised as it is.

    Raises: PluginFault.
    """
    try:
        yield
    except Exception as error:
        if raised := fault(error):
            raise raised from error
        raise


def _inside(file: str) -> bool:
    """Whether a file is a plug-in's, of this project or outside it."""
    return any(Path(file).is_relative_to(ROOT / room) for room in ROOMS) or plugin_folders.holds(Path(file))


def file_of(made: type) -> str:
    """The file of a plug-in's class, as ``shown``."""
    return shown(str(getattr(sys.modules.get(made.__module__), "__file__", None) or made.__module__))


def shown(file: str) -> str:
    """A file as errors name it: below this project's folder, or whole."""
    path = Path(file)
    return (path.relative_to(ROOT) if path.is_relative_to(ROOT) else path).as_posix()


def _given(frame: FrameType) -> str:
    """The arguments of the function that was running which have a shape, or hold such."""
    code = frame.f_code
    names = [name for name in code.co_varnames[: code.co_argcount] if name in frame.f_locals]
    told = [f"{name} {shapes}" for name in names if (shapes := _shapes(frame.f_locals[name]))]
    return f"; {code.co_name} was given {_short(', '.join(told))}" if told else ""


def _shapes(value: Any) -> str:
    if isinstance(shape := getattr(value, "shape", None), tuple):
        return str(tuple(shape))
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if not isinstance(value, Mapping):
        return ""
    parts = [f"{name} {shapes}" for name, one in value.items() if (shapes := _shapes(one))]
    return f"[{', '.join(parts)}]" if parts else ""


def _caller(running: list[tuple[FrameType, int]]) -> str:
    """The plug-in that called the one that was running, when it is another."""
    last = running[-1][0].f_code.co_filename
    other = next(((frame, line) for frame, line in reversed(running) if frame.f_code.co_filename != last), None)
    return f"; called in {shown(other[0].f_code.co_filename)}:{other[1]}" if other else ""


def _short(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."
