"""Of a clip one frame is shown, the first that a feature looked at, with the box of that very frame."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import toy_clips
import toy_pipeline
from PIL import Image

import pipeline.running.recipes
from scripts import gallery

TOYS = {"colour": toy_pipeline.Colour, "crop": toy_pipeline.Crop}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clips")
    toy_clips.make_clips(root / "data" / "demo", 6)
    toy_clips.run_clips(root / "data" / "demo", root / "store")
    return root


def shown(place: Path, key: str) -> tuple[dict[str, Any], dict[str, Any], Image.Image]:
    where = [word for name in ("store", "data") for word in (f"--{name}", str(place / name))]
    assert gallery.main([*where, "--out", str(place / "out"), "--key", key]) == 0
    text = (place / "out" / "gallery.html").read_text()

    def held(name: str) -> str:
        return str(re.findall(rf'id="{name}">(.*?)</script>', text, re.S)[0])

    picture = Image.open(io.BytesIO(base64.b64decode(held("picture-00000"))))
    return json.loads(held("index")), json.loads(held("people-00000"))[0], picture


@pytest.mark.parametrize(("known", "frame", "left"), [(True, 1, 0), (False, 5, 1)])
def test_the_first_frame_looked_at_or_the_middle(place: Path, known: bool, frame: int, left: int) -> None:
    """By arithmetic: of frames 0 to 10 the middle of the first quarter is 1, that of the whole 5; the person walks a
    pixel to the right every four frames. known: whether the stages are there to say which they looked at."""

    def load(package: str, name: str, attribute: str) -> Any:
        return TOYS[name]

    with patch.object(pipeline.running.recipes, "load_plugin", load if known else pipeline.running.recipes.load_plugin):
        index, person, picture = shown(place, "4.mkv")
    assert dict(person["facts"])["frame shown"] == f"{frame} of 0 to 10"
    assert person["box"] == [left, 1, 9 + left, 12]
    assert index["pictures"] == [[20, 16, ""]]
    apart = [np.abs(np.asarray(picture, float) - toy_clips.pixels(4, one)).mean() for one in range(toy_clips.LENGTH)]
    assert int(np.argmin(apart)) == frame


def test_a_clip_without_people_is_shown_too(place: Path) -> None:
    index, person, _ = shown(place, "3.mkv")
    assert [index["statuses"][at] for at in index["status"][0]] == ["no_person"]
    assert "box" not in person
