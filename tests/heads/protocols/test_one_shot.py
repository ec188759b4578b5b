"""Labels by hand: votes, ties, rounding; who is train, val and test; what is too little."""

from pathlib import Path

import numpy as np
import pytest
from one_shot_mappings import changed, with_ties
from toy_features import CATEGORIES, manifest_of, people

from cache.errors import ConfigError, TooLittleData, UnknownName
from cache.manifest import Manifest, Row
from heads.experiments.bench import check
from heads.experiments.cell import Cell
from heads.head import CLASS
from heads.known_protocols import find
from heads.learning.training import recipe
from heads.models import i_dml
from heads.protocols._one_shot.mapping import MAPPING, Rules, level_labels, read_rules, vote
from heads.protocols.one_shot import Protocol
from heads.task import Task

RULES = read_rules()
KEYS = tuple(f"{number}.jpg#0" for number in range(300))


def under(word: str, rules: Rules) -> Protocol:
    found = Protocol(word)
    found.rules = rules
    return found


def apply(word: str, manifest: Manifest, rules: Rules) -> Task:
    return under(word, rules).task(manifest)


def checked(rows: list[Row], rules: Rules = RULES, **values: int) -> None:
    """As before a training of i_dml on ``rows`` under cat-6:6."""
    protocol, manifest = under("cat-6:6", rules), manifest_of(rows)
    settings = recipe(i_dml.Model, Protocol, values, "test")
    check(protocol, manifest, protocol.task(manifest), Cell("i_dml", settings, "i_dml"))


def person(number: int, *categories: str, split: str = "train", vad: tuple[float, float, float] = (5, 5, 5)) -> Row:
    return Row(f"{number}.jpg", 0, split, (0, 0, 1, 1), (0, 0, 1, 1), (2, 2), tuple(categories), vad, status="ok")


@pytest.mark.parametrize(
    ("categories", "ties", "expected"),
    [
        (("Anger",), "seen", "anger"),
        (("Anger", "Happiness", "Pleasure"), "seen", "joy"),
        (("Happiness", "Anger"), "seen", "anger"),
        (("Engagement",), "seen", "Engagement"),
        (("Engagement", "Happiness"), "seen", "joy"),
        (("Engagement", "Happiness"), "unseen", "Engagement"),
        (("Engagement", "Happiness"), "drop", None),
        (("Yearning", "Disconnection"), "seen", "Disconnection"),
        (("Yearning", "Disconnection"), "drop", None),
        (("Engagement", "Happiness", "Peace"), "unseen", "joy"),
        (("Affection",), "drop", "love"),
        ((), "seen", None),
        ((), "unseen", None),
    ],
)
def test_a_person_has_the_class_with_most_votes(categories: tuple[str, ...], ties: str, expected: str | None) -> None:
    rules = RULES.model_copy(update={"ties": ties})
    task = apply("cat-6:6", manifest_of([person(0, *categories)]), rules)
    assert (task.classes[task.labels[0]] if task.labels[0] >= 0 else None) == expected


def test_every_category_belongs_to_one_class_of_cat_6_6() -> None:
    words = [word for group in RULES.seen.values() for word in group] + list(RULES.unseen["cat-6:6"])
    assert sorted(words) == sorted(CATEGORIES)


def test_categories_outside_cat_6_4_do_not_vote() -> None:
    rows = [person(0, "Esteem"), person(1, "Esteem", "Yearning", "Fear"), person(2, "Embarrassment")]
    task = apply("cat-6:4", manifest_of(rows), RULES)
    assert task.classes[task.sizes[CLASS] :] == ("Disconnection", "Engagement", "Sensitivity", "Embarrassment")
    assert task.labels.tolist() == [-1, 4, 9]


def test_votes_by_a_loop_over_random_rows() -> None:
    draw = np.random.default_rng(0)
    votes = draw.integers(0, 3, (300, 7))
    for row, label, other in zip(
        votes.tolist(), vote(votes, 4, "seen", KEYS), vote(votes, 4, "unseen", KEYS), strict=True
    ):
        best = [index for index, count in enumerate(row) if count == max(row)]
        unseen = [index for index in best if index >= 4]
        assert label == (best[0] if max(row) else -1)
        assert other == ((unseen or best)[0] if max(row) else -1)


