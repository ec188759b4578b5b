"""The demo's drawn scenes: same bytes, EMOTIC's real form, exact maps, and no label in anything but the picture."""

import ast
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat
from scipy.stats import binom, spearmanr

from cache.errors import DataError
from pipeline.demo.scenes import companions, design
from pipeline.demo.scenes.figures import JOINTS
from pipeline.demo.scenes.plan import FOLDERS, SIZES, plan_scene, plan_scenes
from pipeline.demo.scenes.render import scene, scenes
from pipeline.demo.scenes.write import JPEG_BYTES, padded_jpeg, write_demo

SCENES = 14
# PAPERS.md, section 1: six coarse classes after Shaver's tree, six that stand for themselves.
COARSE = {
    "anger": "Anger Annoyance Aversion Disapproval",
    "sadness": "Sadness Suffering Pain Sympathy Fatigue",
    "joy": "Happiness Pleasure Excitement Peace Confidence Anticipation",
    "love": "Affection",
    "fear": "Fear Disquietment",
    "surprise": "Surprise Doubt/Confusion",
} | {name: name for name in ["Disconnection", "Engagement", "Sensitivity", "Embarrassment", "Esteem", "Yearning"]}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo") / "data"
    write_demo(root, scenes=SCENES, seed=0)
    return root


@pytest.fixture(scope="module")
def plans():
    return plan_scenes(900, 0)


def tree_digest(root):
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def test_same_bytes_in_another_process_with_another_hash_seed_and_clock(demo, tmp_path):
    code = "import sys; from pathlib import Path; from pipeline.demo.scenes.write import write_demo"
    call = f"write_demo(Path(sys.argv[1]), scenes={SCENES}, seed=0)"
    environment = os.environ | {"PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", f"{code}; {call}", tmp_path / "again"], env=environment, check=True)
    assert tree_digest(demo) == tree_digest(tmp_path / "again")


def test_more_scenes_keep_the_first_ones_and_another_seed_changes_them():
    assert plan_scenes(5, 0) == [*plan_scenes(3, 0), plan_scene(0, 3), plan_scene(0, 4)]
    assert plan_scene(1, 0) != plan_scene(0, 0)
    assert plan_scenes(0, 0) == []
    assert not np.array_equal(scene(1, 0).image[:100, :100], scene(0, 0).image[:100, :100])


def test_annotations_hold_the_plans_in_the_real_form(demo):
    """Field names and nesting as in the real file (DATASETS.md), read without squeezing."""
    mat = loadmat(demo / "Annotations" / "Annotations.mat")
    by_file = {plan.filename: plan for plan in plan_scenes(SCENES, 0)}
    seen = []
    for split in ("train", "val", "test"):
        assert mat[split].dtype.names == ("filename", "folder", "image_size", "original_database", "person")
        assert mat[split].shape[0] == 1
        for image in mat[split][0]:
            plan = by_file[image["filename"][0]]
            seen.append(plan.filename)
            assert (image["folder"][0], split) == (plan.folder, plan.split)
            size = image["image_size"][0, 0]
            assert (size["n_col"][0, 0], size["n_row"][0, 0]) == plan.size
            assert image["original_database"].dtype.names == ("name", "info")
            assert image["person"].shape == (1, len(plan.persons))
            for person, planned in zip(image["person"][0], plan.persons, strict=True):
                check_person(person, planned, split)
    assert sorted(seen) == sorted(by_file)


def check_person(person, planned, split):
    words = {"train": "annotations_categories annotations_continuous"}.get(
        split, "annotations_categories combined_categories annotations_continuous combined_continuous"
    )
    assert person.dtype.names == ("body_bbox", *words.split(), "gender", "age")
    assert tuple(person["body_bbox"][0]) == planned.box
    told = [tuple(c[0] for c in one["categories"][0]) for one in person["annotations_categories"][0]]
    vads = [
        [one[axis][0, 0] for axis in ("valence", "arousal", "dominance")] for one in person["annotations_continuous"][0]
    ]
    if split == "train":
        assert told == [planned.categories]
        assert vads == [list(planned.vad)]
    else:
        assert 2 <= len(told) <= 3
        assert {c for one in told for c in one} == {c[0] for c in person["combined_categories"][0]}
        combined = person["combined_continuous"][0, 0]
        mean = np.mean(vads, axis=0)
        assert [combined[axis][0, 0] for axis in ("valence", "arousal", "dominance")] == mean.tolist()
        assert np.min(vads) >= 1
        assert np.max(vads) <= 10
    assert person["gender"][0] in ("Male", "Female")
    assert person["age"][0] in ("Kid", "Teenager", "Adult")


