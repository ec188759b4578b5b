"""Which protocol a word means, whatever mapping is given."""

from pathlib import Path

import pytest
from toy_features import make_store

from cache.errors import ConfigError, UnknownName
from heads import known_protocols
from heads.cli import main
from heads.known_protocols import find

MINE = """version = 1
ties = "seen"
rounding = "half_up"
test_splits = ["test"]
[seen]
up = ["Happiness"]
down = ["Fear"]
[unseen]
"{word}" = ["Peace", "Anger"]
"""


def mapping(folder: Path, word: str = "mine") -> Path:
    path = folder / "mine.toml"
    path.write_text(MINE.replace("{word}", word))
    return path


def test_a_word_of_a_mapping_is_found_in_it(tmp_path: Path) -> None:
    assert find("mine", mapping(tmp_path)).name == "mine"
    with pytest.raises(UnknownName, match=r"no protocol 'mime'\. Did you mean 'mine'"):
        find("mime", mapping(tmp_path))


def test_a_mapping_that_is_none_is_told_only_where_it_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("nothing = 1\n")
    with pytest.raises(ConfigError, match=r"single-label takes the labels as they are\. Leave MAPPING out"):
        find("single-label", tmp_path / "bad.toml")
    with pytest.raises(ConfigError, match=r"bad.toml: .*nothing"):
        find("cat-6:6", tmp_path / "bad.toml")


def test_one_word_is_one_protocol(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="protocol single-label: one_shot and single_label have it; rename it"):
        find("single-label", mapping(tmp_path, "single-label"))


def test_a_mapping_without_the_word_that_a_head_is_meant_for_asks_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_store(tmp_path / "store", features=())
    words = ["train", "--head", "ib_dml", "--store", str(tmp_path / "store"), "--mapping", str(mapping(tmp_path))]
    assert main(words) == 2
    told = f"head ib_dml is meant for cat-6:6, which MAPPING={tmp_path / 'mine.toml'} does not have. Give PROTOCOL."
    assert told in capsys.readouterr().err


def test_a_file_is_found_by_its_name_with_dashes() -> None:
    assert known_protocols.load("single_label").words() == ["single-label"]
    assert find("single-label").kind == "single_label"
