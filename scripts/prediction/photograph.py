"""A photograph of the user's, decoded as those of a dataset are."""

import io
from pathlib import Path

from PIL import Image

from cache.spec import Status
from pipeline.decoding.formats import FIRST_FRAME
from pipeline.decoding.images import MAX_PIXELS, ImageError, decode, header


def opened(path: Path, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Raises: ImageError, with the cure."""
    try:
        if header(path, max_pixels)[1]:
            print(f"note: {path}: {FIRST_FRAME}", flush=True)
        return decode(path, max_pixels)
    except ImageError as error:
        cures = {Status.MISSING: "Give a photograph or a folder as IMAGE", Status.BROKEN: "Give a sound copy as IMAGE"}
        cure = f". {cures[error.status]}" if error.status in cures else ""
        raise ImageError(error.status, f"{error}{cure}") from None


def png(image: Image.Image) -> bytes:
    """A PNG file's bytes."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