def test_annotations_load_squeezed_with_single_elements(demo):
    mat = loadmat(demo / "Annotations" / "Annotations.mat", squeeze_me=True)
    assert mat["__header__"].startswith(b"MATLAB 5.0 MAT-file")
    assert b"20" not in mat["__header__"]
    image = np.atleast_1d(mat["train"])[0]
    assert isinstance(image["filename"], str)
    assert np.atleast_1d(image["person"])[0]["body_bbox"].shape == (4,)


def test_files_have_one_length_and_images_their_maps(demo):
    photos = sorted((demo / "emotic").rglob("*.jpg"))
    assert len(photos) == SCENES
    assert {photo.stat().st_size for photo in photos} == {JPEG_BYTES}
    by_file = {plan.filename: plan for plan in plan_scenes(SCENES, 0)}
    for photo in photos:
        plan = by_file[photo.name]
        assert photo.parent == demo / "emotic" / plan.folder
        with Image.open(photo) as image:
            image.load()
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", plan.size)
        with Image.open((demo / "label_maps" / plan.folder / plan.filename).with_suffix(".png")) as labels:
            assert (labels.mode, labels.size) == ("L", plan.size)
            assert np.array_equal(np.asarray(labels), scene(0, plan.index).label_map)


def test_padding_leaves_the_pixels(tmp_path):
    image = scene(0, 1).image
    (tmp_path / "padded.jpg").write_bytes(padded_jpeg(image))
    Image.fromarray(image).save(tmp_path / "plain.jpg", quality=90)
    plain, padded = (np.asarray(Image.open(tmp_path / name)) for name in ("plain.jpg", "padded.jpg"))
    assert np.array_equal(plain, padded)


def test_an_image_that_never_fits_is_refused():
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3)).astype(np.uint8)
    with pytest.raises(ValueError, match="does not fit into a JPEG of 5000 bytes"):
        padded_jpeg(noise, 5000)


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match=r"is there already and not empty; remove it"):
        write_demo(tmp_path, scenes=1)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_killed_run_leaves_no_dataset_and_the_next_one_sweeps(tmp_path):
    code = "import sys; from pathlib import Path; from pipeline.demo.scenes.write import write_demo"
    process = subprocess.Popen([sys.executable, "-c", f"{code}; write_demo(Path(sys.argv[1]))", tmp_path / "d"])
    partial = tmp_path / f"d.partial-{process.pid}"
    until = time.monotonic() + 60
    while len(list(partial.rglob("*.jpg"))) < 5 and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert partial.is_dir()
    assert not (tmp_path / "d").exists()
    write_demo(tmp_path / "d", scenes=2)
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_label_maps_name_only_drawn_classes_and_persons_stay_in_their_boxes():
    for one in scenes(3, 0, 10):
        height, width = one.label_map.shape
        assert one.image.shape == (height, width, 3)
        assert one.image.dtype == one.label_map.dtype == np.uint8
        assert (width, height) == one.plan.size
        assert set(np.unique(one.label_map)) <= set(design.ADE20K.values())
        inside = np.zeros((height, width), bool)
        for person in one.persons:
            x1, y1, x2, y2 = person.plan.box
            assert 0 <= x1 < x2 <= width
            assert 0 <= y1 < y2 <= height
            inside[y1:y2, x1:x2] = True
            assert (one.label_map[y1:y2, x1:x2] == design.ADE20K["person"]).mean() > 0.2
            assert person.joints.shape == (len(JOINTS), 2)
            assert (person.joints >= (x1, y1)).all()
            assert (person.joints <= (x2, y2)).all()
        assert not ((one.label_map == design.ADE20K["person"]) & ~inside).any()


def test_every_planned_object_can_be_seen_somewhere():
    """Nearly all objects of a plan have pixels of their class in the map."""
    shown = [design.ADE20K[name] in one.label_map for one in scenes(4, 0, 40) for name in one.plan.objects]
    assert np.mean(shown) > 0.97


