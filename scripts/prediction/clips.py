"""A video of the user's answered: its JSON over time, its annotated video and its strip chart."""

import json
from collections.abc import Callable
from pathlib import Path

from cache.files import make_folder, replace, replace_text, whole
from pipeline.decoding import writing
from scripts.prediction import timeline, windows
from scripts.prediction.answering import Answering
from scripts.prediction.cast import Cast, Followed, Tracked
from scripts.prediction.clip import Clip, Sampling, opened
from scripts.prediction.faces import CURE
from scripts.prediction.film import film, shown
from scripts.prediction.finding import Finder
from scripts.prediction.photograph import png
from scripts.prediction.strip import strips
from scripts.prediction.watched import watch

JSON, FILM, STRIPS = ".json", ".annotated.mp4", ".strips.png"
"""What the name of a video gets."""


def predict(
    path: Path,
    finder: Finder,
    answering: Answering,
    out: Path,
    sampling: Sampling,
    track: Path | None,
    max_pixels: int,
    say: Callable[[str], None],
) -> tuple[int, str]:
    """How many people there are, and why there are none. Everything is written whole, the JSON last.

    Raises: ImageError, DataError, WeightsError, StoreError, one line each.
    """
    clip = opened(path, sampling, max_pixels)
    say(_looked_at(clip, sampling))
    cast: Cast = Tracked(track, len(clip.times)) if track else Followed(path, finder)
    model, about = answering.model, answering.about
    seen = watch(clip, cast, model)
    persons = list(seen.persons.values())
    if model.clips:
        windows.answer(clip, model, persons, cast.tracks)
        say(_in_windows())
    drawn = answering.drawn and not finder.owns(path)
    told = timeline.timeline(clip, cast, persons, seen.scenes, about, model.untrained, model.left_out, drawn)
    make_folder(out)
    coder, count = writing.codec(), 0
    with whole(out / f"{path.name}{FILM}") as file:
        count = writing.write(file, film(clip, told), clip.info.rate or 1 / sampling.every, coder)
    replace(out / f"{path.name}{STRIPS}", [png(strips(clip, told, seen.portraits))])
    replace_text(out / f"{path.name}{JSON}", json.dumps(told, indent=2, allow_nan=False) + "\n")
    for line in timeline.lines(path, told):
        say(line)
    skipped = "" if count == len(clip.times) else f", {count} of {len(clip.times)} frames"
    say(f"  written to {out / path.name}{JSON}, {STRIPS} and {FILM} ({writing.CODECS[coder]}{skipped})")
    return len(told["persons"]), str(cast.how.get("reason", f"TRACK has nobody in the frames looked at. {CURE}"))


def _in_windows() -> str:
    return (
        f"  the head takes clips: it answers about windows of {windows.SECONDS:g} s, at least {windows.OVERLAP:.0%} of "
        f"each in the next, at most {windows.MOST} a person"
    )


def _looked_at(clip: Clip, sampling: Sampling) -> str:
    """Which frames are, for the terminal."""
    every = clip.seconds / len(clip.chosen)
    capped = f", as many as FRAMES={sampling.most} allows" if len(clip.chosen) == sampling.most else ""
    return (
        f"{clip.path}: {len(clip.times)} frames, {clip.seconds:.1f} s; {len(clip.chosen)} are looked at, one in "
        f"{every:.2g} s (EVERY={sampling.every:g}){capped}; {len(shown(clip))} are shown"
    )
