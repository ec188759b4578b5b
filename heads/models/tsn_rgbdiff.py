"""Temporal segment network on differences of frames: of the body, of the surroundings, of the face, by letter.

Source: thesis (seeds/003), section 5.2.1, "TSN-RGBDiff", Table 5.9.
"""

from typing import Annotated

from pydantic import AfterValidator

from heads.inputs.streams import Pooled
from heads.models._tsn import Segments, SegmentSettings, in_order

LETTERS = {"B": "body_difference", "C": "context_difference", "F": "face_difference"}


class Model(Segments):
    """See ``_tsn``."""

    letters = LETTERS

    class Config(SegmentSettings):
        """streams: letters. body_difference to face_difference: the features, ``feature/array`` with rows (T, d)."""

        streams: Annotated[str, AfterValidator(in_order(LETTERS))] = "BCF"
        body_difference: Pooled = "body_difference/pooled"
        context_difference: Pooled = "context_difference/pooled"
        face_difference: Pooled = "face_difference/pooled"