def test_class_numbers_are_mmsegmentations():
    source = Path(find_spec("mmseg").origin).parent / "utils" / "class_names.py"
    function = next(n for n in ast.parse(source.read_text()).body if getattr(n, "name", "") == "ade_classes")
    names = [name.strip() for name in ast.literal_eval(function.body[-1].value)]
    assert {name: names.index(name) for name in design.ADE20K} == design.ADE20K


def test_boxes_are_inside_and_do_not_touch(plans):
    for plan in plans:
        assert plan.size in SIZES
        assert plan.folder in FOLDERS
        boxes = sorted(person.box for person in plan.persons)
        for x1, y1, x2, y2 in boxes:
            assert 0 <= x1 < x2 <= plan.size[0]
            assert 0 <= y1 < y2 <= plan.size[1]
            assert y2 - y1 >= 114
        assert all(left[2] <= right[0] for left, right in pairwise(boxes))


def voted(categories):
    """The class with most categories; an unseen one wins over seen ones. Two winners are no class."""
    counts = {name: len(set(words.split()) & set(categories)) for name, words in COARSE.items()}
    most = [name for name, count in counts.items() if count == max(counts.values())]
    unseen = [name for name in most if name[0].isupper()]
    return unseen or most


def test_the_vote_over_a_persons_categories_gives_its_label(plans):
    for person in (person for plan in plans for person in plan.persons):
        assert voted(person.categories) == [person.label]
        assert sorted(set(person.categories)) == list(person.categories)


def test_the_shares_of_the_table_belong_to_one_set_of_people():
    """P(j|i) n_i and P(i|j) n_j count the same people; a share is rounded to half a hundredth."""
    people = np.array(companions.PEOPLE)
    together = companions.TOGETHER * people[:, None]
    assert (np.diag(companions.TOGETHER) == 1).all()
    assert (abs(together - together.T) <= 0.005 * (people[:, None] + people) + 1e-9).all()
    # Names and rows in one order: what everyone knows of these words, and the most frequent one.
    name = design.CATEGORIES.index
    assert companions.TOGETHER[name("Suffering")].argsort()[-2] in (name("Sadness"), name("Pain"))
    assert people.argmax() == name("Engagement")


def test_categories_stand_together_as_in_the_table(plans, monkeypatch):
    def likeness(plans):
        """Spearman's, between the drawn people's P(j|i) and the table's."""
        persons = [person for plan in plans for person in plan.persons]
        flags = np.array([[name in person.categories for name in design.CATEGORIES] for person in persons], float)
        counts = flags.T @ flags
        apart = ~np.eye(len(counts), dtype=bool)
        return spearmanr((counts / np.diag(counts)[:, None])[apart], companions.TOGETHER[apart])[0]

    assert likeness(plans) > 0.6
    monkeypatch.setattr(companions, "STRENGTH", 0.0)
    assert likeness(plan_scenes(900, 0)) < 0.3


def test_companions_come_at_their_share_and_likelier_at_home():
    """Who is in pain: 0.5 x P(j|Pain) over all places; categories of its own class never cost it the class."""
    rng, sadness = np.random.default_rng(0), next(one for one in design.EMOTIONS if one.name == "sadness")
    found = {
        place: Counter(name for _ in range(2000) for name in companions.companions(rng, ("Pain",), sadness, place))
        for place in design.PLACES
    }
    # 0.19 and 0.42 of EMOTIC's people in pain; the 24th and 14th category of the alphabet, counted from 0.
    for name, share, home in (("Sympathy", 0.19, "bedroom"), ("Fatigue", 0.42, "street")):
        assert np.mean([counts[name] for counts in found.values()]) / 2000 == pytest.approx(0.5 * share, abs=0.02)
        assert found[home][name] / 2000 == pytest.approx(3 * 0.5 * share, abs=0.04)
    assert all("Pain" not in counts for counts in found.values())


def test_companions_change_nothing_that_is_drawn_or_felt(plans, monkeypatch):
    monkeypatch.setattr(companions, "STRENGTH", 0.0)
    for plan, alone in zip(plans[:300], plan_scenes(300, 0), strict=True):
        known = [
            replace(one, categories=two.categories, annotators=two.annotators)
            for one, two in zip(plan.persons, alone.persons, strict=True)
        ]
        assert replace(plan, persons=tuple(known)) == alone
        for one, two in zip(plan.persons, alone.persons, strict=True):
            assert set(two.categories) <= set(one.categories)
            assert {name for told, _ in one.annotators for name in told} == set(one.categories)


