"""Sem-IB-DML, the paper's full model: image, body crop and Sem2Vec (eq. 3).

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.affect_dml import AffectDML, DmlConfig
from heads.streams import BodyStream, ImageStream, SemanticStream


class Model(AffectDML):
    """See ``affect_dml.Network``."""

    class Config(ImageStream, BodyStream, SemanticStream, DmlConfig):
        """Its streams."""
