"""Videos whose frames carry their number: a position is right when the picture there says so."""

import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from video_files import cut_at_start, number, picture, sound, turned, video

from cache.spec import Status
from pipeline.decoding import finding, packets
from pipeline.decoding.images import ImageError
from pipeline.decoding.video import frames, header, probe

OPEN_GOP = {"x264-params": "open-gop=1:keyint=20:min-keyint=20:bframes=3"}
KINDS = {
    "h264.mp4": ("libx264", {"bf": "3"}, "yuv420p"),
    "h264.mkv": ("libx264", {"bf": "3"}, "yuv420p"),
    "h264.avi": ("libx264", {"bf": "3"}, "yuv420p"),
    "open.mkv": ("libx264", OPEN_GOP, "yuv420p"),
    "open.mp4": ("libx264", OPEN_GOP, "yuv420p"),
    "refresh.mp4": ("libx264", {"x264-params": "intra-refresh=1:keyint=20"}, "yuv420p"),
    "mpeg4.mp4": ("mpeg4", {"bf": "2"}, "yuv420p"),
    "mpeg4.avi": ("mpeg4", {"bf": "2"}, "yuv420p"),
    "plain.avi": ("mpeg4", {}, "yuv420p"),
    "hevc.mp4": ("libx265", {"x265-params": "log-level=none:keyint=20"}, "yuv420p"),
    "vp8.webm": ("libvpx", {}, "yuv420p"),
    "vp9.webm": ("libvpx-vp9", {"row-mt": "0", "auto-alt-ref": "1", "lag-in-frames": "16"}, "yuv420p"),
    "mjpeg.mov": ("mjpeg", {}, "yuvj420p"),
    "mjpeg.avi": ("mjpeg", {}, "yuvj420p"),
    "anim.gif": ("gif", {}, "rgb8"),
}
LISTED = ("mp4", "mov", "avi")
FEW = (0, 1, 7, 19, 20, 21, 44, 59)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


def made(folder: Path, name: str) -> Path:
    codec, options, form = KINDS[name]
    path = folder / name
    return path if path.exists() else video(path, 60, codec, options=options, form=form)


def numbers(path: Path, wanted: list[int]) -> list[tuple[int, int]]:
    return [(position, number(image)) for position, image in frames(path, wanted)]


def refusal(path: Path, wanted: list[int] | None = None, **limits: int) -> tuple[Status, str]:
    with pytest.raises(ImageError) as caught:
        list(frames(path, wanted or [0], **limits))
    assert len(str(caught.value).splitlines()) == 1
    assert str(path) in str(caught.value)
    return caught.value.status, str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_is_where_its_number_says(folder: Path, name: str) -> None:
    path = made(folder, name)
    assert numbers(path, list(range(60))) == [(n, n) for n in range(60)]
    assert probe(path).frames == 60
    assert header(path) == probe(path).size == (128, 96)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("near", [0, finding.NEAR])
