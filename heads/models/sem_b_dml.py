"""Sem-B-DML: the body crop and Sem2Vec (eq. 3). Named in section IV-B; no table gives its numbers.

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.affect_dml import AffectDML, DmlConfig
from heads.streams import BodyStream, SemanticStream


class Model(AffectDML):
    """See ``affect_dml.Network``."""

    class Config(BodyStream, SemanticStream, DmlConfig):
        """Its streams."""
