"""Sem-I-DML: the full image and the classes that its segmentation shows (Sem2Vec, eq. 3).

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.inputs.streams import ImageStream, SemanticStream
from heads.models._affect_dml import AffectDML, DmlConfig


class Model(AffectDML):
    """See ``_affect_dml.Network``."""

    class Config(ImageStream, SemanticStream, DmlConfig):
        """Its streams."""
