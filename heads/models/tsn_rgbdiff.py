"""Temporal segment network on differences of frames: of the body, of the surroundings, of the face, by letter.

Source: thesis (seeds/003), section 5.2.1, "TSN-RGBDiff", Table 5.9.
"""

from typing import Annotated

from pydantic import AfterValidator

from heads.inputs.streams import Pooled
from heads.models._tsn import Segments, SegmentSettings, in_order

LETTERS = {"B": "body", "C": "context", "F": "face"}


class Model(Segments):
    """See ``_tsn``."""

    letters = LETTERS

    class Config(SegmentSettings):
        """streams: letters. body to face: the feature of each, ``feature/array`` with rows (T, d)."""

        streams: Annotated[str, AfterValidator(in_order(LETTERS))] = "BCF"
        body: Pooled = "body_difference/pooled"
        context: Pooled = "context_difference/pooled"
        face: Pooled = "face_difference/pooled"
