"""Clips of a few lossless frames for the toy stages of ``toy_pipeline``: every pixel is known without a decoder.

``python toy_clips.py ROOT STORE [--retry]`` runs one real extraction of them.
"""

import sys
from pathlib import Path
from unittest.mock import patch

import av
import numpy as np
import toy_pipeline
from numpy.typing import NDArray
from toy_pipeline import CONFIG, ToyReader, run

from cache.fingerprint import digest
from cache.manifest import Row
from cache.spec import ArraySpec, Granularity
from pipeline.running.extraction import Report
from pipeline.stage import Extracted, Photo, Stage

CLIPS, LENGTH, SIZE = 24, 12, (20, 16)
FRAMES = CONFIG.replace("shard_images = 4", "shard_images = 4\nframes = 4")


def pixels(clip: int, frame: int) -> NDArray[np.uint8]:
    """(16, 20, 3) of one frame."""
    return np.random.default_rng([clip, frame]).integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


def span(clip: int, person: int) -> tuple[int, int]:
    """Persons of a clip are in it for different times."""
    return (person, LENGTH - 1 - clip % 3)


def place(clip: int, person: int, frame: int) -> tuple[float, float, float, float] | None:
    """The box of a person in a frame: it walks to the right; clip 4's first person is not seen in frame 4."""
    left = person + frame // 4
    return None if (clip, person, frame) == (4, 0, 4) else (float(left), 1.0, 9.0 + left, 12.0)


class ToyClips(ToyReader):
    """``root/k.mkv`` with k % 3 persons each; those of an even number have a track, the others one box for all."""

    def _rows(self, name: str, wide: bool) -> list[Row]:  # type: ignore[override]
        number = int(name.removesuffix(".mkv"))
        if number % 3 == 0:
            return [Row(name, -1, "train", size=SIZE, status="no_person", span=(0, LENGTH - 1))]
        rows = []
        for person in range(number % 3):
            box = (float(person), 1.0, 9.0 + person + wide, 12.0)
            track = f"{number}.npy" if number % 2 == 0 else ""
            told = digest((self.root / track).read_bytes()) if track else ""
            own = span(number, person)
            rows.append(Row(name, person, "train", box, box, SIZE, ("a",), span=own, track=track, track_digest=told))
        return rows


class Bones(Stage[np.ndarray]):
    """The annotated joints, without pixels."""

    version, unit, granularity = 1, Granularity.PERSON, Granularity.PERSON
    batch_size, pixels = 2, False
    Config = toy_pipeline.Settings

    def __init__(self, config: toy_pipeline.Settings) -> None:
        self.config = config

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {"joints": ArraySpec((18, 3), "float32", "x, y, score")}

    @property
    def weights(self) -> tuple[str, ...]:
        return ()

    def load(self, device: str, weights: object) -> None:
        pass

    def prepare(self, photo: Photo) -> list[np.ndarray]:
        return [] if photo.joints is None else list(photo.joints)

    def run(self, items: object) -> Extracted:
        return Extracted.ok({"joints": np.stack(items)})  # type: ignore[call-overload]


def make_clips(root: Path, clips: int = CLIPS) -> None:
    """Write the videos, the tracks in BoLD's form (from frame 100 on) and the annotation."""
    root.mkdir(parents=True, exist_ok=True)
    for clip in range(clips):
        write(root / f"{clip}.mkv", [pixels(clip, frame) for frame in range(LENGTH)])
        if clip % 2 == 0:
            np.save(root / f"{clip}.npy", track(clip))
    (root / "annotation.txt").write_text(" ".join(f"{clip}.mkv" for clip in range(clips)))


def track(clip: int) -> NDArray[np.float64]:
    """(k, 56): frame, person, joints of which two span the box; the others are missing."""
    rows = [np.r_[100, 99, np.zeros(54)]]  # somebody else, so that the first frame is there
    for person in range(clip % 3):
        for frame in range(LENGTH):
            joints = np.zeros((18, 3))
            if box := place(clip, person, frame):
                joints[0], joints[17] = (box[0], box[1], 1), (box[2], box[3], 1)
            rows.append(np.r_[100 + frame, person, joints.ravel()])
    return np.array(rows)


def write(path: Path, frames: list[NDArray[np.uint8]]) -> None:
    """Lossless: FFV1 in RGB."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], "bgr0"
        for picture in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="bgr0")))
        file.mux(stream.encode())


def run_clips(root: Path, store: Path, config: str = FRAMES, retry: bool = False) -> Report:
    """One extraction of the clips."""
    with patch.object(toy_pipeline, "ToyReader", ToyClips):
        return run(root, store, config, retry)


if __name__ == "__main__":
    slow = FRAMES.replace("[stages.colour]", "[stages.colour]\npause = 0.1")
    report = run_clips(Path(sys.argv[1]), Path(sys.argv[2]), slow, retry="--retry" in sys.argv)
    print(f"done {report.images}", flush=True)
