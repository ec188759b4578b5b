"""Formats are told by their first bytes; those that need more than Pillow's own seven say what."""

import sys
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import AvifImagePlugin, Image, features

from cache.spec import Status
from pipeline.decoding.formats import FIRST_FRAME
from pipeline.decoding.images import DECODE_POLICY, ImageError, decode, header, size

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
SHARED = b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf" + bytes(40)
WIDE = np.repeat(np.array([[[200, 40, 40]] * 32 + [[40, 40, 200]] * 32], np.uint8), 48, 0)
"""48 high, 64 wide: red, then blue."""


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    return made


def check_upright(path: Path, orientation: int) -> None:
    """The picture as its EXIF turns it, once: 6 has the left side on top, 3 is upside down."""
    found = np.asarray(decode(path)).astype(int)
    height, width = found.shape[:2]
    assert size(path) == (width, height) == ((48, 64) if orientation == 6 else (64, 48))
    left, right = found[height // 4, width // 4], found[3 * height // 4, 3 * width // 4]
    first, last = ((200, 40, 40), (40, 40, 200)) if orientation in (1, 6) else ((40, 40, 200), (200, 40, 40))
    assert np.abs(left - first).max() < 30
    assert np.abs(right - last).max() < 30


@pytest.mark.parametrize("content", [HEIC, SHARED], ids=["its own brand", "a shared brand"])
def test_heic_names_the_extra_that_reads_it(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the file is called."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (path := tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(ImageError) as error:
        decode(path)
    cure = "is HEIC. Install the extra that reads it: pip install 'affect-cache[heic]'"
    assert str(error.value) == f"{path}: not readable as an image: {cure}"
    assert error.value.status is Status.BROKEN


def test_other_media_of_that_kind_are_no_images(tmp_path: Path) -> None:
    (path := tmp_path / "clip.heic").write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(40))
    with pytest.raises(ImageError, match="none of JPEG, PNG, WEBP, TIFF, BMP, GIF, PPM, AVIF, HEIC"):
        decode(path)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_avif_is_read_and_turned_once(tmp_path: Path, orientation: int) -> None:
    Image.fromarray(WIDE).save(tmp_path / "a.avif", quality=90, exif=exif(orientation))
    check_upright((tmp_path / "a.avif").rename(tmp_path / "a.jpg"), orientation)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_the_cap_holds_for_avif_before_a_pixel_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(WIDE).save(path := tmp_path / "a.avif")
    monkeypatch.setattr(AvifImagePlugin.AvifImageFile, "load", lambda _: pytest.fail("a pixel was decoded"))
    with pytest.raises(ImageError) as error:
        decode(path, max_pixels=3071)
    assert error.value.status is Status.TOO_LARGE
    assert size(path, max_pixels=3072) == (64, 48)


@pytest.mark.parametrize("absent", ["plug-in", "decoder"])
def test_avif_without_its_decoder_names_the_pillow_that_has_it(
    tmp_path: Path, absent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if absent == "plug-in":
        monkeypatch.delattr(PIL, "AvifImagePlugin")
        monkeypatch.setitem(sys.modules, "PIL.AvifImagePlugin", None)
    monkeypatch.setattr(features, "check", lambda _: False)
    (path := tmp_path / "a.jpg").write_bytes(HEIC.replace(b"heic", b"avif"))
    with pytest.raises(ImageError, match=r"is AVIF, which this Pillow cannot read\. Install Pillow 11\.3 or later"):
        decode(path)


def test_of_several_pictures_in_a_heic_the_primary_one_is_read_as_the_note_says(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    made = heif.from_pillow(Image.new("RGB", (64, 48), "red"))
    made.add_from_pillow(Image.new("RGB", (64, 48), "blue"))
    made.save(path := tmp_path / "a.heic", primary_index=1)
    red, _, blue = np.asarray(decode(path))[24, 32].tolist()
    assert blue > 200 > 50 > red
    assert header(path) == ((64, 48), True)
    assert FIRST_FRAME.endswith("of HEIC the primary picture")


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_heic_is_read_and_turned_once(tmp_path: Path, orientation: int) -> None:
    """Its decoder turns the pixels itself."""
    heif = pytest.importorskip("pillow_heif")
    made = heif.from_pillow(Image.fromarray(WIDE))
    made.save(path := tmp_path / "a.jpg", quality=90, exif=exif(orientation).tobytes())
    check_upright(path, orientation)
    with pytest.raises(ImageError, match="64 x 48 = 3072" if orientation != 6 else "48 x 64 = 3072"):
        decode(path, max_pixels=3071)


@pytest.mark.parametrize(("suffix", "several"), [("gif", True), ("tiff", True), ("png", True), ("webp", True)])
def test_frames_and_pages_are_counted(tmp_path: Path, suffix: str, several: bool) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    frames[0].save(path := tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    assert header(path) == ((30, 20), several)
    frames[0].save(path)
    assert header(path) == ((30, 20), False)


def test_a_camera_s_second_picture_in_a_jpeg_is_no_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    frames[0].save(path := tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert header(path) == ((30, 20), False)


def test_the_policy_that_names_features_is_what_it_was() -> None:
    """Formats that come to it change no feature of an image that was read before."""
    assert DECODE_POLICY["formats"] == ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM"]
    assert (DECODE_POLICY["version"], DECODE_POLICY["max_pixels"]) == (1, 64_000_000)