def test_dataset_has_the_promised_size_splits_categories_and_noise(plans):
    persons = [person for plan in plans for person in plan.persons]
    assert 1100 <= len(persons) <= 1200
    shares = Counter(plan.split for plan in plans)
    for split, share in (("train", 0.60), ("val", 0.15), ("test", 0.25)):
        assert shares[split] / 900 == pytest.approx(share, abs=0.03)
    assert len({plan.filename for plan in plans}) == 900
    assert {c for person in persons for c in person.categories} == set(design.CATEGORIES)
    assert 0.04 < np.mean([person.label != person.emotion for person in persons]) < 0.10
    assert min(Counter(person.label for person in persons).values()) > 50


def test_every_carrier_is_shared_and_unseen_classes_are_new_combinations():
    seen, unseen = ([e for e in design.EMOTIONS if e.seen is known] for known in (True, False))
    for values, carrier in ((design.PLACES, "places"), (design.POSTURES, "postures")):
        for value in values:
            assert any(getattr(e, carrier)[0] == value for e in seen)
            assert sum(value in getattr(e, carrier) for e in design.EMOTIONS) >= 2
    for number in range(len(design.SURROUNDINGS)):
        assert [e.surroundings for e in seen].count(number) == 1
        assert [e.surroundings for e in unseen].count(number) == 1
    combinations = [(e.places[0], e.postures[0]) for e in seen]
    assert not {(e.places[0], e.postures[0]) for e in unseen} & set(combinations)
    assert sorted(Counter((e.places, e.postures) for e in unseen).values()) == [2, 2, 2]


def cross_validated(features, labels, groups):
    """Share of persons classified rightly by a linear model and by a forest; three folds, images kept whole."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.02, tol=1e-3))
    forest = RandomForestClassifier(40, min_samples_leaf=3, max_features=0.3, random_state=0)
    with threadpool_limits(1):
        guesses = [cross_val_predict(m, features, labels, groups=groups, cv=GroupKFold(3)) for m in (linear, forest)]
    return [(guess == labels).mean() for guess in guesses]


def outward(plan, number):
    """All that can be told of a person without looking at the picture."""
    box, (width, height) = np.array(plan.persons[number].box, float), plan.size
    bits = [int(bit) for bit in f"{int(plan.filename[:16], 16):064b}"]
    size = [width, height, JPEG_BYTES, len(plan.persons), number, plan.index, plan.index % 7]
    extent = box[2:] - box[:2]
    geometry = [*box, *(box[:2] / plan.size), *(box[2:] / plan.size), *extent, extent[0] / extent[1], extent.prod()]
    who = [plan.persons[number].gender == "Male", ["Kid", "Teenager", "Adult"].index(plan.persons[number].age)]
    others = [sum(abs(a - b) for a, b in zip(p.box, box, strict=True)) for p in plan.persons]
    folder = [plan.folder == name for name in FOLDERS] + [plan.split == s for s in ("train", "val", "test")]
    return [*bits, *size, *geometry, *who, max(others), *folder]


def test_nothing_but_the_picture_tells_the_label_and_the_test_can_tell(plans):
    persons = [(plan, number) for plan in plans for number in range(len(plan.persons))]
    labels = np.array([plan.persons[number].label for plan, number in persons])
    groups = np.array([plan.index for plan, _ in persons])
    largest = max(Counter(labels).values()) / len(labels)
    # Persons of one image are not independent, so images are counted, not persons.
    chance = binom.ppf(0.999, len(plans), largest) / len(plans)
    hidden = np.array([outward(plan, number) for plan, number in persons], float)
    assert max(cross_validated(hidden, labels, groups)) <= chance
    for carrier in (
        [np.array(design.POSTURES) == plan.persons[number].posture for plan, number in persons],
        [np.array(design.PLACES) == plan.place for plan, _ in persons],
    ):
        leaking = np.hstack([hidden, np.array(carrier, float)])
        assert min(cross_validated(leaking, labels, groups)) > chance
