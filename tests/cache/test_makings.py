"""Who made which shards is kept beside them, by hand-made records."""

import json
from pathlib import Path

import pytest
from toy_pipeline import make_root, run, tree

from cache.errors import StoreError
from cache.makings import NAME, Making, makings, record
from cache.verify import verify


def by(code: str, day: str) -> Making:
    return Making("0.1.0", "cpu", {"pipeline/stages/colour.py": code}, {"numpy": "2.0"}, day, day)


def test_shards_belong_to_who_made_them_last_and_mended_ones_to_both(tmp_path: Path) -> None:
    assert makings(tmp_path) == []
    record(tmp_path, by("old", "2026-11-20"), range(6))
    record(tmp_path, by("old", "2026-11-22"), [6])
    record(tmp_path, by("new", "2026-11-23"), [1, 2], [5])
    first, second = makings(tmp_path)
    assert (first.first, first.last, sorted(first.shards)) == ("2026-11-20", "2026-11-22", [0, 3, 4, 5, 6])
    assert (second.first, second.last, sorted(second.shards)) == ("2026-11-23", "2026-11-23", [1, 2, 5])
    record(tmp_path, by("new", "2026-11-24"), range(7))
    (left,) = makings(tmp_path)
    assert (left.code, left.first, left.last) == (second.code, "2026-11-23", "2026-11-24")


def test_a_damaged_record_is_found_and_repair_goes_on_without_it(tmp_path: Path) -> None:
    make_root(tmp_path / "data", 6)
    run(tmp_path / "data", tmp_path / "store")
    rows, path = tree(tmp_path / "store"), next((tmp_path / "store" / "demo" / "colour").rglob(NAME))
    told = json.loads(path.read_text())
    assert [one["shards"] for one in told["makings"]] == [[[0, 1]]]
    told["makings"][0]["first"] = "2020-01-01"
    path.write_text(json.dumps(told))
    with pytest.raises(StoreError, match="changed after it was written"):
        makings(path.parent)
    assert [finding.path for finding in verify(tmp_path / "store", "demo")] == [path]
    run(tmp_path / "data", tmp_path / "store", mend=True)
    assert not list(verify(tmp_path / "store", "demo"))
    assert tree(tmp_path / "store") == rows
    assert makings(path.parent) == []
