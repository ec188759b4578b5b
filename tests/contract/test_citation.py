"""CITATION.cff says of the project what pyproject.toml says, and names everybody it refers to."""

import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CITED: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_version_licence_and_name_are_the_projects() -> None:
    assert CITED["cff-version"] == "1.2.0"
    assert CITED["type"] == "software"
    assert (CITED["title"], CITED["version"], CITED["license"]) == tuple(
        PROJECT[key] for key in ("name", "version", "license")
    )
    assert CITED["abstract"] == f"{PROJECT['description']}."


def test_everything_that_is_cited_has_a_title_a_kind_and_authors() -> None:
    """What version 1.2.0 of the format asks of the whole and of each reference."""
    assert {"message", "title", "authors"} <= CITED.keys()
    assert len(CITED["references"]) == 4
    for one in CITED["references"]:
        assert {"type", "title", "authors"} <= one.keys()
        assert all("family-names" in author for author in one["authors"])


def test_no_identifier_is_made_up() -> None:
    assert "doi" not in str(CITED).lower()
