"""Decoding by one policy. Expected pixels are computed here by hand or with numpy."""

import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from cache.spec import Status
from pipeline.decoding.images import DECODE_POLICY, ImageError, decode, letterbox, resize, warp

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (4, 6, 3)).astype(np.uint8)


def status_of(path: Path, **settings: int) -> tuple[Status, str]:
    with pytest.raises(ImageError) as caught:
        decode(path, **settings)
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    return caught.value.status, text


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff", "bmp", "ppm"])
def test_lossless_formats_give_their_pixels(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(COLOURS).save(path := tmp_path / f"a.{suffix}", lossless=True)
    image = decode(path)
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), COLOURS)


# EXIF 2.3, table 6: where the 0th row and the 0th column of the file are in the upright picture.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(COLOURS).save(path := tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(decode(path)), UPRIGHT[orientation](COLOURS))


def test_16_bit_grey_keeps_its_high_byte(tmp_path: Path) -> None:
    values = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    for suffix in ("png", "tiff", "pgm"):
        Image.fromarray(values).save(path := tmp_path / f"a.{suffix}")
        expected = np.repeat(np.array([[0, 0, 1, 128, 255]])[..., None], 3, axis=2)
        np.testing.assert_array_equal(np.asarray(decode(path)), expected, err_msg=suffix)


def test_float_from_0_to_1(tmp_path: Path) -> None:
    Image.fromarray(np.array([[-1, 0, 0.5, 1, 7, np.nan]], np.float32)).save(path := tmp_path / "a.tiff")
    assert np.asarray(decode(path))[0, :, 0].tolist() == [0, 0, 128, 255, 255, 0]


def test_palette_grey_and_bilevel(tmp_path: Path) -> None:
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 9, 8, 7])
    palette.save(path := tmp_path / "p.png")
    assert np.asarray(decode(path))[0].tolist() == [[255, 0, 0], [0, 255, 0], [9, 8, 7]]
    Image.fromarray(np.array([[0, 77]], np.uint8)).save(path := tmp_path / "l.png")
    assert np.asarray(decode(path))[0].tolist() == [[0, 0, 0], [77, 77, 77]]
    Image.fromarray(np.array([[False, True]])).save(path := tmp_path / "b.png")
    assert np.asarray(decode(path))[0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_alpha_on_black(tmp_path: Path) -> None:
    pixels = np.array([[[200, 100, 50, 255], [200, 100, 50, 0], [200, 100, 50, 51]]], np.uint8)
    Image.fromarray(pixels).save(path := tmp_path / "a.png")
    assert np.asarray(decode(path))[0].tolist() == [[200, 100, 50], [0, 0, 0], [40, 20, 10]]
    keyed = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    keyed.save(path, transparency=(1, 2, 3))
    assert np.asarray(decode(path))[0].tolist() == [[0, 0, 0], [4, 5, 6]]


def test_cmyk_is_converted(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8, 4), [0, 255, 255, 0], np.uint8), "CMYK").save(path := tmp_path / "a.jpg", quality=95)
    assert np.abs(np.asarray(decode(path)).astype(int) - [255, 0, 0]).max() <= 3


