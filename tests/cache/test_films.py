"""Clips of one film are one group, as far as their paths tell; photographs are each their own."""

import pytest

from cache.films import film_of


@pytest.mark.parametrize(
    ("video", "film"),
    [
        ("videos/003/IzvOYVMltkI.mp4/0114.mp4", "videos/003/IzvOYVMltkI.mp4"),
        ("videos/003/IzvOYVMltkI.MP4/0115.mp4", "videos/003/IzvOYVMltkI.MP4"),
        ("films/a.mp4", "films/a.mp4"),
        ("a.mp4", "a.mp4"),
        ("train/Fear/0012.avi", "train/Fear/0012.avi"),
        ("v1.2/0001.mp4", "v1.2/0001.mp4"),
    ],
)
def test_a_film_is_the_folder_that_is_named_as_a_video_is(video: str, film: str) -> None:
    assert film_of(video) == film