@pytest.mark.parametrize(
    ("value", "half_up", "half_even", "down"),
    [(2.5, 3, 2, 2), (3.5, 4, 4, 3), (2.49, 2, 2, 2), (0.2, 1, 1, 1), (10.0, 10, 10, 10), (10.6, 10, 10, 10)],
)
def test_levels_are_rounded_as_the_mapping_says(value: float, half_up: int, half_even: int, down: int) -> None:
    levels = tuple(range(1, 11))
    for rounding, expected in (("half_up", half_up), ("half_even", half_even), ("down", down)):
        assert level_labels(np.array([value], np.float32), levels, rounding).tolist() == [expected - 1]


def test_unknown_values_and_levels_outside_the_protocol_have_no_class() -> None:
    labels = level_labels(np.array([np.nan, 4, 1, 2], np.float32), (1, 3, 2), "half_up")
    assert labels.tolist() == [-1, -1, 0, 2]


def test_each_dimension_has_its_column() -> None:
    rows = [person(0, vad=(1, 2, 4))]
    found = [apply(f"lev-7:3-{word}", manifest_of(rows), RULES) for word in ("valence", "arousal", "dominance")]
    assert [task.classes[task.labels[0]] for task in found] == ["1", "2", "4"]
    assert found[0].about["seen"] == ["1", "3", "5", "6", "8", "9", "10"]
    assert found[0].about["unseen"] == ["2", "4", "7"]
    assert found[0].classes == (*found[0].about["seen"], *found[0].about["unseen"])


def test_seen_people_train_and_validate_and_unseen_people_of_all_splits_are_tested() -> None:
    rows = [
        person(number, word, split=split)
        for number, (word, split) in enumerate(
            [(word, split) for word in ("Anger", "Yearning") for split in ("train", "val", "test")]
        )
    ]
    task = apply("cat-6:6", manifest_of(rows), RULES)
    assert (task.train.tolist(), task.val.tolist(), task.test.tolist()) == ([0], [1], [3, 4, 5])
    only = RULES.model_copy(update={"test_splits": ("test",)})
    assert apply("cat-6:6", manifest_of(rows), only).test.tolist() == [5]


def test_unusable_people_have_no_class() -> None:
    row = Row("0.jpg", 0, "train", categories=("Anger",), status="bad_box", reason="empty")
    assert apply("cat-6:6", manifest_of([row]), RULES).train.tolist() == []


def test_too_little_data_names_every_class_that_is_too_small() -> None:
    rows = [person(number, "Anger") for number in range(3)] + [person(9, "Yearning")]
    with pytest.raises(TooLittleData) as caught:
        checked(rows, per_class=4, batch=32, shots=1)
    text = str(caught.value)
    assert text.startswith("demo cat-6:6: class anger has 3 train people, needs at least 4 (per_class); ")
    assert "class love has 0 train people, needs at least 4 (per_class); " in text
    assert text.endswith('. Take more data or another PROTOCOL, or SET="per_class=0"')
    assert "0 seen classes have the 2 val people that validation needs, at least 2 must; " in text
    assert "unseen class Yearning has 1 people, needs at least 2 (support and query)" in text
    assert "\n" not in text


def test_enough_data_passes_and_more_shots_need_more() -> None:
    checked(people(), per_class=4, batch=32, shots=1)
    with pytest.raises(TooLittleData, match="needs at least 31"):
        checked(people(), per_class=4, batch=32, shots=30)


def test_people_without_a_feature_leave_and_are_counted() -> None:
    task = apply("cat-6:6", manifest_of(people()), RULES)
    present = np.ones(260, dtype=bool)
    present[[task.train[0], task.test[1], task.test[2]]] = False
    smaller, lost = task.only(present)
    assert lost == {"train": 1, "val": 0, "test": 2}
    assert smaller.train.tolist() == task.train[1:].tolist()


def test_unknown_protocols_and_foreign_categories_are_one_line() -> None:
    with pytest.raises(UnknownName, match=r"no protocol 'cat-66'\. Did you mean 'cat-6:6'\?"):
        find("cat-66")
    rules = RULES.model_copy(update={"seen": {"anger": ("Rage",)}})
    with pytest.raises(ConfigError, match="demo: the mapping names Rage; the dataset's categories: Affection"):
        apply("cat-6:6", manifest_of([person(0)]), rules)


