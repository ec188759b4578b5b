"""``make predict`` with a head of photographs with all their people: found by it, or in given boxes; and its maps."""

import json
from pathlib import Path
from typing import Any

import crowd_case
import numpy as np
import pytest
import torch
from PIL import Image

from cache.errors import WeightsError
from cache.spec import Granularity
from heads.checkpoints import checkpoint
from heads.checkpoints.checkpoint import Checkpoint
from pipeline.running.memory import Memory
from pipeline.running.recipes import dataset_config, recipes
from pipeline.stage import Photo
from pipeline.weights.folder import Weights
from scripts import predict
from scripts.prediction import crowd, emotion_maps
from scripts.prediction.crowd import EmotionMaps
from scripts.prediction.model import Model

SIZE = 120, 80


def photo(folder: Path) -> Path:
    pixels = np.random.default_rng(3).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    return folder / "a.png"


def asked(words: list[str], image: Path, *more: str) -> tuple[int, dict[str, Any]]:
    status = predict.main([*words, "--image", str(image), *more])
    return status, json.loads((Path(words[-1]) / f"{image.name}.json").read_text())


def loaded(folder: Path) -> Checkpoint:
    return checkpoint.load(folder / "runs/demo/amalgamated.safetensors")


def inputs(folder: Path, image: Path) -> dict[str, torch.Tensor]:
    """What the head reads of the photograph, by the stage alone."""
    (recipe,) = recipes(dataset_config("demo", folder / "maps.toml"), ["maps"], Weights(folder))
    with Image.open(image) as opened:
        rows = Memory([recipe]).features(Photo("a", opened.convert("RGB"), np.zeros((0, 4), np.float32)))["maps"]
    return {"maps/c8": torch.from_numpy(rows.arrays["c8"].astype(np.float32))}


def mean_inside(values: np.ndarray[Any, Any], box: list[float]) -> np.ndarray[Any, Any]:
    """(C,), over the pixels of maps (C, h, w) that a box in pixels of the photograph covers, by loops."""
    _, high, wide = values.shape
    total, area = np.zeros(len(values)), 0.0
    for y in range(high):
        for x in range(wide):
            across = min(box[2] * wide / SIZE[0], x + 1) - max(box[0] * wide / SIZE[0], x)
            down = min(box[3] * high / SIZE[1], y + 1) - max(box[1] * high / SIZE[1], y)
            part = max(0.0, across) * max(0.0, down)
            total, area = total + part * values[:, y, x], area + part
    return total / area


