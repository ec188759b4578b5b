"""What is told of a clip over time, computed by hand; boxes between looks; strips as high as shares."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.decoding.video import VideoInfo
from scripts.prediction import strip, timeline
from scripts.prediction.clip import Clip
from scripts.prediction.colours import COLOURS
from scripts.prediction.model import NO_HEAD
from scripts.prediction.whereabouts import Whereabouts

LOOKS = [5, 15, 25, 35]


def clip() -> Clip:
    """Forty frames, ten a second, four looks."""
    times = [frame / 10 for frame in range(40)]
    return Clip(Path("a.mp4"), VideoInfo((200, 100), 40, 10.0, 0, 45), times, LOOKS, 1 << 20)


def look(number: int, joy: float | None, box: tuple[float, ...] = (10, 10, 50, 90), **more: Any) -> dict[str, Any]:
    """joy: its share, the rest is fear; None where the head has no answer."""
    emotions = None if joy is None else {"unseen": {"fear": round(1 - joy, 6), "joy": joy}}
    when = {"look": number, "frame": LOOKS[number], "time": LOOKS[number] / 10, "found": {}}
    return {
        **when,
        "box": list(box),
        "emotions": emotions,
        "reason": "" if emotions else "no_face",
        "features": {},
    } | more


def told(looks: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    person = {"number": 2, "looks": len(looks), "summary": timeline.summary(looks), "sightings": looks}
    head = {"head": "mine", "dataset": "d", "protocol": "p"}
    return {"people": {}, "head": head, "untrained": [], "notes": [], "persons": [person]} | more


def test_a_summary_is_of_the_moments_that_have_an_answer() -> None:
    looks = [look(0, 0.25, named=["joy"]), look(1, None), look(2, 0.95, named=["joy", "fear"]), look(3, 0.6, named=[])]
    assert timeline.summary(looks) == {
        "answered": 3,
        "mean": {"joy": 0.6, "fear": 0.4},
        "strongest": {"joy": {"share": 0.95, "time": 2.5}, "fear": {"share": 0.75, "time": 0.5}},
        "named": {"joy": 2, "fear": 1},
    }
    assert timeline.summary([look(1, None)]) == {"answered": 0, "mean": {}, "strongest": {}}


def test_without_a_head_what_faces_show_is_summed_up_and_why_there_is_nothing() -> None:
    face = {"expression": {"expressions": {"happy": 0.7, "sad": 0.3}}}
    seen = look(0, None, reason=NO_HEAD, features=face)
    hidden = look(1, None, reason=NO_HEAD, features={"expression": {"status": "no_face", "reason": "away"}})
    assert timeline.summary([seen, hidden])["mean"] == {"happy": 0.7, "sad": 0.3}
    assert timeline.silent({"sightings": [hidden]}) == "no face seen"
    assert timeline.silent({"sightings": [look(1, None)]}) == "no prediction: no_face"
    assert timeline.shares(look(1, None, features=face)) == {}, "a head that has no answer is not helped out"


def test_looks_that_follow_one_another() -> None:
    looks = [look(0, 0.5), look(1, 0.5), look(3, 0.5)]
    assert timeline.stretches(looks) == [(0, 2), (2, 3)]
    assert timeline.stretches([]) == []


@pytest.mark.parametrize(
    ("frame", "left"), [(0, 10), (5, 10), (8, 16), (15, 30), (20, 30), (21, None), (30, None), (31, 80), (39, 80)]
)
def test_a_box_moves_between_looks_and_is_not_where_nobody_was_seen(frame: int, left: float | None) -> None:
    """From 10 to 30 in ten frames; not found at frame 25, so from the middle of 15 and 25 on there is none."""
    boxes = [(10, 10, 50, 90), (30, 10, 70, 90), (80, 10, 120, 90)]
    looks = [look(number, 0.5, box) for number, box in zip((0, 1, 3), boxes, strict=True)]
    where = Whereabouts(LOOKS, 40, looks)
    found = where.box(frame)
    assert (None if found is None else found[0]) == left
    tracked = where.track().at(frame)[0]
    np.testing.assert_array_equal(tracked, np.full(4, np.nan) if found is None else found)
    assert where.span == (0, 39)


def painted(picture: Image.Image, low: float, high: float, top: int) -> int:
    """Pixels of person 2's colour between two times, below ``top``."""
    chart = strip._Chart(picture, clip())
    colour = np.array(tuple(bytes.fromhex(COLOURS[2][1:])))
    part = np.asarray(picture)[top:, round(chart._x(low)) : round(chart._x(high))]
    return int((part == colour).all(-1).sum())


def test_strips_are_as_high_as_shares_and_have_gaps() -> None:
    """Joy is 0.8 at looks 0 and 1 and 0.4 at look 3: twice the area a second, nothing between."""
    made = strip.strips(clip(), told([look(0, 0.8), look(1, 0.8), look(2, None), look(3, 0.4)]), {})
    top = strip.MARGIN + strip.ROW
    joy = np.asarray(made)[: top + strip.ROW]
    assert made.width == strip.WIDTH
    row = Image.fromarray(joy)
    tall, short = painted(row, 0.6, 1.4, top), painted(row, 3.1, 3.9, top)
    assert 1.7 < tall / short < 2.6
    assert painted(row, 1.7, 2.9, top) == 0


def test_of_untrained_features_nothing_is_drawn_and_the_strip_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[str] = []
    monkeypatch.setattr(
        strip.draw, "below", lambda picture, texts, _: (words.extend(text for text, _ in texts), picture)[1]
    )
    looks = [look(0, None, reason=NO_HEAD, features={"expression": {"untrained": True}})]
    made = strip.strips(clip(), told(looks, untrained=["expression"]), {})
    assert "UNTRAINED: expression" in words
    assert painted(made, 0, 4, strip.MARGIN + strip.ROW) == 0
    assert painted(made, 0, 4, 0) > 0  # the bar: somebody is seen


def test_a_file_that_ends_early_says_so() -> None:
    class Nobody:
        how: dict[str, Any] = {}  # noqa: RUF012
        tracks: dict[int, Any] = {}  # noqa: RUF012

    found = timeline.notes(clip(), Nobody(), [], {}, drawn=False, looked_at=3)  # type: ignore[arg-type]
    assert found == [
        "the file ends early: it tells of 45 frames and has 40",
        "the video ends early: frame 35 of 40 and those after it are not there",
    ]
