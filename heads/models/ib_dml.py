"""IB-DML: the full image and the body crop.

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.inputs.streams import BodyStream, ImageStream
from heads.models._affect_dml import AffectDML, DmlConfig


class Model(AffectDML):
    """See ``_affect_dml.Network``."""

    class Config(ImageStream, BodyStream, DmlConfig):
        """Its streams."""
