"""Array specs: what is declared is what is stored."""

import json

import numpy as np
import pytest

from cache.errors import ShardError
from cache.spec import DTYPES, FAILURES, ArraySpec, Granularity, Status


def test_the_numbers_of_the_statuses_are_the_file_format() -> None:
    words = ["ok", "missing", "broken", "no_face", "outside_root", "too_large", "unusable", "failed", "too_small"]
    assert [Status(number).word for number in range(9)] == words
    assert {status.word for status in set(Status) - FAILURES} == {"ok", "no_face", "unusable", "too_small"}
    assert [str(one) for one in Granularity] == ["image", "person", "clip"]


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_json_round_trip(dtype: str) -> None:
    spec = ArraySpec((3, 2), dtype, "pixels", 1.0)
    assert ArraySpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_nan_survives_json() -> None:
    spec = ArraySpec((), "float32", "metres", float("nan"))
    text = json.dumps(spec.to_json(), allow_nan=False)
    assert np.isnan(ArraySpec.from_json(json.loads(text)).missing)


def test_empty_rows_hold_the_missing_value() -> None:
    assert ArraySpec((2,), "uint8", "class", 255).empty(2).tolist() == [[255, 255], [255, 255]]
    assert np.isnan(ArraySpec((), "float16", "pixels", float("nan")).empty(3)).all()
    assert ArraySpec((4,), "uint8", "class").empty(0).shape == (0, 4)


@pytest.mark.parametrize("dtype", ["object", "bool", "complex64", ">f4", "S8", ""])
def test_other_dtypes_are_refused(dtype: str) -> None:
    with pytest.raises(ShardError, match="cannot be stored; known: float16, float32"):
        ArraySpec((), dtype, "")


def test_arrays_are_checked_for_dtype_and_shape() -> None:
    spec = ArraySpec((2,), "float16", "")
    spec.validate("pooled", np.zeros((3, 2), np.float16), 3)
    with pytest.raises(ShardError, match="array 'pooled' is float32, declared float16"):
        spec.validate("pooled", np.zeros((3, 2), np.float32), 3)
    with pytest.raises(ShardError, match=r"array 'pooled' has shape \(3, 1\), declared \(3, 2\)"):
        spec.validate("pooled", np.zeros((3, 1), np.float16), 3)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"shape": [1], "dtype": "float32", "unit": ""},
        {"shape": 3, "dtype": "float32", "unit": "", "missing": 0},
        {"shape": ["x"], "dtype": "float32", "unit": "", "missing": 0},
        {"shape": [1], "dtype": "object", "unit": "", "missing": 0},
        {"shape": [-1], "dtype": "uint8", "unit": "", "missing": 0},
        {"shape": [1], "dtype": "uint8", "unit": "", "missing": None},
        [],
    ],
)
def test_what_is_no_spec_is_refused(data: object) -> None:
    with pytest.raises(ShardError):
        ArraySpec.from_json(data)  # type: ignore[arg-type]