def test_a_few_frames_are_the_same_as_all(folder: Path, name: str, near: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """near = 0: each is jumped to where a key frame lies between."""
    path = made(folder, name)
    every = {position: np.asarray(image) for position, image in frames(path, list(range(60)))}
    monkeypatch.setattr(finding, "NEAR", near)
    found = {position: np.asarray(image) for position, image in frames(path, FEW)}
    assert list(found) == list(FEW)
    for position, pixels in found.items():
        np.testing.assert_array_equal(pixels, every[position])
    assert numbers(path, [58]) == [(58, 58)]


def test_vp8_frames_that_are_never_shown_have_no_position(folder: Path, tmp_path: Path) -> None:
    """Beside each key frame its copy without the bit that has it shown: it changes no later picture."""
    with av.open(str(made(folder, "vp8.webm"))) as file, av.open(str(path := tmp_path / "a.webm"), "w") as out:
        stream = out.add_stream_from_template(file.streams.video[0])
        for packet in file.demux(video=0):
            copies = [packet] if packet.size else []
            if packet.is_keyframe and packet.size:
                data = bytes(packet)
                hidden = av.Packet(bytes([data[0] & ~0x10]) + data[1:])
                hidden.pts, hidden.dts, hidden.time_base = packet.pts + 1, packet.pts + 1, packet.time_base
                hidden.is_keyframe = False
                copies.append(hidden)
            for one in copies:
                one.stream = stream
                out.mux(one)
    with av.open(str(path)) as file:
        assert sum(packet.size > 0 for packet in file.demux(video=0)) > 60
    assert numbers(path, [0, 1, 30, 59]) == [(0, 0), (1, 1), (30, 30), (59, 59)]
    assert probe(path).frames == 60


def test_mp4_in_fragments(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", container={"movflags": "frag_keyframe"})
    assert probe(path).frames == 60
    assert numbers(path, [0, 33, 59]) == [(0, 0), (33, 33), (59, 59)]


def test_the_list_in_a_file_counts_what_reading_it_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {name: probe(made(folder, name)) for name in KINDS}
    monkeypatch.setattr("pipeline.decoding.video.listed", lambda _: None)
    assert {name: probe(made(folder, name)).frames for name in KINDS} == dict.fromkeys(KINDS, 60)
    assert {name for name, info in told.items() if info.declared} == {one for one in KINDS if one[-3:] in LISTED}


def test_a_far_frame_is_jumped_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, decoded = made(folder, "open.mp4"), []
    given = finding._given
    monkeypatch.setattr(finding, "_given", lambda packet: decoded.append(packet.pts) or given(packet))
    assert numbers(path, [2, 59]) == [(2, 2), (59, 59)]
    assert len(decoded) < 40


def test_a_changing_rate(tmp_path: Path) -> None:
    times = np.cumsum(np.arange(60) % 7 + 1).tolist()
    path = video(tmp_path / "a.mp4", times=times, options={"bf": "3"})
    assert numbers(path, [0, 13, 47, 59]) == [(0, 0), (13, 13), (47, 47), (59, 59)]


@pytest.mark.parametrize("cut", [1, 20, 35])
def test_what_an_edit_list_leaves_out_has_no_position(tmp_path: Path, cut: int) -> None:
    path = cut_at_start(video(tmp_path / "a.mp4", options={"bf": "2"}), cut, 60)
    assert probe(path).frames == 60 - cut
    assert numbers(path, list(range(60 - cut))) == [(n, n + cut) for n in range(60 - cut)]
    assert numbers(path, [3, 24]) == [(3, 3 + cut), (24, 24 + cut)]


# A pixel (x, y) is shown at (a x + c y, b x + d y): a portrait telephone writes the first one, turned clockwise.
UPRIGHT = {
    (0, 1, -1, 0): (90, lambda a: np.rot90(a, -1)),
    (-1, 0, 0, -1): (180, lambda a: a[::-1, ::-1]),
    (0, -1, 1, 0): (270, np.rot90),
    (-1, 0, 0, 1): (0, lambda a: a[:, ::-1]),
    (1, 0, 0, -1): (0, lambda a: a[::-1]),
    (0, 1, 1, 0): (90, lambda a: a.transpose(1, 0, 2)),
    (0, -1, -1, 0): (270, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
}


@pytest.mark.parametrize("matrix", UPRIGHT)
def test_the_display_matrix_is_applied(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    path = video(tmp_path / "a.mp4", 3)
    ((_, stored),) = frames(path, [1])
    rotation, turn = UPRIGHT[matrix]
    turned(path, *matrix)
    ((_, upright),) = frames(path, [1])
    np.testing.assert_array_equal(np.asarray(upright), turn(np.asarray(stored)))
    info = probe(path)
    assert info.size == header(path) == upright.size
    assert info.rotation % 180 == rotation % 180
    assert info.rotation == rotation or 0 in (matrix[0] + matrix[3], matrix[1] + matrix[2]) != (0, 0)


def test_an_odd_size(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mkv", 6, "ffv1", size=(127, 95), form="bgr0")
    assert header(path) == (127, 95)
    ((_, image),) = frames(path, [4])
    np.testing.assert_array_equal(np.asarray(image), picture(4, (127, 95)))  # a lossless codec of RGB


@pytest.mark.parametrize(
    ("matrix", "limits", "expected"),
    [
        (1, 1, (255, 24, 0)),
        (1, 2, (255, 36, 10)),
        (5, 1, (254, 0, 0)),
        (6, 2, (238, 14, 14)),
        (2, 0, (254, 0, 0)),
    ],
)
def test_colours_are_as_the_file_says(tmp_path: Path, matrix: int, limits: int, expected: tuple[int, int, int]) -> None:
    """Y, Cb, Cr = 81, 90, 240; the expected colours are those of the standards' equations, worked out here."""
    kr, kb = (0.2126, 0.0722) if matrix == 1 else (0.299, 0.114)
    scale, base = (255 / 219, 255 / 224) if limits != 2 else (1.0, 1.0), 16 if limits != 2 else 0
    luma, blue, red = (81 - base) * scale[0], (90 - 128) * scale[1], (240 - 128) * scale[1]
    green = luma - 2 * kb * (1 - kb) / (1 - kr - kb) * blue - 2 * kr * (1 - kr) / (1 - kr - kb) * red
    known = np.clip([luma + 2 * (1 - kr) * red, green, luma + 2 * (1 - kb) * blue], 0, 255)
    np.testing.assert_allclose(known, expected, atol=1)
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, limits
        frame = av.VideoFrame(16, 16, "yuv420p")
        for plane, value in zip(frame.planes, (81, 90, 240), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.colorspace, frame.color_range, frame.pts = matrix, limits, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    ((_, image),) = frames(path, [0])
    np.testing.assert_allclose(np.asarray(image)[8, 8], known, atol=1.01)


def test_transparency_is_on_black(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    clear.paste((0, 255, 0, 255), (0, 0, 16, 32))
    clear.save(path := tmp_path / "a.gif", save_all=True, append_images=[clear], disposal=2)
    ((_, image),) = frames(path, [0])
    assert [image.getpixel((4, 4)), image.getpixel((28, 4))] == [(0, 255, 0), (0, 0, 0)]


def test_a_clip_of_five_frames(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", 5)
    assert probe(path).frames == 5
    assert numbers(path, [0, 4, 5, 6]) == [(0, 0), (4, 4)]


def test_frames_that_are_declared_and_missing_are_not_given(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", 60, options={"bf": "0"}, container={"movflags": "faststart"})
    with av.open(str(path)) as file:
        last = [packet.pos for packet in file.demux(video=0) if packet.size][-1]
    path.write_bytes(path.read_bytes()[:last])
    info = probe(path)
    assert (info.frames, info.declared) == (59, 60)
    assert numbers(path, [57, 58, 59]) == [(57, 57), (58, 58)]


def test_a_file_that_ends_within_a_frame(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", 60, options={"bf": "0"}, container={"movflags": "faststart"})
    with av.open(str(path)) as file:
        place = [packet.pos for packet in file.demux(video=0) if packet.size][30]
    path.write_bytes(path.read_bytes()[: place + 9])
    assert numbers(path, [28, 29]) == [(28, 28), (29, 29)]
    assert refusal(path, [30]) == (Status.BROKEN, "frame 30 is damaged")


def test_a_file_without_its_end(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refusal(path)[0] is Status.BROKEN


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_a_damaged_frame_and_what_is_made_from_it_are_refused(tmp_path: Path, name: str) -> None:
    path = video(tmp_path / name, codec="mpeg4", options={"sc_threshold": "1000000000"})
    with av.open(str(path)) as file:
        places = [packet.pos for packet in file.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    start = places[25] + (8 if name.endswith("avi") else 0)
    data[start : places[26]] = bytes(places[26] - start)
    path.write_bytes(data)
    assert refusal(path, [25]) == (Status.BROKEN, "frame 25 is damaged")
    assert numbers(path, [3, 24]) == [(3, 3), (24, 24)]
    led = "from which frame 33 is made" if name.endswith("mp4") else "which comes before frame 33"
    assert refusal(path, [33]) == (Status.BROKEN, f"frame 25 is damaged, {led}")
    if name.endswith("mp4"):  # frame 40 is a key frame; in AVI there is no counting past the damage
        assert numbers(path, [3, 45]) == [(3, 3), (45, 45)]
    else:
        assert refusal(path, [45])[0] is Status.BROKEN


def test_bad_files(tmp_path: Path) -> None:
    assert refusal(tmp_path / "absent.mp4") == (Status.MISSING, "no such file")
    assert refusal(tmp_path) == (Status.BROKEN, "is a folder, a video file is wanted")
    os.mkfifo(tmp_path / "fifo.mp4")
    assert refusal(tmp_path / "fifo.mp4") == (Status.BROKEN, "is not a regular file, a video file is wanted")
    for name, data in (("empty.mp4", b""), ("text.mp4", b"hello\n" * 99)):
        (tmp_path / name).write_bytes(data)
        status, text = refusal(tmp_path / name)
        assert status is Status.BROKEN
        assert text == "not readable as a video: Invalid data found when processing input"
    assert refusal(sound(tmp_path / "sound.mp4")) == (Status.BROKEN, "has no video stream")


def test_no_file_leads_to_another(tmp_path: Path) -> None:
    video(tmp_path / "a.mp4", 5)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile a.mp4\n")
    (tmp_path / "play.mp4").write_text(f"#EXTM3U\n#EXTINF:5,\nfile://{tmp_path}/a.mp4\n#EXT-X-ENDLIST\n")
    assert refusal(tmp_path / "list.mp4")[0] is refusal(tmp_path / "play.mp4")[0] is Status.BROKEN


def test_the_size_is_told_from_the_header(tmp_path: Path) -> None:
    Image.new("P", (8, 8)).save(path := tmp_path / "a.gif")
    path.write_bytes(path.read_bytes()[:6] + struct.pack("<HH", 15360, 8640) + path.read_bytes()[10:])
    status, text = refusal(path)
    assert status is Status.TOO_LARGE
    assert text.startswith(
        "15360 x 8640 = 132710400 pixels, over the cap of 64000000; make a smaller copy of the video"
    )
    path = video(tmp_path / "b.mp4", 1)
    for asked in (header, probe):
        with pytest.raises(ImageError) as caught:
            asked(path, 128 * 96 - 1)
        assert caught.value.status is Status.TOO_LARGE
    assert refusal(path, max_pixels=128 * 96 - 1)[0] is Status.TOO_LARGE
    assert numbers(path, [0]) == [(0, 0)]


def test_a_far_frame_without_a_key_frame_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MAX_REACH", 25)
    path = video(tmp_path / "a.mp4", codec="mpeg4", options={"sc_threshold": "1000000000"}, key_every=600)
    assert numbers(path, [20, 40]) == [(20, 20), (40, 40)]
    for one in (path, video(tmp_path / "a.avi", codec="mpeg4", options={"sc_threshold": "1000000000"}, key_every=600)):
        status, text = refusal(one, [20, 46])
        assert status is Status.TOO_LARGE
        assert "frame 46 is 26 frames after the last one" in text


def test_a_video_of_too_many_packets_is_refused_but_its_first_frames_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packets, "MAX_PACKETS", 55)
    path = video(tmp_path / "a.mp4")
    for one in (path, video(tmp_path / "a.mkv")):
        with pytest.raises(ImageError, match="has more than 55 frames") as caught:
            probe(one)
        assert caught.value.status is Status.TOO_LARGE
    assert numbers(path, [3]) == [(3, 3)]


def test_wanted_frames_ascend(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", 3)
    for wanted in ([1, 1], [2, 1], [-1]):
        with pytest.raises(ValueError, match="ascending"):
            list(frames(path, wanted))
    assert list(frames(path, [])) == []
