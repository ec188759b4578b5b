"""Equal settings have equal names, others have others, in every process and for ever."""

import json
from pathlib import Path
from typing import Any

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from cache.fingerprint import canonical, digest, digest_files, fingerprint

SETTINGS = {"stage": "backbone", "model": "resnet18", "size": [256, 256], "mean": [0.485, 0.456], "flip": None}
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_the_value_never_changes() -> None:
    """A change here makes every store in the world stale. The text was written by hand."""
    text = '{"flip":null,"mean":[0.485,0.456],"model":"resnet18","size":[256,256],"stage":"backbone"}'
    assert canonical(SETTINGS) == text
    assert fingerprint(SETTINGS) == xxhash.xxh3_64(text.encode()).hexdigest() == "7bc692790340632b"
    assert digest(b"affect") == "bb60610a86cc2de1f7fd97ffd17ab15f"


@given(st.dictionaries(st.text(), json_values, max_size=5), st.randoms())
def test_order_of_keys_does_not_count(value: dict[str, Any], dice: Any) -> None:
    items = list(value.items())
    dice.shuffle(items)
    assert fingerprint(dict(items)) == fingerprint(value)


@given(json_values, json_values)
def test_equal_fingerprints_mean_equal_values(one: Any, other: Any) -> None:
    equal = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (fingerprint(one) == fingerprint(other)) == equal


@pytest.mark.parametrize("key", list(SETTINGS))
def test_each_setting_counts(key: str) -> None:
    assert fingerprint(SETTINGS | {key: "other"}) != fingerprint(SETTINGS)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", Path("x")])
def test_what_has_no_fixed_text_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        fingerprint({"x": value})


def test_files_count_by_content_and_order(tmp_path: Path) -> None:
    for name, content in {"a": b"one", "b": b"two", "c": b"one", "d": b"onetwo", "e": b""}.items():
        (tmp_path / name).write_bytes(content)

    def of(*names: str) -> str:
        return digest_files(tmp_path / name for name in names)

    assert of("a", "b") == of("c", "b")
    assert len({of("a", "b"), of("b", "a"), of("d", "e"), of("a"), of("a", "e"), of()}) == 6
