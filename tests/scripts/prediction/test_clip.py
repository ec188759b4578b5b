"""Which frames of a video are looked at, and when they are shown."""

from pathlib import Path

import pytest
import video_files

from scripts.prediction import clip
from scripts.prediction.clip import Sampling


@pytest.mark.parametrize(
    ("every", "most", "expected"),
    [(0.5, 120, [6, 18, 31, 43]), (0.5, 2, [12, 37]), (9, 120, [25]), (0.001, 120, list(range(50)))],
)
def test_which_frames_are_looked_at(every: float, most: int, expected: list[int], tmp_path: Path) -> None:
    """Of two seconds at 25 a second: the middles of equal parts."""
    walk = video_files.video(tmp_path / "walk.mp4", 50)
    assert clip.opened(walk, Sampling(every, most), 20000).chosen == expected


def test_times_are_those_of_the_file_where_the_rate_changes(tmp_path: Path) -> None:
    """In 1/25 s."""
    path = video_files.video(tmp_path / "a.mp4", 4, times=[0, 1, 2, 50])
    assert clip.opened(path, Sampling(0.5, 9), 20000).times == pytest.approx([0, 0.04, 0.08, 2.0])
    path = video_files.video(tmp_path / "a.avi", 4, "mpeg4")
    assert clip.opened(path, Sampling(0.5, 9), 20000).times == pytest.approx([0, 0.04, 0.08, 0.12])
