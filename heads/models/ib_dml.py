"""IB-DML: the full image and the body crop.

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.affect_dml import AffectDML, DmlConfig
from heads.streams import BodyStream, ImageStream


class Model(AffectDML):
    """See ``affect_dml.Network``."""

    class Config(ImageStream, BodyStream, DmlConfig):
        """Its streams."""
