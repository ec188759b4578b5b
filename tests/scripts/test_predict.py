"""Words of ``make predict``: whose boxes, which images, and mistakes in one line."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import guessing_head
import numpy as np
import pytest
from one_shot_mappings import with_ties
from PIL import Image

import heads.models
from cache import plugins
from cache.errors import AffectError
from heads.checkpoints import checkpoint
from pipeline.running.recipes import dataset_config
from pipeline.weights.folder import Weights
from scripts import predict
from scripts.prediction import model, people
from scripts.prediction.photograph import opened


def test_boxes_are_read_from_words_and_from_a_file(tmp_path: Path) -> None:
    words = people.given("1,2,30,40 5.5,6,70,80")
    assert isinstance(words, list)
    np.testing.assert_array_equal(words[0], np.array([[1, 2, 30, 40], [5.5, 6, 70, 80]], np.float32))
    (tmp_path / "b.csv").write_text("image,x1,y1,x2,y2\na.jpg,1,2,3,4\nb.jpg,0,0,9,9\na.jpg,5,5,8,8\n")
    table = people.given(str(tmp_path / "b.csv"))
    assert isinstance(table, dict)
    assert {name: boxes.tolist() for name, boxes in table.items()} == {
        "a.jpg": [[1, 2, 3, 4], [5, 5, 8, 8]],
        "b.jpg": [[0, 0, 9, 9]],
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,2,3", "box '1,2,3' is not x1,y1,x2,y2"),
        ("1,2,3,x", "is not x1,y1,x2,y2"),
        ("5,2,3,9", "with x1 < x2"),
        ("1,2,nan,9", "is not x1,y1,x2,y2"),
        ("1,2,1e39,9", "is not x1,y1,x2,y2"),
    ],
)
def test_boxes_that_are_none(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(AffectError, match=told):
        people.given(text)
    (tmp_path / "b.csv").write_text(f"image,x1,y1,x2,y2\na.jpg,1,2,3,4\na.jpg,{text}\n")
    with pytest.raises(AffectError, match=r"b\.csv:3: "):
        people.given(str(tmp_path / "b.csv"))


@pytest.mark.parametrize(
    ("text", "form", "box"),
    [
        ("5,10,15,30", "", [5, 10, 15, 30]),
        ("5,10,10,20", "xywh", [5, 10, 15, 30]),
        (".25,.1,.75,.3", "normalised", [5, 10, 15, 30]),
        (".25,.1,.5,.2", "normalised_xywh", [5, 10, 15, 30]),
    ],
)
def test_boxes_in_every_form_are_the_same(text: str, form: str, box: list[float], tmp_path: Path) -> None:
    """In an image of 20 x 100; from words and from a file."""
    (path := tmp_path / "b.csv").write_text(f"image,x1,y1,x2,y2\na.jpg,{text}\n")
    words, table = people.given(text, form), people.given(str(path), form)
    assert isinstance(words, list)
    assert isinstance(table, dict)
    for boxes in (words[0], table["a.jpg"]):
        assert people.placed(boxes, form, (20, 100), "a.jpg")[0].tolist() == pytest.approx(box)


@pytest.mark.parametrize(
    ("text", "form", "told"),
    [
        (
            ".2,.1,.7,.6",
            "",
            r"box \[0\.2, 0\.1, 0\.7, 0\.6\]: its numbers lie in 0\.\.1, so they are no pixels\. Likely ",
        ),
        (".2,.1,.7,.6", "xyxy", r"the crop has 0\.5 x 0\.5 pixels, the least is 4 x 4"),
        ("5,10,15,30", "normalised", "1 of 1 boxes reach beyond 1"),
        ("15,30,5,10", "", r"with x1 < x2 and y1 < y2\. BOX=xywh reads left, top, width, height in pixels"),
        ("5,10,0,20", "xywh", r"has no width and height above 0 \(BOX=xywh\)"),
        ("5,10,15,30", "xyhw", r"BOX=xyhw: no such form of a box\. Did you mean 'xywh'"),
    ],
)
def test_boxes_of_another_form_name_it(text: str, form: str, told: str) -> None:
    with pytest.raises(AffectError, match=told):
        people.placed(people.given(text, form)[0], form, (400, 300), "a.jpg")


def test_boxes_are_clamped_and_one_outside_is_told() -> None:
    boxes = np.array([[-5, 2, 30, 400]], np.float32)
    assert people.inside(boxes, (20, 100), "a.jpg").tolist() == [[0, 2, 20, 100]]
    with pytest.raises(AffectError, match=r"a\.jpg: box \[50, 2, 60, 9\] lies outside the image 20 x 100"):
        people.inside(np.array([[50, 2, 60, 9]], np.float32), (20, 100), "a.jpg")


def test_a_folder_gives_its_images_by_name(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in people.images(tmp_path)] == ["a.png", "b.JPG"]
    assert people.images(tmp_path / "c.jpg") == [tmp_path / "c.jpg"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(AffectError, match=r"a folder without an image \(JPEG, .*, PPM, AVIF, HEIC\)"):
        people.images(tmp_path / "empty")


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--runs", str(tmp_path)]
    for words, told in (
        (place, "IMAGE: none given"),
        ([*place, "--image", "a.jpg"], "no such checkpoint. Nothing is trained yet. Run make train HEAD=sem_ib_dml"),
        ([*place, "--image", "a.jpg", "--boxes", "1,2"], "BOXES=1,2: box '1,2' is not"),
        ([*place, "--image", "a.jpg", "--device", "tpu"], "DEVICE=tpu: no such device"),
        ([*place, "--image", "a.jpg", "--max-pixels", "-5"], "MAX_PIXELS=-5: a whole number from 0 is wanted"),
        ([*place, "--image", "a.jpg", "--people", "face"], "PEOPLE=face: no such way to find people. Did you mean"),
        ([*place, "--image", "a.jpg", "--people", "boxes"], "PEOPLE=boxes: no BOXES given. Give BOXES="),
        ([*place, "--image", "a.jpg", "--people", "faces", "--boxes", "1,2,3,4"], "BOXES=1,2,3,4 is given too"),
    ):
        assert predict.main(words) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"b\.csv:1: no column 'image'"),
        ("a.jpg,1,2,3,4\n", r"b\.csv:1: no column 'image'"),
        ("image,x1,y1,x2,y2\n", "holds no box"),
        (
            "image,x1,y1,x2,y2\nx/a.png,1,2,3,4\n./x/a.png,2,2,3,4\ny/a.png,1,2,3,4\n",
            r"b\.csv:4: 'y/a.png' and 'x/a.png' have one name",
        ),
        ("image,x1,y1,x2,y2\na.jpg,1,2,3\n", r"b\.csv:2: ends before 'y2'"),
    ],
)
def test_a_file_of_boxes_without_any_is_no_file_of_nobody(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(text)
    with pytest.raises(AffectError, match=told):
        people.given(str(tmp_path / "b.csv"))


def test_boxes_of_an_image_that_is_not_there_are_told() -> None:
    with pytest.raises(AffectError, match=r"BOXES=b: boxes of 'aa.jpg', .*Did you mean 'a.jpg'"):
        people.check_names({"aa.jpg": np.zeros((1, 4), np.float32)}, [Path("x/a.jpg")], "BOXES=b")


MORE = """
dataset = "demo"
[stages.scene]
untrained = true
[stages.face]
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Words for a head that guesses, trained on the drawn demo."""
    return guessing_head.words(tmp_path_factory.mktemp("trained"))


def test_a_head_of_another_protocol_or_mapping_is_not_asked(
    trained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = with_ties(tmp_path, "drop")
    for more, told in (
        (["--protocol", "cat-6:4"], "was trained on 'demo cat-6:6', asked for is 'demo cat-6:4'"),
        (["--mapping", str(mine), "--name", "demo"], "random.safetensors: was trained with mapping "),
        (["--head", "../../evil"], "head '../../evil': it must be the name of one folder"),
        (["--dataset", "../x"], "no dataset '../x'. Known: "),
    ):
        assert predict.main([*trained, "--image", "a.jpg", *more]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert told in err
        assert err.count("\n") == 1


def told_of(trained: list[str], image: Path, *more: str) -> tuple[int, dict[str, Any], tuple[int, int]]:
    """Exit status, JSON and the picture's size."""
    status = predict.main([*trained, "--image", str(image), *more])
    out = Path(trained[-1])
    with Image.open(out / f"{image.name}.annotated.png") as picture:
        return status, json.loads((out / f"{image.name}.json").read_text()), picture.size


