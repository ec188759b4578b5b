"""Text below a picture fits it, and is legible."""

import pytest
from PIL import ImageFont

from scripts.prediction.colours import COLOURS, contrast, legible
from scripts.prediction.lettering import font_of, wrapped

TEXT = "The head was trained on the drawn scenes of demo, Donaudampfschifffahrtsgesellschaft and 12 others"


@pytest.mark.parametrize("width", [40, 90, 250, 10_000])
def test_lines_fit_and_lose_nothing(width: int) -> None:
    font = ImageFont.load_default(11)
    lines = wrapped(TEXT, font, width)
    assert max(font.getlength(line) for line in lines) <= width
    assert "".join(lines).replace(" ", "") == TEXT.replace(" ", "")
    assert len(lines) == 1 or font.getlength(TEXT) > width
    if width == 250:
        assert " ".join(lines) == TEXT  # broken at blanks alone


def test_fonts_follow_the_image() -> None:
    sizes = [font_of(size).size for size in ((1, 1), (120, 600), (640, 480), (4000, 3000))]  # type: ignore[union-attr]
    assert sizes == [10, 10, 13, 82]  # sqrt(640 x 480) / 42 = 13.2, sqrt(4000 x 3000) / 42 = 82.5


def test_every_label_is_legible() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)  # WCAG's known borderline grey
    assert all(contrast(legible(colour), colour) >= 4.5 for colour in COLOURS)
