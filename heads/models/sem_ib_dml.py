"""Sem-IB-DML, the paper's full model: image, body crop and Sem2Vec (eq. 3).

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.inputs.streams import BodyStream, ImageStream, SemanticStream
from heads.models._affect_dml import AffectDML, DmlConfig


class Model(AffectDML):
    """See ``_affect_dml.Network``."""

    class Config(ImageStream, BodyStream, SemanticStream, DmlConfig):
        """Its streams."""