def test_another_mapping_replaces_ours(tmp_path: Path) -> None:
    path = changed(
        tmp_path, (f'\nties = "{RULES.ties}"', '\nties = "drop"'), (f"version = {RULES.version}", "version = 9")
    )
    protocol = find("cat-6:6", path)
    assert isinstance(protocol, Protocol)
    assert (protocol.rules.ties, protocol.rules.version) == ("drop", 9)
    with pytest.raises(ConfigError, match="ties: input should be 'seen', 'unseen', 'random' or 'drop'"):
        find("cat-6:6", with_ties(tmp_path, "last"))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            'love = ["Affection"]',
            'love = ["Affection", "Fear"]',
            "cat-6:6, cat-6:4: Fear is in love and in fear, a category may stand once",
        ),
        (
            'love = ["Affection"]',
            'love = ["Affection", "Affection"]',
            "cat-6:6, cat-6:4: Affection is in love and in love, a category may stand once",
        ),
        (
            'love = ["Affection"]',
            'love = ["Yearning"]',
            "cat-6:6: Yearning is in love and unseen, a category may stand once",
        ),
        ('love = ["Affection"]', "love = []", "cat-6:6, cat-6:4: seen class love has no category"),
        ('love = ["Affection"]', 'Esteem = ["Affection"]', "cat-6:6: Esteem names a seen and an unseen class"),
        (
            '"Esteem", "Yearning"]',
            '"Esteem", "Esteem"]',
            "cat-6:6: Esteem is unseen and unseen, a category may stand once",
        ),
        ("[unseen]", '[unseen]\n"cat-6:1" = ["Esteem"]', "cat-6:1: unseen classes: 1, needs at least 2"),
        ("[unseen]", '[unseen]\n"cat-6:0" = []', "cat-6:0: unseen classes: 0, needs at least 2"),
        ("unseen = [2, 4, 7]", "unseen = [2, 4, 11]", "lev-7:3: level 11 is not in 1..10"),
        ("unseen = [2, 4, 7]", "unseen = [2, 4, -1]", "lev-7:3: level -1 is not in 1..10"),
        ("unseen = [2, 4, 7]", "unseen = [2, 4, 0]", "lev-7:3: level 0 is not in 1..10"),
        ("unseen = [2, 4, 7]", "unseen = [2, 4, 4]", "lev-7:3: level 4 is unseen and unseen, a level may stand once"),
        ("unseen = [2, 4, 7]", "unseen = [2, 4, 3]", "lev-7:3: level 3 is seen and unseen, a level may stand once"),
        ("unseen = [2, 4, 7]", "unseen = [4]", "lev-7:3: unseen classes: 1, needs at least 2"),
        ("seen = [1, 3, 5, 6, 8, 9]\n", "seen = []\n", "lev-6:4: seen classes: 0, needs at least 2"),
    ],
)
def test_a_mapping_that_makes_no_protocol_is_one_line(tmp_path: Path, old: str, new: str, fault: str) -> None:
    path, text = tmp_path / "mine.toml", MAPPING.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read_rules(path)
    assert str(caught.value) == f"{path}: {fault}"


def test_all_faults_of_a_mapping_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MAPPING.read_text().replace("[2, 4, 7", "[12, 4, 3").replace('["Affection"]', "[]"))
    with pytest.raises(ConfigError) as caught:
        read_rules(path)
    assert str(caught.value).split("; ") == [
        f"{path}: cat-6:6, cat-6:4: seen class love has no category",
        "lev-7:3, lev-6:4: level 3 is seen and unseen, a level may stand once",
        "lev-7:3, lev-6:4: level 12 is not in 1..10",
    ]


def test_a_mapping_of_levels_alone_needs_no_categories(tmp_path: Path) -> None:
    text = MAPPING.read_text()
    start, end = text.index("[seen]"), text.index("# Each for valence")
    (tmp_path / "mine.toml").write_text(f"{text[:start]}[seen]\n[unseen]\n{text[end:]}")
    assert "lev-7:3-valence" in read_rules(tmp_path / "mine.toml").names()
