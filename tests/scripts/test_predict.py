"""Words of ``make predict``: whose boxes, which images, and mistakes in one line."""

from pathlib import Path

import numpy as np
import pytest
from one_shot_mappings import with_ties
from PIL import Image
from toy_features import make_store

from cache.errors import AffectError
from heads.experiments.bench import prepare
from heads.experiments.experiment import run
from heads.experiments.grid import cell
from heads.protocol import find
from scripts import predict
from scripts.prediction import people
from scripts.prediction.draw import draw


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


def test_boxes_are_clamped_and_one_outside_is_told() -> None:
    boxes = np.array([[-5, 2, 30, 400]], np.float32)
    assert people.inside(boxes, (20, 100), "a.jpg").tolist() == [[0, 2, 20, 100]]
    with pytest.raises(AffectError, match=r"a\.jpg: box \[50.0, 2.0, 60.0, 9.0\] lies outside the image 20 x 100"):
        people.inside(np.array([[50, 2, 60, 9]], np.float32), (20, 100), "a.jpg")


def test_a_folder_gives_its_images_by_name(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in people.images(tmp_path)] == ["a.png", "b.JPG"]
    assert people.images(tmp_path / "c.jpg") == [tmp_path / "c.jpg"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(AffectError, match="a folder without an image"):
        people.images(tmp_path / "empty")


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--runs", str(tmp_path)]
    for words, told in (
        (place, "IMAGE: none given"),
        ([*place, "--image", "a.jpg"], "no such checkpoint. Nothing is trained yet. Run make train HEAD=sem_ib_dml"),
        ([*place, "--image", "a.jpg", "--boxes", "1,2"], "BOXES=1,2: box '1,2' is not"),
        ([*place, "--image", "a.jpg", "--device", "tpu"], "DEVICE=tpu: no such device"),
    ):
        assert predict.main(words) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1


def test_the_picture_shows_boxes_and_says_untrained() -> None:
    emotions = {"one_shot": {"Esteem": 0.7, "Yearning": 0.3}}
    person = {
        "box": [20, 30, 60, 80],
        "emotions": emotions,
        "reason": "",
        "features": {"face": {"box": [30, 35, 40, 45]}},
    }
    plain = Image.new("RGB", (120, 100), "white")
    once = np.asarray(draw(plain, [person], untrained=[]))
    assert np.asarray(plain).min() == 255
    assert (once[30:80, 20] != 255).any(1).all()
    assert (once[35:45, 30] != 255).any(1).all()
    assert (once[50:75, 65:] == 255).all()
    assert (once != np.asarray(draw(plain, [person], untrained=["pose"]))).any()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"b\.csv:1: no column 'image'"),
        ("a.jpg,1,2,3,4\n", r"b\.csv:1: no column 'image'"),
        ("image,x1,y1,x2,y2\n", "holds no box"),
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


def test_boxes_thinner_than_a_pixel_are_drawn() -> None:
    person = {"box": [3, 3, 3.00001, 3.2], "emotions": None, "reason": "broken: x", "features": {}}
    draw(Image.new("RGB", (9, 9)), [person], [])


def test_a_head_of_another_protocol_or_mapping_is_not_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = make_store(tmp_path / "store")
    one = cell("random", find("cat-6:6"), {"episodes": 3, "validation_episodes": 1, "epochs": 1})
    bench = prepare(store, "demo", find("cat-6:6"), [one], "cpu")
    run(bench, one, range(1), tmp_path / "runs" / "demo")
    mine = with_ties(tmp_path, "drop")
    words = ["--image", "a.jpg", "--head", "random", "--store", str(store.root), "--runs", str(tmp_path / "runs")]
    for more, told in (
        (["--protocol", "cat-6:4"], "was trained on 'demo cat-6:6', asked for is 'demo cat-6:4'"),
        (["--mapping", str(mine), "--name", "demo"], "random.safetensors: was trained with mapping "),
        (["--head", "../../evil"], "head '../../evil': it must be the name of one folder"),
        (["--dataset", "../x"], "dataset '../x': it must be the name of one folder"),
    ):
        assert predict.main([*words, *more]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert told in err
        assert err.count("\n") == 1


def test_a_photograph_that_cannot_be_used_is_named_with_its_cure(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with pytest.raises(AffectError, match=r"a\.jpg: no such file\. Give a photograph or a folder as IMAGE$"):
        predict._photograph(path)
    Image.new("RGB", (64, 64)).save(path)
    assert predict._photograph(path).size == (64, 64)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(AffectError, match=r"a\.jpg: not readable as an image: .*\. Give a sound copy as IMAGE$"):
        predict._photograph(path)


def test_the_words_of_train_find_its_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    words = ["--head", "random", "--runs", str(tmp_path), "--image", str(tmp_path / "x.png"), "--boxes", "1,1,5,5"]
    assert (
        predict.main([*words, "--seeds", "2", "--set", "batch=16", "--mapping", str(with_ties(tmp_path, "drop"))]) == 2
    )
    told = capsys.readouterr().err
    assert "/demo-cat-6-6-random-mapping=drop-seeds=2-batch=16/random.safetensors or " in told
    assert "SEEDS=2 SET=batch=16, or give NAME" in told
