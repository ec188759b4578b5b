"""Sem-I-DML: the full image and the classes that its segmentation shows (Sem2Vec, eq. 3).

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.affect_dml import AffectDML, DmlConfig
from heads.streams import ImageStream, SemanticStream


class Model(AffectDML):
    """See ``affect_dml.Network``."""

    class Config(ImageStream, SemanticStream, DmlConfig):
        """Its streams."""