@pytest.mark.parametrize("one_class", [False, True])
def test_people_are_found_and_read_out_of_the_maps(
    one_class: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = photo(tmp_path)
    status, told = asked(crowd_case.words(tmp_path, one_class), image)
    known, read = loaded(tmp_path), inputs(tmp_path, image)
    with torch.no_grad():
        output = known.head.eval()({name: x.expand(2, *x.shape) for name, x in read.items()})
    assert output.found is not None
    assert (status, told["people"]["boxes"]) == (0, "found by the head")
    assert told["people"]["scores"] == sorted(told["people"]["scores"], reverse=True)
    logits = known.looks(read, np.array([0])).classes[0].values[:, 0].double().numpy()
    for person in told["persons"]:
        each = np.stack([mean_inside(one, person["box"]) for one in logits])
        odds = np.exp(each)
        shares = (odds / odds.sum(1, keepdims=True) if one_class else odds / (1 + odds)).mean(0)
        assert list(person["emotions"]["people"].values()) == pytest.approx(shares.tolist(), abs=1e-3)
        best = crowd_case.NAMES[int(shares.argmax())]
        named = [name for name, share in zip(crowd_case.NAMES, shares, strict=True) if share > 0.5]
        assert person.get("named", best) == (best if one_class else named)
    odds, maps = np.exp(logits), crowd.emotion_maps(known, read)
    expected = (odds / odds.sum(1, keepdims=True) if one_class else odds / (1 + odds)).mean(0)
    assert maps is not None
    np.testing.assert_allclose(maps.values, expected, rtol=1e-4)
    assert told["maps"]["form"] == ("softmax over the maps" if one_class else "sigmoid")
    with Image.open(tmp_path / "out" / told["maps"]["picture"]) as picture:
        assert picture.width >= len(told["maps"]["emotions"]) * emotion_maps.SIDE
    assert "a.png.json, .maps.png and .annotated.png" in capsys.readouterr().out


def test_given_boxes_are_taken_and_the_photograph_is_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, words = photo(tmp_path), crowd_case.words(tmp_path)
    looks: list[int] = []
    stage = type(recipes(dataset_config("demo", tmp_path / "maps.toml"), ["maps"], Weights(tmp_path))[0].stage)
    run = stage.run
    monkeypatch.setattr(stage, "run", lambda self, items: looks.append(1) or run(self, items))
    _, found = asked(words, image)
    assert looks == [1]
    box = ",".join(map(str, found["persons"][0]["box"]))
    status, told = asked(words, image, "--boxes", f"{box} 5,5,60,70")
    assert (status, told["people"], len(told["persons"])) == (0, {"boxes": "given"}, 2)
    same = [found["persons"][0]["emotions"]["people"], told["persons"][0]["emotions"]["people"]]
    assert list(same[0].values()) == pytest.approx(list(same[1].values()), abs=1e-4)


def test_nobody_found_is_told_and_the_maps_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = photo(tmp_path)
    status, told = asked(crowd_case.words(tmp_path, least=0.99), image)
    assert (status, told["persons"], told["people"]["reason"]) == (1, [], "the head finds nobody in it")
    assert (told["maps"]["said"], len(told["maps"]["emotions"])) == (False, emotion_maps.FEW)
    assert capsys.readouterr().err.endswith('nobody: the head finds nobody in it. Give BOXES="x1,y1,x2,y2"\n')


def test_maps_of_an_earlier_head_do_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, words = photo(tmp_path), crowd_case.words(tmp_path)
    _, told = asked(words, image)
    drawn = tmp_path / "out" / told["maps"]["picture"]
    assert drawn.exists()
    monkeypatch.setattr(Model, "maps", lambda _self, _photo: None)
    _, told = asked(words, image)
    assert ("maps" in told, drawn.exists()) == (False, False)


def test_a_head_that_finds_nobody_itself_is_shown_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, words = photo(tmp_path), crowd_case.words(tmp_path, detection=False)
    status, told = asked(words, image, "--boxes", "5,5,60,70")
    assert (status, len(told["persons"]), "people" in told["persons"][0]["emotions"]) == (0, 1, True)
    assert predict.main([*words, "--image", str(image), "--people", "head"]) == 2
    assert capsys.readouterr().err == (
        "error: PEOPLE=head: the head finds nobody itself. Leave it out, or take another HEAD\n"
    )


def test_teachers_are_not_asked(tmp_path: Path) -> None:
    """Their features are in no config here."""
    words = crowd_case.words(tmp_path, teachers=("fer/c8",))
    assert asked(words, photo(tmp_path), "--boxes", "5,5,60,70")[0] == 0


def test_a_head_that_diverged_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, image = crowd_case.words(tmp_path), photo(tmp_path)
    known = loaded(tmp_path)
    with torch.no_grad():
        next(iter(known.head.networks.emotion.parameters())).fill_(torch.nan)
    checkpoint.save(tmp_path / "runs/demo/amalgamated.safetensors", known.head, {}, {}, known.about)
    assert predict.main([*words, "--image", str(image), "--boxes", "5,5,60,70"]) == 2
    err = capsys.readouterr().err
    assert "amalgamated: its answers are not finite numbers: training diverged. Train again, with a lower lr" in err
    assert err.count("\n") == 1
    known, read = loaded(tmp_path), inputs(tmp_path, image)
    with pytest.raises(WeightsError, match="training diverged"):
        crowd.in_boxes(known, read, np.array([[5, 5, 60, 70]], np.float32), SIZE)
    with pytest.raises(WeightsError, match="training diverged"):
        crowd.emotion_maps(known, read)


def test_which_maps_are_drawn() -> None:
    maps = EmotionMaps(("a", "b", "c", "d"), np.array([0.2, 0.9, 0.4, 0.6])[:, None, None] * np.eye(3), "sigmoid")

    def person(number: int, shares: tuple[float, ...], named: list[str] | None) -> dict[str, Any]:
        more = {} if named is None else {"named": named}
        return {"number": number, "emotions": {"people": dict(zip("abcd", shares, strict=True))}, **more}

    flags = [person(0, (0.6, 0.1, 0.7, 0), ["a", "c"]), person(1, (0.9, 0.1, 0.2, 0.3), ["a"])]
    told = emotion_maps.told(maps, flags, "x", most=1)
    assert (told["emotions"], told["left_out"], told["said"], told["greatest"]) == (["a"], ["c"], True, 0.2)
    classes = [person(0, (0.1, 0.5, 0.3, 0.1), None), person(1, (0.1, 0.2, 0.1, 0.6), None)]
    assert emotion_maps.told(maps, classes, "x")["emotions"] == ["d", "b"]
    nothing = [person(0, (0.1, 0.2, 0.4, 0.3), [])]
    told = emotion_maps.told(maps, nothing, "x")
    assert (told["emotions"], told["said"], told["greatest"]) == (["c", "d", "b"], False, 0.9)
    assert emotion_maps.told(maps, [], "x")["emotions"] == ["b", "d", "c"]


def test_maps_lie_over_the_photograph_on_one_scale() -> None:
    """White where the greatest value of all is, the darkest colour where a map is 0."""
    values = np.zeros((2, 2, 2))
    values[0, 0, 0], values[1, 1, 1] = 0.8, 0.4
    maps = EmotionMaps(("a", "b"), values, "sigmoid")
    image = Image.new("RGB", (40, 40), (100, 100, 100))
    about = {"emotions": ["a", "b"], "greatest": 0.8}
    (_, one), (_, other) = emotion_maps.panels(image, [], maps, about, 40)

    def blended(colour: tuple[int, int, int]) -> list[float]:
        return [0.4 * 100 + 0.6 * channel for channel in colour]

    assert list(one.getpixel((1, 1))) == pytest.approx(blended((252, 255, 164)), abs=2)
    assert list(one.getpixel((38, 38))) == pytest.approx(blended((0, 0, 4)), abs=2)
    assert list(other.getpixel((38, 38))) == pytest.approx(blended((188, 55, 84)), abs=2)


def test_boxes_found_are_in_pixels_of_the_photograph(tmp_path: Path) -> None:
    crowd_case.words(tmp_path)
    known, read = loaded(tmp_path), inputs(tmp_path, photo(tmp_path))
    found = known.finds(read, np.array([0]))
    assert found is not None
    boxes, scores = crowd.finds(known, read, SIZE)
    assert len(boxes) == len(scores) == int((found.scores[0] > 0).sum())
    for box, share in zip(boxes.tolist(), found.boxes[0].tolist(), strict=False):
        assert box == pytest.approx([share[0] * 120, share[1] * 80, share[2] * 120, share[3] * 80], rel=1e-5)


def test_a_head_that_read_something_of_one_person_tells_no_photograph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words, image = crowd_case.words(tmp_path), photo(tmp_path)
    stage = type(recipes(dataset_config("demo", tmp_path / "maps.toml"), ["maps"], Weights(tmp_path))[0].stage)
    monkeypatch.setattr(stage, "granularity", Granularity.PERSON)
    assert predict.main([*words, "--image", str(image)]) == 2
    assert "tells all people of a photograph at once, and was trained on maps, of one each" in capsys.readouterr().err
