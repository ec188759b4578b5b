"""The code of a stage is told to have changed where it has, and nowhere else."""

from pathlib import Path

import pytest

from pipeline.running import stage_code as place
from pipeline.running.stage_code import packages, stage_code

STAGE = '''"""colour: as it is."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights


def run(x):
    """Doubled."""
    from pipeline.networks import near  # here it is light

    return near.twice(x)
'''
NEAR = "import torch\n\n\ndef twice(x):\n    return 2 * x\n"


def write(root: Path, stage: str = STAGE, near: str = NEAR, unrelated: str = "") -> dict[str, str]:
    files = {
        "stages/colour.py": stage,
        "networks/near.py": near,
        "weights/folder.py": unrelated,
        "running/reading.py": "import cache",
    }
    for name, text in files.items():
        (root / "pipeline" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "pipeline" / name).write_text(text)
    return stage_code("pipeline.stages.colour", clips=False)


def test_what_is_run_counts_and_remarks_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "ROOT", tmp_path)
    first = write(tmp_path)
    assert sorted(first) == ["pipeline/networks/near.py", "pipeline/running/reading.py", "pipeline/stages/colour.py"]
    assert set(packages("pipeline.stages.colour", clips=False)) == {"torch"}
    other_words = (
        STAGE.replace("as it is", "in other\nwords").replace("Doubled.", "Twice it").replace("  # here", "  # h")
    )
    assert write(tmp_path, other_words, NEAR.replace("def", "\n# a remark\ndef"), "x = 1") == first
    changed = write(tmp_path, near=NEAR.replace("2 *", "3 *"))
    assert [file for file in first if changed[file] != first[file]] == ["pipeline/networks/near.py"]


def test_the_shipped_stages_know_their_networks_and_packages() -> None:
    assert "pipeline/networks/openmmlab.py" in stage_code("pipeline.stages.pose", clips=False)
    assert "mmpose" in packages("pipeline.stages.pose", clips=False)
    assert "pipeline/decoding/video.py" in stage_code("pipeline.stages.pose", clips=True)
    assert "pipeline/networks/openmmlab.py" not in stage_code("pipeline.stages.face", clips=False)
