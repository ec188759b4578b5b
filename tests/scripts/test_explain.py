"""Words of ``make explain``: what each stream adds, where heads looked, and mistakes in one line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from explain_case import KEY, Trained, train
from PIL import Image
from toy_features import CATEGORIES, make_store, people

from cache.errors import StoreError, WeightsError
from cache.store import Store
from heads.experiments.bench import prepare
from heads.experiments.experiment import run
from heads.experiments.grid import cell
from heads.known_protocols import find
from scripts import explain
from scripts.explaining import picture
from scripts.explaining.means import means
from scripts.explaining.streams import left_out

DRAWN = "the head was trained on the drawn scenes of demo, not on photographs: its answers mean nothing here"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("trained"))


def test_a_stream_of_a_linear_head_adds_its_weights_times_its_values(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Summed over the stream, mean over the models; and the share is the softmax's, mean over the models too."""
    person, known = trained.explain("linear", tmp_path), trained.loaded("linear")
    row = Store(trained.folder / "store").manifest("demo").keys.index(KEY)
    weight, bias = (known.head.state_dict()[f"classifier.{name}"].double().numpy() for name in ("weight", "bias"))
    assert weight.shape == (2, 26, 48) or weight.shape == (2, 48, 26)
    weight = weight if weight.shape[1] == 26 else weight.transpose(0, 2, 1)
    z = [
        (trained.read(name)[row].astype(np.float64) - known.scales[name].mean.numpy()) / known.scales[name].std.numpy()
        for name in known.head.inputs
    ]
    offset = bias.reshape(2, 26)
    logits = offset + weight @ np.concatenate(z)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    without = offset + weight[:, :, 24:] @ z[1]
    assert known.head.inputs == ("image/pooled", "body/pooled")
    (answer,) = person["answers"]
    assert [line["name"] for line in answer["names"]] == [CATEGORIES[at] for at in np.argsort(-shares.mean(0))[:3]]
    for line in answer["names"]:
        at = CATEGORIES.index(line["name"])
        assert line["logit"] == pytest.approx(logits[:, at].mean(), abs=1e-4)
        assert line["without_any"]["logit"] == pytest.approx(offset[:, at].mean(), abs=1e-4)
        for name, part, values in zip(known.head.inputs, (slice(24), slice(24, None)), z, strict=True):
            adds = (weight[:, at, part] * values).sum(1).mean()
            assert line["inputs"][name]["logit"] == pytest.approx(adds, abs=1e-4)
        gone = (np.exp(without) / np.exp(without).sum(1, keepdims=True))[:, at].mean()
        assert line["inputs"]["image/pooled"]["share"] == pytest.approx(shares[:, at].mean() - gone, abs=1e-5)
    assert (person["part"], person["looks"]) == ("test", {"no_map": "no map in its features"})
    assert "\nno map in its features\n" in capsys.readouterr().out


def test_what_is_not_standardised_is_replaced_by_the_mean_of_the_training_people(
    trained: Trained, tmp_path: Path
) -> None:
    """Of those who have all that the head reads."""
    person, known = trained.explain("unscaled", tmp_path), trained.loaded("unscaled")
    manifest = Store(trained.folder / "store").manifest("demo")
    weight = known.head.state_dict()["classifier.weight"].double().numpy()
    weight = weight if weight.shape[1] == 26 else weight.transpose(0, 2, 1)
    values = trained.read("body/pooled").astype(np.float64)
    single = manifest.categories.sum(1) == 1
    kept = [at for at in range(len(manifest)) if manifest.splits[at] == "train" and single[at] and at != 8]
    apart = values[manifest.keys.index(KEY)] - values[kept].mean(0)
    for line in person["answers"][0]["names"]:
        adds = (weight[:, CATEGORIES.index(line["name"]), 24:] @ apart).mean()
        assert line["inputs"]["body/pooled"]["logit"] == pytest.approx(adds, abs=1e-4)
    with pytest.raises(StoreError, match=r"image/pooled is not standardised by the head, so its mean .* is read from"):
        means(Path("x"), known, tmp_path / "none", None)


def test_heads_of_every_kind_tell_their_streams(trained: Trained, tmp_path: Path) -> None:
    """Those that compare people have votes without logits; one that reads nothing has no stream; objects are one."""
    told = {name: trained.explain(name, tmp_path) for name in ("random", "b_dml", "relational")}
    assert {name: list(one["streams"]) for name, one in told.items()} == {
        "random": [],
        "b_dml": ["body/pooled"],
        "relational": ["body50/pooled", "objects"],
    }
    votes, classes = told["b_dml"]["answers"]
    assert (votes["title"], classes["title"]) == ("one_shot", "classifier")
    assert ["logit" in line for line in votes["names"] + classes["names"]] == [False] * 3 + [True] * 3
    assert told["relational"]["streams"]["objects"] == ["objects/features", "objects/count"]


