"""The README's pictures: what ``make predict CONFIG=light`` draws on two photographs that anybody may show, as JPEG.

``python -m scripts.readme_pictures PHOTO ... [--weights weights]`` writes docs/<name>.jpg of each. The photographs lie
in packages: ``skimage/data/astronaut.png`` in the wheel of scikit-image 0.26.0 (NASA, public domain), fetched by
``pip download --no-deps scikit-image==0.26.0``, and ``matplotlib/mpl-data/sample_data/grace_hopper.jpg`` in matplotlib
(United States Navy, public domain), which is in .venv.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image

from scripts import predict

DOCS = Path(__file__).resolve().parent.parent / "docs"
HEIGHT, QUALITY = 560, 85


def picture(photo: Path, weights: Path) -> Path:
    """The JPEG of one photograph. Raises: SystemExit when predict fails, which has told why."""
    with tempfile.TemporaryDirectory() as out:
        words = ["--image", str(photo), "--config", "light", "--weights", str(weights), "--out", out]
        if status := predict.main([*words, "--runs", out, "--store", out]):
            raise SystemExit(status)
        with Image.open(Path(out) / f"{photo.name}.annotated.png") as drawn:
            size = round(drawn.width * HEIGHT / drawn.height), HEIGHT
            made = drawn.resize(size, Image.Resampling.LANCZOS)
    DOCS.mkdir(exist_ok=True)
    path = DOCS / f"{photo.stem}.jpg"
    made.save(path, quality=QUALITY, optimize=True)
    return path


def main() -> None:
    """All that are named."""
    parser = argparse.ArgumentParser(prog="python -m scripts.readme_pictures", description=__doc__)
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="folder of the networks' files (weights)")
    options = parser.parse_args()
    for photo in options.photos:
        path = picture(photo, options.weights)
        sys.stdout.write(f"{path}: {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
