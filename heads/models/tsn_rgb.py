"""Temporal segment network on frames: body, context with the person hidden, face, scenes and attributes, by letter.

Source: thesis (seeds/003), section 5.2.1, "TSN-RGB", Tables 5.3 to 5.5.
"""

from typing import Annotated

from pydantic import AfterValidator

from heads.inputs.streams import Pooled
from heads.models._tsn import Segments, SegmentSettings, in_order

LETTERS = {"B": "body", "C": "context", "F": "face", "S": "scenes", "A": "attributes"}


class Model(Segments):
    """See ``_tsn``."""

    letters = LETTERS

    class Config(SegmentSettings):
        """streams: letters. body to attributes: the feature of each, ``feature/array`` with rows (T, d)."""

        streams: Annotated[str, AfterValidator(in_order(LETTERS))] = "BCFSA"
        body: Pooled = "body/pooled"
        context: Pooled = "context/pooled"
        face: Pooled = "face_features/pooled"
        scenes: Pooled = "scene/scores"
        attributes: Pooled = "scene/attributes"
