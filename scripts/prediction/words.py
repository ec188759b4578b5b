"""The command line's words that say which trained head is asked, and about whom."""

import argparse
from pathlib import Path

from heads.experiments.place import SEEDS


def photographed(parser: argparse.ArgumentParser, out: str) -> None:
    """``--boxes`` to ``--out``: who is in a photograph, and where what is written goes, by default ``out``."""
    parser.add_argument("--boxes", default="", help='"x1,y1,x2,y2 ..." or a CSV of image,x1,y1,x2,y2')
    parser.add_argument(
        "--people", default="", help="how people are found: faces, objects, pose, head, boxes (what is there)"
    )
    parser.add_argument("--box", default="", metavar="FORM", help="xyxy, xywh, normalised or normalised_xywh (xyxy)")
    parser.add_argument("--max-pixels", type=int, default=0, metavar="N", help="cap on an image (64000000)")
    parser.add_argument("--out", type=Path, default=Path(out), help=f"folder of what is written ({out})")


def filmed(parser: argparse.ArgumentParser) -> None:
    """``--frames`` to ``--track``: which frames of a video are looked at, and where people are in it."""
    parser.add_argument("--frames", type=int, default=120, metavar="N", help="looked at in one video, at most (120)")
    parser.add_argument("--every", type=float, default=0.5, metavar="S", help="seconds between them, at least (0.5)")
    parser.add_argument("--track", type=Path, help="a .npy of joints in BoLD's form: where people are in the video")


def trained(parser: argparse.ArgumentParser) -> None:
    """``--dataset`` to ``--untrained``: what the head was trained on and how, and what its features are made with."""
    parser.add_argument("--dataset", default="demo", help="what it was trained on (demo)")
    parser.add_argument("--root", type=Path, help="the dataset's own folder (<data>/<dataset>)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where datasets are, without --root (data)")
    parser.add_argument("--store", type=Path, default=Path("store"), help="for people annotated in the dataset (store)")
    parser.add_argument("--protocol", default="", help="what it was trained under (what the head is meant for)")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--name", help="its run's folder")
    parser.add_argument("--mapping", type=Path, help="the TOML of labels that it was trained with, if any")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many it was trained with ({SEEDS})")
    parser.add_argument("--set", default="", help="the settings that it was trained with, if any")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="folder of the networks' checkpoints")
    parser.add_argument("--config", type=Path, help="the TOML that the features were extracted with, or light")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    parser.add_argument(
        "--untrained", action="store_true", help="go on without checkpoints; marked in all that is written"
    )
