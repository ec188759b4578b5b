"""Films that are written are read back: their frames, times, colours."""

import io
from pathlib import Path

import numpy as np
import pytest
import video_files
from PIL import Image

from pipeline.decoding import video, writing


@pytest.mark.parametrize("coder", list(writing.CODECS))
def test_frames_are_read_back_at_their_times_in_their_colours(coder: str, tmp_path: Path) -> None:
    path, shown = tmp_path / "a.mp4", [0.0, 0.5, 0.75, 2.0]
    pictures = [Image.fromarray(video_files.picture(number)) for number in range(3)]
    pictures.append(Image.new("RGB", (128, 96), (200, 40, 30)))
    with path.open("wb") as file:
        assert writing.write(file, zip(shown, pictures, strict=True), 0.0003, coder) == 4
    assert video.probe(path).frames == 4
    assert video.times(path) == pytest.approx(shown, abs=1e-4)
    read = [image for _, image in video.frames(path, range(4))]
    assert [video_files.number(image) for image in read[:3]] == [0, 1, 2]
    assert np.abs(np.asarray(read[3], int) - [200, 40, 30]).mean() < 4


def test_the_codec_is_one_that_is_there() -> None:
    import av

    assert writing.codec() in av.codecs_available


@pytest.mark.parametrize("sizes", [[], [(31, 20)], [(32, 20), (20, 32)]])
def test_no_frame_or_odd_or_other_ones_are_refused(sizes: list[tuple[int, int]]) -> None:
    frames = [(float(at), Image.new("RGB", size)) for at, size in enumerate(sizes)]
    with pytest.raises(ValueError, match="frame"):
        writing.write(io.BytesIO(), frames, 25.0, "mpeg4")
