"""Temporal segment network on stacks of optical flow: of the body, of the surroundings, of the face, by letter.

Source: thesis (seeds/003), section 5.2.1, "TSN-Flow", Tables 5.6 to 5.8.
"""

from typing import Annotated

from pydantic import AfterValidator

from heads.inputs.streams import Pooled
from heads.models._tsn import Segments, SegmentSettings, in_order

LETTERS = {"B": "body_flow", "C": "context_flow", "F": "face_flow"}


class Model(Segments):
    """See ``_tsn``."""

    letters = LETTERS

    class Config(SegmentSettings):
        """streams: letters. body_flow to face_flow: the feature of each, ``feature/array`` with rows (T, d)."""

        streams: Annotated[str, AfterValidator(in_order(LETTERS))] = "BCF"
        body_flow: Pooled = "body_flow/pooled"
        context_flow: Pooled = "context_flow/pooled"
        face_flow: Pooled = "face_flow/pooled"