def test_what_heads_looked_at_is_the_mean_of_their_models(trained: Trained, tmp_path: Path) -> None:
    known = trained.loaded("abn")
    row = Store(trained.folder / "store").manifest("demo").keys.index(KEY)
    maps = torch.as_tensor(trained.read("context/map")[row].astype(np.float32)).expand(2, 1, 6, 3, 2)
    with torch.no_grad():
        expected = known.head.branches[0](maps).map[:, 0].mean(0)
    (told,) = trained.explain("abn", tmp_path)["looks"]["maps"]
    assert (told["input"], told["frame"]) == ("context/map", None)
    np.testing.assert_allclose(told["map"], expected.numpy(), atol=1e-4)

    objects = trained.explain("relational", tmp_path)["looks"]["objects"]
    assert len(objects) == min(6, int(trained.read("objects/count")[row])) > 0
    assert sum(one["weight"] for one in objects) == pytest.approx(1, abs=1e-3)

    adjacency = trained.loaded("ml_gcn").head.state_dict()["classifier.adjacency"][0]
    edges = trained.explain("ml_gcn", tmp_path)["looks"]["graph"]
    strong = [(i, j) for i in range(26) for j in range(26) if i != j and adjacency[i, j] >= 0.01]
    assert {(one["label"], one["takes of"]): one["weight"] for one in edges} == {
        (CATEGORIES[i], CATEGORIES[j]): pytest.approx(float(adjacency[i, j]), abs=1e-4) for i, j in strong
    }