def test_only_what_the_head_needs_is_run_and_what_is_untrained_says_nothing_else(
    trained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg")
    status, told, _ = told_of(trained, tmp_path / "a.jpg", "--boxes", "1,2,30,40")
    assert (status, told["features"], told["persons"][0]["features"], told["untrained"]) == (0, {}, {}, [])
    assert told["left_out"] == ["sem2vec", "image", "body", "context", "face", "pose"]
    assert "a.jpg: 1 person\n" in capsys.readouterr().out
    (tmp_path / "more.toml").write_text(MORE)
    boxes = ["--boxes", "1,2,30,40 5,5,60,40", "--config", str(tmp_path / "more.toml")]
    status, told, _ = told_of(trained, tmp_path / "a.jpg", *boxes, "--stages", "scene")
    assert (status, told["untrained"], told["left_out"]) == (0, ["scene"], ["face"])
    assert told["features"] == {"scene": {"untrained": True}}
    assert [one["number"] for one in told["persons"]] == [0, 1]
    out = capsys.readouterr().out
    assert "a.jpg: 2 people (UNTRAINED: scene)\n" in out
    assert "\n  0: " in out
    assert "\n  1: " in out
    assert predict.main([*trained, "--image", "a.jpg", "--stages", "poses"]) == 2
    assert "no stage 'poses'. Did you mean 'pose'?" in capsys.readouterr().err


LOOKS = """
shown = ["face"]
[stages.face]
[stages.scene]
untrained = true
"""


def test_absent_weights_are_fetched_by_the_command_that_is_told(
    trained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``make weights`` alone would fetch another dataset's."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    words = ["--image", str(tmp_path / "a.png"), "--stages", "face pose", "--weights", str(tmp_path / "w")]
    (tmp_path / "c.toml").write_text('dataset = "demo"\n[stages.face]\n[stages.pose]\n')
    assert predict.main([*trained, *words, "--config", str(tmp_path / "c.toml")]) == 2
    cure = f'make weights DATASET=demo STAGES="face pose" CONFIG={tmp_path}/c.toml WEIGHTS={tmp_path}/w fetches '
    assert cure in capsys.readouterr().err


def test_without_a_head_that_fits_what_is_seen_is_told_alone(
    trained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "looks.toml").write_text(LOOKS)
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg")
    words = [*trained[2:-2], "--config", str(tmp_path / "looks.toml"), "--out", str(tmp_path / "out")]
    photo = ["--image", str(tmp_path / "a.jpg"), "--boxes", "1,2,30,40"]
    status, told, _ = told_of(words, tmp_path / "a.jpg", "--boxes", "1,2,30,40")
    assert (status, told["head"], told["notes"], told["left_out"]) == (0, None, [], ["scene"])
    (person,) = told["persons"]
    assert (person["emotions"], person["reason"]) == (None, "no head")
    assert person["features"]["face"]["status"] == "no_face"
    out, err = capsys.readouterr()
    assert err == ""
    (why,) = (line for line in out.splitlines() if line.startswith("no head answers"))
    assert "sem_ib_dml.safetensors: no such checkpoint" in why
    assert "  0: face no_face (no face in the person's box)\n" in out
    assert "no prediction" not in out
    for more, fault in (
        (["--head", "ib_dml"], "ib_dml.safetensors: no such checkpoint"),
        (["--seeds", "5", "--name", "mine"], "no such checkpoint"),
    ):
        assert predict.main([*words, *photo, *more]) == 2, "who names a head means it"
        assert fault in capsys.readouterr().err
    status, told, _ = told_of([*words[:-2], *trained[:2], *words[-2:]], tmp_path / "a.jpg", "--boxes", "1,2,30,40")
    assert (status, told["head"]["head"], list(told["persons"][0]["features"])) == (0, "random", ["face"])


def test_a_fault_of_a_plug_in_is_one_line(
    trained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg")
    file = Path(heads.models.__file__).parent / "mine.py"
    wrong: dict[str, Any] = {}
    exec(compile("def forward(self, features):\n    raise KeyError('boom')", file, "exec"), wrong)
    head, load = plugins.load("heads.models", "random", "Model"), checkpoint.load

    def loaded(path: Path, *more: Any) -> checkpoint.Checkpoint:
        done = load(path, *more)
        monkeypatch.setattr(head, "forward", wrong["forward"])
        return done

    monkeypatch.setattr(checkpoint, "load", loaded)
    assert predict.main([*trained, "--image", str(tmp_path / "a.jpg"), "--boxes", "1,2,30,40"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: heads/models/mine.py:2: KeyError: 'boom'")
    assert err.count("\n") == 1


def test_a_head_of_drawn_scenes_says_so_of_photographs_alone(
    trained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = Path(trained[trained.index("--root") + 1]) / "mscoco" / "00004.jpg"
    own.parent.mkdir(parents=True)
    for path in (own, tmp_path / "a.jpg"):
        Image.new("RGB", (64, 64)).save(path)
    note = "the head was trained on the drawn scenes of demo, not on photographs: its answers mean nothing here"
    for path, boxes, expected in (
        (own, [], []),
        (own, ["--boxes", "1,2,30,40"], []),
        (tmp_path / "a.jpg", ["--boxes", "1,2,30,40"], [note]),
    ):
        status, told, size = told_of(trained, path, *boxes)
        assert (status, told["notes"]) == (0, expected)
        assert (note in capsys.readouterr().out) is bool(expected)
        assert size[0] == 96
    assert size[1] > told_of(trained, own)[2][1]  # the note stands below the picture too


def test_nobody_is_told_with_the_cure_and_still_written(
    trained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg")
    status, told, size = told_of(trained, tmp_path / "a.jpg")
    assert (status, told["persons"]) == (1, [])
    assert told["people"] == {
        "boxes": "from faces",
        "faces": [],
        "why": "the config of demo has no [stages.objects] to find them with",
        "reason": "no face was found in it (MTCNN)",
    }
    assert size[1] > 48
    out, err = capsys.readouterr()
    assert "people are found by their faces, for the config of demo has no [stages.objects]" in out
    assert "a.jpg: 0 people" in out
    assert err.endswith('a.jpg: nobody: no face was found in it (MTCNN). Give BOXES="x1,y1,x2,y2"\n')
    assert err.count("\n") == 1
    assert predict.main([*trained, "--image", str(tmp_path)]) == 1
    assert "nobody was found in 1 of 1 images" not in capsys.readouterr().out
    Image.new("RGB", (64, 48)).save(tmp_path / "b.jpg")
    (tmp_path / "boxes.csv").write_text("image,x1,y1,x2,y2\nb.jpg,1,2,3,4\n")
    assert predict.main([*trained, "--image", str(tmp_path), "--boxes", str(tmp_path / "boxes.csv")]) == 1
    out, err = capsys.readouterr()
    assert "nobody was found in 1 of 2 images" in out
    assert "a.jpg: nobody: BOXES names nobody in it" in err


def test_a_photograph_that_cannot_be_used_is_named_with_its_cure(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with pytest.raises(AffectError, match=r"a\.jpg: no such file\. Give a photograph or a folder as IMAGE$"):
        opened(path)
    Image.new("RGB", (64, 64)).save(path)
    assert opened(path).size == (64, 64)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(AffectError, match=r"a\.jpg: not readable as an image: .*\. Give a sound copy as IMAGE$"):
        opened(path)


def test_the_words_of_train_find_its_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    words = ["--head", "random", "--runs", str(tmp_path), "--image", str(tmp_path / "x.png"), "--boxes", "1,1,5,5"]
    assert (
        predict.main([*words, "--seeds", "2", "--set", "batch=16", "--mapping", str(with_ties(tmp_path, "drop"))]) == 2
    )
    told = capsys.readouterr().err
    assert "/demo-cat-6-6-random-mapping=drop-seeds=2-batch=16/random.safetensors or " in told
    assert "SEEDS=2 SET=batch=16, or give NAME" in told


@pytest.mark.parametrize(
    ("config", "untrained", "told"),
    [
        (
            "light",
            True,
            r"r/head: reads gone, of which the CONFIG here has no stage\. Give the CONFIG, .*, or HEAD",
        ),
        (
            "",
            False,
            r"absent from w/: resnet18-.*\. Or was r/head trained on features made otherwise\? Give the",
        ),
        ("", True, r"r/head: was trained on feature body 0123, these settings give \w{16}\. Give the CONFIG"),
    ],
)
def test_features_that_are_not_those_of_the_training_are_told_with_the_cure(
    config: str, untrained: bool, told: str
) -> None:
    features = {"gone": "0123"} if config else {"body": "0123"}
    head: Any = SimpleNamespace(inputs=[f"{name}/pooled" for name in features], about={"features": features})
    asked = (
        dataset_config("table", Path(config) if config else None),
        Weights(Path("w"), untrained=untrained),
        "cpu",
        [],
    )
    with pytest.raises(AffectError, match=told):
        model.build(Path("r/head"), head, *asked, lambda names: f"fetch {' '.join(names)}")
