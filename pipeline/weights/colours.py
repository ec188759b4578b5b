"""On which colours a checkpoint says that its network was trained, against those that it is given here.

Only OpenMMLab's files say it: they carry the configuration they were trained with, as text in Python's syntax, which is
parsed and never run. Files of torchvision, timm, transformers, facenet-pytorch, Places365, Keras and LiteRT hold none.
Source: mmcv's ``img_norm_cfg`` (``to_rgb``) and mmengine's ``data_preprocessor`` (``bgr_to_rgb``).
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

LONGEST = 1 << 20
"""Characters of a configuration that are looked at."""
_TOLERANCE = 0.05
"""In units of 0..255: published values are rounded differently."""
_ORDERS = ("to_rgb", "bgr_to_rgb")
"""Whether blue, green, red, as OpenCV reads, is made red, green, blue before the network."""


class Colours(NamedTuple):
    """mean, std: of the network's three channels, in units of 0..255. order: of these, RGB or BGR; "" where it is not
    said."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    order: str = "RGB"

    def agrees(self, other: "Colours") -> bool:
        """Whether both are the same colours, as far as both say."""
        apart = (abs(one - two) for one, two in zip(self.mean + self.std, other.mean + other.std, strict=True))
        return max(apart) < _TOLERANCE and (not self.order or not other.order or self.order == other.order)

    def words(self) -> str:
        """For one line."""
        numbers = (" ".join(f"{value:g}" for value in values) for values in (self.mean, self.std))
        return " and ".join(numbers) + (f" in {self.order}" if self.order else "")


def difference(text: str, given: Colours) -> str:
    """What the configuration ``text`` says that is not ``given``, in words; "" where it agrees or says nothing.

    A configuration that says several things, as one with a teacher, disagrees where none of them is ``given``.
    """
    told = list(_told(text))
    if not told or any(one.agrees(given) for one in told):
        return ""
    return f"mean and deviation {told[0].words()}, not {given.words()}"


def _told(text: str) -> Iterator[Colours]:
    try:
        tree = ast.parse(text[:LONGEST])
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # nobody's configuration
        return
    for node in ast.walk(tree):
        said = dict(_settings(node))
        if (mean := _three(said.get("mean"))) and (std := _three(said.get("std"))):
            scale = 255 if 0 < max(mean) <= 1 and max(std) <= 1 else 1  # of tensors of 0..1, as in mmpose 0.x
            flags = [said[name].value for name in _ORDERS if isinstance(said.get(name), ast.Constant)]
            order = ("RGB" if flags[0] else "BGR") if flags else ""
            yield Colours(tuple(scale * one for one in mean), tuple(scale * one for one in std), order)


def _settings(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Names and values of ``dict(name=value)`` and ``{"name": value}``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        yield from ((one.arg, one.value) for one in node.keywords if one.arg)
    elif isinstance(node, ast.Dict):
        yield from (
            (str(key.value), value)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant)
        )


def _three(node: Any) -> tuple[float, ...]:
    """The three numbers of a list; () of anything else."""
    try:
        values = ast.literal_eval(node) if isinstance(node, ast.List | ast.Tuple) else ()
    except (ValueError, TypeError):
        return ()
    plain = len(values) == 3 and all(isinstance(one, int | float) for one in values)
    return tuple(float(one) for one in values) if plain else ()


def configuration(loaded: Any) -> str:
    """The text of the configuration in what an OpenMMLab file holds: ``meta.cfg``, before 2022 ``meta.config``."""
    meta = loaded.get("meta") if isinstance(loaded, Mapping) else None
    texts = [meta.get(name) for name in ("cfg", "config")] if isinstance(meta, Mapping) else []
    return next((text for text in texts if isinstance(text, str)), "")
