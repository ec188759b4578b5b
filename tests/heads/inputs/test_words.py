"""Label words' vectors: by label, from arrays and texts, and what a file must not get away with."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from cache.errors import ConfigError
from heads.inputs import words
from heads.inputs.words import Words

LABELS = Path(__file__).parents[4] / "shared" / "real" / "labels"
BOLD = [
    "Peace",
    "Affection",
    "Esteem",
    "Anticipation",
    "Engagement",
    "Confidence",
    "Happiness",
    "Pleasure",
    "Excitement",
    "Surprise",
    "Sympathy",
    "Doubt/Confusion",
    "Disconnect",
    "Fatigue",
    "Embarrassment",
    "Yearning",
    "Disapproval",
    "Aversion",
    "Annoyance",
    "Anger",
    "Sensitivity",
    "Sadness",
    "Disquietment",
    "Fear",
    "Pain",
    "Suffering",
]
TEXT = """peace 1 2 3
Doubt 0 0 1
doubt 1 0 0
the 9 9 9
confusion 0 1 0
disconnect 5 5 5
self-confidence 7 7 8
"""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "glove.txt"
    path.write_text(TEXT)
    return path


def array(folder: Path, rows: np.ndarray, labels: list[str]) -> Path:
    np.save(folder / "w.npy", rows)
    (folder / "w.txt").write_text("\n".join(labels) + "\n")
    return folder / "w.npy"


def test_a_text_is_looked_up_by_label(text: Path) -> None:
    found = words.read(text, ["Disconnection", "Peace", "Doubt/Confusion", "Self-Confidence"])
    assert found.dtype == np.float32
    assert found.tolist() == [[5, 5, 5], [1, 2, 3], [0.5, 0.5, 0], [7, 7, 8]]


def test_a_text_is_read_until_all_is_found(text: Path) -> None:
    with text.open("a") as file:
        file.write("peace 4 4 4\nyearning 1 2\n" + "x" * (2 << 20))
    assert words.read(text, ["Peace", "doubt"]).tolist() == [[1, 2, 3], [1, 0, 0]]


def test_a_words_first_line_counts(tmp_path: Path) -> None:
    (path := tmp_path / "words.txt").write_text("peace 1 2\npeace 3 4\nfear 5 6\n")
    assert words.read(path, ["Fear", "Peace"]).tolist() == [[5, 6], [1, 2]]


def test_an_array_is_looked_up_by_its_labels_in_any_order(tmp_path: Path) -> None:
    path = array(tmp_path, np.arange(6.0).reshape(3, 2), ["Doubt/Confusion", "Disconnect", "Peace"])
    found = words.read(path, ["Peace", "Disconnection", "Doubt/Confusion"])
    assert found.tolist() == [[4, 5], [2, 3], [0, 1]]


@pytest.mark.skipif(not LABELS.exists(), reason="needs ../shared/real")
def test_the_26_of_emotic_are_found_among_bolds(tmp_path: Path) -> None:
    (tmp_path / "bold.txt").write_text("\n".join(BOLD))
    path = LABELS / "glove_840B_bold26x300.npy"
    asked = sorted([word for word in BOLD if word != "Disconnect"] + ["Disconnection"])
    config = Words(words=str(path), word_labels=str(tmp_path / "bold.txt"))
    found = words.matrix(config, asked, torch.zeros(0, 26)).numpy()
    table = np.load(path)
    assert found.shape == (26, words.width(config, 26))
    assert np.array_equal(found[asked.index("Disconnection")], table[12])
    assert np.array_equal(found[[asked.index(word) for word in BOLD if word in asked]], np.delete(table, 12, 0))
    near = found / np.linalg.norm(found, axis=1, keepdims=True)
    likeness = near @ near.T - np.eye(26)
    nearest = {asked[row]: asked[int(one.argmax())] for row, one in enumerate(likeness)}
    assert nearest["Suffering"] == "Pain"


@pytest.mark.parametrize(
    ("content", "labels", "told"),
    [
        (TEXT, ["Peace", "Awe"], "no vector for 'Awe', of label 'Awe'"),
        (TEXT, ["Doubt/Fear"], "no vector for 'Fear', of label 'Doubt/Fear'"),
        ("peace 1 2\nfear 1\n", ["Peace", "Fear"], "some words have 1 numbers, some 2"),
        ("peace 1 x\n", ["Peace"], "line 1: holds something beside a word"),
        ("peace 1 nan\n", ["Peace"], "'peace' holds a number that is not finite"),
        ("a" * (2 << 20), ["Peace"], "line 1: is over 1024 KiB"),
        ("PK\x03\x04", ["Peace"], "Unpack it first"),
        ("peace\n", ["Peace"], "no vector for 'Peace'"),
    ],
)
def test_a_bad_text_is_one_line(tmp_path: Path, content: str, labels: list[str], told: str) -> None:
    (path := tmp_path / "words.txt").write_text(content)
    with pytest.raises(ConfigError, match=told) as raised:
        words.read(path, labels)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("rows", "labels", "told"),
    [
        (np.zeros((2, 3)), ["Peace"], "has 2 rows, .*w.txt 1 labels"),
        (np.zeros(3), ["Peace"], r"has shape \(3,\)"),
        (np.array([["a"]]), ["Peace"], "dtype <U1"),
        (np.array([[{}]], dtype=object), ["Peace"], "is no .npy of numbers"),
        (np.zeros((2, 3)), ["Peace", "Peace"], "label 'Peace' stands twice"),
        (np.zeros((1, 3)), ["Fear"], "no vector for 'Peace'"),
    ],
)
def test_a_bad_array_is_one_line(tmp_path: Path, rows: np.ndarray, labels: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        words.read(array(tmp_path, rows, labels), ["Peace"])


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    (path := tmp_path / "w.npy").write_bytes(pickle.dumps(np.zeros((1, 3))))
    (tmp_path / "w.txt").write_text("Peace\n")
    with pytest.raises(ConfigError, match=r"is no \.npy of numbers"):
        words.read(path, ["Peace"])


def test_what_is_not_there_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.txt: cannot be read"):
        words.read(tmp_path / "none.txt", ["Peace"])
    with pytest.raises(ConfigError, match=r"none\.npy: cannot be read"):
        words.read(tmp_path / "none.npy", ["Peace"])
    np.save(tmp_path / "w.npy", np.zeros((1, 3)))
    with pytest.raises(ConfigError, match=r"labels, one a line, are looked for in .*w\.txt"):
        words.read(tmp_path / "w.npy", ["Peace"])


def test_a_width_that_the_file_has_not_is_told_with_the_cure(text: Path) -> None:
    with pytest.raises(ConfigError, match=r'3 numbers, word_width is 300\. SET="word_width=3"'):
        words.matrix(Words(words=str(text)), ["Peace"], torch.zeros(0, 1))


def test_without_a_file_labels_are_told_by_their_companions() -> None:
    flags = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0]], dtype=torch.float32)
    expected = [[1, 2 / 3, 1 / 3, 0], [1, 1, 1 / 2, 0], [1, 1, 1, 0], [0, 0, 0, 1]]
    found = words.matrix(Words(), ["a", "b", "c", "d"], flags)
    torch.testing.assert_close(found, torch.tensor(expected))
    assert words.width(Words(), 4) == 4
    assert words.stand_in(Words()) == ("labels told by which stand together, for word vectors",)
    assert words.stand_in(Words(words="glove.txt")) == ()