def test_jpeg_that_ends_early_is_broken(tmp_path: Path) -> None:
    noise = RNG.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path := tmp_path / "a.jpg")
    whole = path.read_bytes()
    for length in (0, 3, 100, len(whole) // 2, len(whole) - 200):
        path.write_bytes(whole[:length])
        assert status_of(path)[0] is Status.BROKEN, length


def test_bytes_after_the_end_are_fine(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(path := tmp_path / "a.jpg")
    expected = np.asarray(decode(path))
    path.write_bytes(path.read_bytes() + b"\0" * 1000)
    np.testing.assert_array_equal(np.asarray(decode(path)), expected)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_is_an_image_error_or_an_image(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    suffix = data.draw(st.sampled_from(["jpeg", "png", "tiff", "gif", "webp", "bmp"]))
    Image.fromarray(COLOURS).save(path, format=suffix)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        outcome: object = decode(path, max_pixels=10**6).mode
    except ImageError as error:
        outcome = error.status
    assert outcome in ("RGB", Status.BROKEN, Status.TOO_LARGE)


def test_what_is_no_image_file(tmp_path: Path) -> None:
    assert status_of(tmp_path / "none.jpg")[0] is Status.MISSING
    (tmp_path / "folder.jpg").mkdir()
    assert status_of(tmp_path / "folder.jpg") == (
        Status.BROKEN,
        f"{tmp_path / 'folder.jpg'}: is a folder, an image file is wanted",
    )
    (tmp_path / "text.jpg").write_text("hello")
    assert status_of(tmp_path / "text.jpg")[0] is Status.BROKEN
    assert status_of(tmp_path / "text.jpg" / "inside.jpg")[0] is Status.MISSING
    os.mkfifo(tmp_path / "fifo.jpg")
    started = time.monotonic()
    assert status_of(tmp_path / "fifo.jpg")[0] is Status.BROKEN
    assert time.monotonic() - started < 1


def test_the_cap_is_told_from_the_header(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(path := tmp_path / "a.png")
    assert decode(path, max_pixels=24).size == (6, 4)
    status, text = status_of(path, max_pixels=23)
    assert status is Status.TOO_LARGE
    assert "6 x 4 = 24 pixels, over the cap of 23" in text


def test_a_bomb_is_refused_before_decoding_and_without_a_warning(tmp_path: Path) -> None:
    Image.new("1", (1, 1)).save(path := tmp_path / "a.bmp")
    header = bytearray(path.read_bytes())
    for side in (10_000, 60_000):  # Pillow itself warns above 89 million pixels and raises above twice that
        header[18:26] = side.to_bytes(4, "little") * 2
        path.write_bytes(header)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert status_of(path)[0] is Status.TOO_LARGE
        assert caught == []


def test_pillow_keeps_its_settings(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    Image.fromarray(COLOURS).save(path := tmp_path / "a.png")
    decode(path)
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def test_policy_is_plain_data() -> None:
    import json

    assert json.loads(json.dumps(DECODE_POLICY))["version"] == 1


def test_resize_of_whole_pixels() -> None:
    image = Image.fromarray(np.repeat(np.repeat(COLOURS, 2, axis=0), 2, axis=1))
    np.testing.assert_array_equal(resize(image, (8, 12)), np.asarray(image))
    np.testing.assert_array_equal(resize(image, (2, 4), box=(2, 4, 6, 6)), np.asarray(image)[4:6, 2:6])
    flat = Image.new("RGB", (50, 30), (10, 20, 30))
    assert np.unique(resize(flat, (7, 9), box=(0.5, 3.25, 49.5, 30)).reshape(-1, 3), axis=0).tolist() == [[10, 20, 30]]


def test_resize_averages_when_it_shrinks() -> None:
    """Pillow's triangle filter over 2 x 2 steps of a checkerboard is its mean; skipping pixels would give 0 or 255."""
    board = np.where(np.indices((40, 40)).sum(0) % 2, 255, 0).astype(np.uint8)
    small = resize(Image.fromarray(np.repeat(board[..., None], 3, 2)), (10, 10))
    assert np.abs(small[2:-2, 2:-2].astype(int) - 127).max() <= 3


@given(st.integers(1, 90), st.integers(1, 90))
@settings(max_examples=30, deadline=None)
def test_letterbox_keeps_aspect_and_pads_right_or_below(width: int, height: int) -> None:
    pixels, (content_h, content_w) = letterbox(Image.new("RGB", (width, height), (5, 6, 7)), (32, 64))
    assert pixels.shape == (32, 64, 3)
    assert content_h == 32 or content_w == 64
    assert abs(content_w / content_h * height / width - 1) <= 1 / min(content_w, content_h)
    inside = np.zeros((32, 64), bool)
    inside[:content_h, :content_w] = True
    assert (pixels[inside] == (5, 6, 7)).all()
    assert (pixels[~inside] == 0).all()


def test_warp_moves_whole_pixels() -> None:
    moved = warp(COLOURS, np.array([[1.0, 0, 2], [0, 1, 1]]), (4, 6))
    np.testing.assert_array_equal(moved[1:, 2:], COLOURS[:-1, :-2])
    assert not moved[0].any()
    assert not moved[:, :2].any()


def test_smooth_warp_averages_and_keeps_its_place() -> None:
    board = np.repeat(np.where(np.indices((80, 80)).sum(0) % 2, 255, 0).astype(np.uint8)[..., None], 3, 2)
    quarter = np.array([[0.25, 0, -0.375], [0, 0.25, -0.375]])  # pixel centres: 0..3 -> 0
    assert np.abs(warp(board, quarter, (20, 20), smooth=True)[1:-1, 1:-1].astype(int) - 128).max() <= 1
    blocks = np.repeat(np.repeat(COLOURS, 4, axis=0), 4, axis=1)
    np.testing.assert_array_equal(warp(blocks, quarter, (4, 6), smooth=True), COLOURS)