def test_class_activation_maps_are_of_the_strongest_classes_and_named_on_the_picture(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mean over models and, over places, what the context adds to the logit: there is no other stream."""
    titles: list[str] = []
    monkeypatch.setattr(picture, "_titled", lambda text, panel, _: titles.append(text) or panel)
    person, known = trained.explain("abn", tmp_path), trained.loaded("abn")
    found = person["looks"]["class_maps"]
    strongest = [line["name"] for line in person["answers"][0]["names"]]
    branch = "class activation map of the attention branch"
    assert [(one["class"], one["kind"]) for one in found] == [
        (name, kind) for name in strongest for kind in ("class activation map", branch)
    ]
    bias = known.head.state_dict()["classifier.bias"].double().reshape(2, 26).mean(0)
    for line, one in zip(person["answers"][0]["names"], found[::2], strict=True):
        adds = line["logit"] - bias[CATEGORIES.index(line["name"])]
        assert np.mean(one["map"]) == pytest.approx(float(adds), abs=2e-4)
    low, high = np.min(found[0]["map"]), np.max(found[0]["map"])
    assert f"class activation map, {strongest[0]}, on context/map: {low:.2f} (dark) to {high:.2f}" in titles
    assert sum(title.startswith(f"{branch}, {strongest[0]}, on context/map: ") for title in titles) == 1
    assert not any(strongest[1] in title for title in titles)


def test_the_photograph_is_drawn_where_it_is_at_hand(trained: Trained, tmp_path: Path) -> None:
    """Without ROOT a photograph that is not there is said; the box is the annotation's."""
    without = trained.explain("linear", tmp_path / "a", "--data", str(tmp_path))
    (note,) = without["notes"]
    assert note.startswith("the photograph is not drawn: ")
    drawn = trained.explain("linear", tmp_path / "b", "--root", str(trained.folder / "root"))
    assert (drawn["notes"], drawn["box"]) == ([], [1.0, 1.0, 50.0, 60.0])
    (tmp_path / "mscoco").mkdir()
    Image.new("RGB", (128, 64)).save(tmp_path / "mscoco" / "00105.jpg")
    other = trained.explain("linear", tmp_path / "c", "--root", str(tmp_path))
    assert other["notes"] == [
        "the photograph is 128 x 64, its annotation says 64 x 64: what is drawn may be out of place"
    ]
    bare, whole = (Image.open(tmp_path / one / "mscoco_00105.jpg.1.linear.explained.png") for one in "ab")
    assert not _has(bare, (0x40, 0x50, 0x60))
    assert _has(whole, (0x40, 0x50, 0x60))


def test_another_head_is_explained_beside_the_first_and_another_run_of_it_in_its_place(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("linear", "b_dml", "linear"):
        trained.explain(name, tmp_path)
    assert len(list(tmp_path.glob("mscoco_00105.jpg.1.*.explained.*"))) == 4
    assert "replaces" not in capsys.readouterr().out
    trained.explain("unscaled", tmp_path)
    earlier = trained.folder / "runs" / "linear" / "linear.safetensors"
    assert f"\nreplaces what was explained of {earlier}\n" in capsys.readouterr().out


def test_a_photograph_of_the_dataset_is_explained_as_its_people(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``random`` depends on the row of the manifest alone."""
    root = trained.folder / "root"
    words = trained.words("random", tmp_path, "--image", str(root / "mscoco" / "00105.jpg"), "--root", str(root))
    assert explain.main(words) == 0
    told = json.loads((tmp_path / "00105.jpg.random.explained.json").read_text())
    assert [one["number"] for one in told["persons"]] == [0, 1]
    assert told["persons"][1]["answers"] == trained.explain("random", tmp_path)["answers"]
    assert (tmp_path / "00105.jpg.1.random.explained.png").is_file()


def test_people_of_a_new_photograph_have_numbers(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.jpg")
    words = trained.words("random", tmp_path / "out", "--image", str(tmp_path / "a.jpg"), "--boxes")
    assert explain.main([*words, "1,2,30,40 5,5,60,40"]) == 0
    told = json.loads((tmp_path / "out" / "a.jpg.random.explained.json").read_text())
    assert [one["notes"] for one in told["persons"]] == [[DRAWN], [DRAWN]]
    assert "\n0: random, trained on demo" in (out := capsys.readouterr().out)
    assert "\n1: random, trained on demo" in out


def test_of_untrained_features_nothing_is_told_but_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, protocol = make_store(tmp_path / "store", untrained=("image",)), find("single-label")
    one = cell("linear", protocol, {"epochs": 1})
    run(prepare(store, "demo", protocol, [one], "cpu"), one, range(1), tmp_path / "runs" / "linear")
    person = Trained(tmp_path).explain("linear", tmp_path)
    assert (person["untrained"], person["whole"]["untrained"]) == (["image/pooled"], ["image"])
    assert {name for line in person["answers"][0]["names"] for name in line["inputs"]} == {"body/pooled"}
    out = capsys.readouterr().out
    assert "note: UNTRAINED: image\n" in out
    assert "image/pooled" not in out


def test_a_head_that_diverged_is_no_explanation(trained: Trained) -> None:
    known = trained.loaded("linear")
    torch.nn.init.constant_(next(known.head.parameters()), float("nan"))
    inputs = {name: torch.zeros(1, 24) for name in known.head.inputs}
    with pytest.raises(WeightsError, match="linear: its answers are not finite numbers: training diverged"):
        left_out(known, inputs, 0, {name: torch.zeros(24) for name in known.head.inputs})


def test_mistakes_are_one_line(trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = str(trained.folder / "root" / "mscoco" / "00105.jpg")
    for name, more, told in (
        ("linear", [], "KEY, IMAGE: none given. Give KEY=image#number"),
        ("linear", ["--key", KEY, "--image", image], "KEY, IMAGE: both given"),
        ("linear", ["--key", "00105.jpg#1"], "KEY=00105.jpg#1: nobody in demo has this key. Did you mean 'mscoco/"),
        ("linear", ["--key", "?"], "KEY=?: nobody in demo has this key. They look like 'mscoco/00000.jpg#0'"),
        ("linear", ["--key", "mscoco/00005.jpg#2"], "nobody in demo has this key. Did you mean 'mscoco/00005.jpg#"),
        ("linear", ["--key", "mscoco/00008.jpg#0"], "has no body (broken), which the head reads. Take another KEY"),
        (
            "linear",
            ["--key", KEY, "--root", str(tmp_path)],
            "mscoco/00105.jpg: no such photograph. Give the folder of demo as ROOT",
        ),
        ("linear", ["--key", KEY, "--seeds", "9", "--name", "x"], "no such checkpoint. Trained are "),
        ("random", ["--image", str(tmp_path / "a.jpg")], "a.jpg: no such file. Give one photograph"),
        ("random", ["--image", str(tmp_path)], ": a folder. Give one photograph"),
        ("linear", ["--key", KEY, "--boxes", "1,2,30,40"], "BOXES: is for IMAGE; the box of KEY=mscoco/00105.jpg#1 is"),
    ):
        assert explain.main([*trained.words(name, tmp_path / "out"), *more]) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_image_without_a_person_has_nobody_to_explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = people()
    rows[-1] = replace(rows[-1], person=-1)
    store, protocol = make_store(tmp_path / "store", rows), find("cat-6:6")
    one = cell("random", protocol, {"episodes": 3, "validation_episodes": 1, "epochs": 1})
    run(prepare(store, "demo", protocol, [one], "cpu"), one, range(1), tmp_path / "runs" / "random")
    key = store.manifest("demo").keys[-1]
    assert explain.main(Trained(tmp_path).words("random", tmp_path, "--key", key)) == 2
    assert f"KEY={key}: an image of demo without an annotated person" in capsys.readouterr().err
    image = tmp_path / "root" / store.manifest("demo").images[-1]
    image.parent.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(image)
    words = Trained(tmp_path).words("random", tmp_path, "--image", str(image), "--root", str(tmp_path / "root"))
    assert explain.main(words) == 1
    assert "nobody: the annotation of demo has nobody with a usable box in it" in capsys.readouterr().err


def _has(image: Image.Image, colour: tuple[int, int, int]) -> bool:
    return bool((np.asarray(image.convert("RGB")) == colour).all(-1).any())
