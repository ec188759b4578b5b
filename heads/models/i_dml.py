"""I-DML: the full image alone.

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.inputs.streams import ImageStream
from heads.models._affect_dml import AffectDML, DmlConfig


class Model(AffectDML):
    """See ``_affect_dml.Network``."""

    class Config(ImageStream, DmlConfig):
        """Its streams."""
