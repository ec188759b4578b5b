"""Numbers and tables as text, in one way everywhere."""

from collections.abc import Mapping, Sequence
from typing import Any

_LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
)


def aligned(body: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up as plain text; ``body`` starts with the columns' names."""
    widths = [max(len(line[column]) for line in body) for column in range(len(body[0]))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in body
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def counted(counts: Mapping[str, int]) -> str:
    """``Esteem 72, Yearning 87``."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def counted_seeds(seeds: int) -> str:
    """``5 seeds``."""
    return f"{seeds} seed{'s' * (seeds != 1)}"


def interval(score: Mapping[str, Any], scale: float = 100.0) -> str:
    """A mean and its interval, times ``scale``."""
    low, high = score["ci95"]
    return f"{scale * score['mean']:.2f} [{scale * low:.2f}, {scale * high:.2f}]"


def signed(score: Mapping[str, Any], scale: float = 100.0) -> str:
    """A difference with its interval, times ``scale``."""
    mean, low, high = (f"{scale * value:+.2f}" for value in (score["mean"], *score["ci95"]))
    return f"{mean} [{low}, {high}]"


def percent(fraction: float) -> str:
    """``33.76``."""
    return f"{100 * fraction:.2f}"


def escaped(text: str) -> str:
    """For LaTeX."""
    return text.translate(_LATEX)
