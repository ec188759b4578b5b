"""The published predictions scored with our metrics; our mapping on EMOTIC's published labels."""

from pathlib import Path

import numpy as np
import pytest
from one_shot_mappings import with_ties
from toy_features import CATEGORIES

from cache.manifest import Manifest
from cache.store import Store
from heads.cli import main
from heads.metrics import accuracy, macro_accuracy
from heads.protocols._one_shot import counts
from heads.protocols._one_shot.mapping import read_rules

LABELS = Path(__file__).resolve().parents[3].parent / "shared" / "real" / "labels"
(ONLY,) = counts.published("emotic", "cat-6:6")
PUBLISHED = ONLY.test
pytestmark = pytest.mark.skipif(not LABELS.is_dir(), reason="no ../shared")


def published_classes() -> np.ndarray:
    """Of the test list's rows, ``A07/2075.png`` is class 0."""
    lines = (LABELS / "affect_dml_cat66_test_list.txt").read_text().split()
    return np.array([int(line[1:3]) - 7 for line in lines])


@pytest.mark.parametrize(("name", "micro", "macro"), [("base", 29.60, 18.56), ("cs", 10.93, 16.68)])
def test_published_predictions_have_the_scores_found_independently(name: str, micro: float, macro: float) -> None:
    told = np.loadtxt(LABELS / f"affect_dml_cat66_pred_{name}.txt", dtype=int) - 7
    true = published_classes()[: len(told)]
    assert len(told) == 12_000
    total = np.bincount(true, minlength=6)
    correct = np.bincount(true[told == true], minlength=6)
    assert round(100 * float(accuracy.score(correct, total)), 2) == micro
    assert round(100 * float(macro_accuracy.score(correct, total)), 2) == macro


def test_the_published_counts_are_those_of_the_list() -> None:
    people = np.bincount(published_classes(), minlength=6).tolist()
    assert people == list(PUBLISHED.values()) == [2272, 5148, 668, 454, 2182, 1410]


@pytest.fixture(scope="module")
def emotic(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The manifest that EMOTIC's own reader makes of the CVPR'17 validation file."""
    from pipeline.datasets.emotic import Reader

    root = tmp_path_factory.mktemp("emotic")
    (root / "val.json").write_bytes((LABELS / "emotic_cvpr17_val.json").read_bytes())
    for folder in ("mscoco", "framesdb", "emodb_small", "ade20k"):
        (root / "emotic" / folder / "images").mkdir(parents=True)
    store = Store(root / "store")
    manifest = Reader(root).read("test")
    with store.lock("emotic"):
        store.begin(manifest, 256)
    return store


def by_hand(manifest: Manifest, ties: str) -> dict[str, int]:
    """Our mapping, person by person, in words."""
    groups = {word: name for name, words in read_rules().seen.items() for word in words}
    seen, unseen = list(read_rules().seen), list(read_rules().unseen["cat-6:6"])
    out = dict.fromkeys([*seen, *unseen], 0)
    for row, status in zip(manifest.categories, manifest.statuses, strict=True):
        names = [groups.get(CATEGORIES[index], CATEGORIES[index]) for index in np.flatnonzero(row)]
        if status == "ok" and names:
            most = max(names.count(name) for name in names)
            order = [*seen, *unseen] if ties == "seen" else [*unseen, *seen]
            out[next(name for name in order if names.count(name) == most)] += 1
    return out


def printed(text: str) -> dict[str, dict[str, str]]:
    """Class -> column -> what the table of cat-6:6 says; a share's column is called after the one before it."""
    table = [line for line in text.split("\ncat-6:6\n")[1].split("\ncat-6:4\n")[0].splitlines() if line.startswith("|")]
    head, _, *body = ([part.strip() for part in line.split("|")[1:-1]] for line in table)
    names = [name if name != "share %" else f"{head[at - 1]} share" for at, name in enumerate(head)]
    return {line[0]: dict(zip(names, line, strict=True)) for line in body}


@pytest.mark.parametrize("ties", ["seen", "unseen"])
def test_the_mapping_on_real_labels_counts_as_a_person_would(emotic: Store, ties: str) -> None:
    manifest = emotic.manifest("emotic")
    assert tuple(manifest.category_names) == tuple(CATEGORIES)
    text = counts.text(manifest, read_rules().model_copy(update={"ties": ties}))
    assert text
    lines = printed(text)
    assert {name: int(line["val"]) for name, line in lines.items()} == by_hand(manifest, ties)
    assert sum(int(line["val"]) for line in lines.values()) == 2397
    assert all(line["train"] == line["test"] == "0" for line in lines.values())
    for rule in ("seen", "unseen"):
        assert {name: int(line[f"ties: {rule}"]) for name, line in lines.items()} == by_hand(manifest, rule)


def test_validation_people_have_the_labels_of_all_annotators_so_hardly_any_is_unseen(emotic: Store) -> None:
    manifest = emotic.manifest("emotic")
    assert np.median(manifest.categories.sum(1)) == 7
    people = {ties: by_hand(manifest, ties) for ties in ("seen", "unseen")}
    unseen = PUBLISHED
    assert [sum(people[ties][name] for name in unseen) for ties in ("seen", "unseen")] == [0, 54]


def test_the_command_prints_our_counts_beside_the_published(
    emotic: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["mapping", "--dataset", "emotic", "--store", str(emotic.root)]
    assert main([*words, "--mapping", str(with_ties(tmp_path, "unseen"))]) == 0
    cells, people = printed(capsys.readouterr().out), by_hand(emotic.manifest("emotic"), "unseen")
    for name, published in PUBLISHED.items():
        line = cells[name]
        assert (line["ties: unseen"], line["ties: unseen share"]) == (
            str(people[name]),
            f"{100 * people[name] / 54:.2f}",
        )
        assert (line["published"], line["published share"]) == (str(published), f"{100 * published / 12_134:.2f}")
    assert (cells["joy"]["published"], cells["joy"]["published share"]) == ("", "")
