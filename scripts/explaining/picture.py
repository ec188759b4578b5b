"""All that is told of one person in one picture: photograph, heat maps, objects, graph of labels, bars, and words."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from scripts.explaining import bars, panels
from scripts.explaining.looking import Looked, Map
from scripts.explaining.subject import Subject
from scripts.prediction.colours import BLACK, WHITE
from scripts.prediction.draw import STRIP, WARNING
from scripts.prediction.lettering import Font, line_height, width_of, wrapped

WIDE = 1500
"""Pixels, beyond which panels go below one another."""
FONT = 15
_PAD = 12
_ADDS = "what each stream adds (without it: its mean over the training people)"


def picture(
    subject: Subject,
    answers: Sequence[Mapping[str, Any]],
    looked: Looked,
    untrained: Sequence[str],
    words: Sequence[str],
    warnings: Sequence[str],
) -> Image.Image:
    """answers: of ``streams.left_out``. untrained: streams without bars. words, warnings: lines of the strip below."""
    font = ImageFont.load_default(FONT)
    found = [*looks(subject, looked, font)]
    found += [(f"{one['title']}: {_ADDS}", bars.chart(one, untrained, font)) for one in answers]
    if looked.graph is not None:
        linked = bool(looked.document()["graph"])
        text = "an arrow goes to the label that takes of another" if linked else "none takes of another"
        found.append((f"labels: {text}", panels.graph(*looked.graph, font)))
    return _below(_placed([_titled(text, panel, font) for text, panel in found]), words, warnings, font)


def looks(subject: Subject, looked: Looked, font: Font) -> list[tuple[str, Image.Image]]:
    """The photograph, and where the head looked in it, each with a line above it."""
    image, box = subject.image, subject.box
    found = [] if image is None else [("the person", panels.photograph(image, box))]
    for one in looked.maps:
        span = f"{one.values.min():.2f} (dark) to {one.values.max():.2f}"
        found.append((f"attention on {one.name}: {span}{_unplaced(image, one)}", panels.heat(image, box, one)))
    for shown in looked.classes:
        if shown.word == looked.classes[0].word:
            span = f"{shown.values.min():.2f} (dark) to {shown.values.max():.2f}"
            title = f"{shown.kind}, {shown.word}, on {shown.name}: {span}{_unplaced(image, shown)}"
            found.append((title, panels.heat(image, box, shown)))
    boxed = [one for one in looked.objects if one.box]
    if image is not None and boxed:
        found.append(("attention on objects, all heads", panels.objects(image, box, boxed, font)))
    return found


def _unplaced(image: Image.Image | None, one: Map) -> str:
    return "" if image is None or one.frame is not None else ", its place in the photograph is not known"


def _titled(text: str, panel: Image.Image, font: Font) -> Image.Image:
    lines = wrapped(text, font, max(panel.width, 260))
    high = line_height(font)
    out = Image.new("RGB", (max(panel.width, width_of(lines, font)), panel.height + len(lines) * high + 4), WHITE)
    for place, line in enumerate(lines):
        ImageDraw.Draw(out).text((0, place * high), line, fill=BLACK, font=font)
    out.paste(panel, (0, len(lines) * high + 4))
    return out


def _placed(every: Sequence[Image.Image]) -> Image.Image:
    """Side by side, in as many rows as there must be."""
    places, x, y, high = [], _PAD, _PAD, 0
    for one in every:
        if x > _PAD and x + one.width + _PAD > WIDE:
            x, y, high = _PAD, y + high + _PAD, 0
        places.append((x, y))
        x, high = x + one.width + _PAD, max(high, one.height)
    width = max((at[0] + one.width for at, one in zip(places, every, strict=True)), default=0) + _PAD
    out = Image.new("RGB", (width, y + high + _PAD), WHITE)
    for at, one in zip(places, every, strict=True):
        out.paste(one, at)
    return out


def _below(above: Image.Image, words: Sequence[str], warnings: Sequence[str], font: Font) -> Image.Image:
    inks = [*((text, WHITE) for text in words), *((text, WARNING) for text in warnings)]
    lines = [(line, ink) for text, ink in inks for line in wrapped(text, font, above.width - 2 * _PAD)]
    high = line_height(font)
    out = Image.new("RGB", (above.width, above.height + len(lines) * high + 2 * _PAD), STRIP)
    out.paste(above)
    for place, (line, ink) in enumerate(lines):
        ImageDraw.Draw(out).text((_PAD, above.height + _PAD + place * high), line, fill=ink, font=font)
    return out
