"""Sem-B-DML: the body crop and Sem2Vec (eq. 3). Named in section IV-B; no table gives its numbers.

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.inputs.streams import BodyStream, SemanticStream
from heads.models._affect_dml import AffectDML, DmlConfig


class Model(AffectDML):
    """See ``_affect_dml.Network``."""

    class Config(BodyStream, SemanticStream, DmlConfig):
        """Its streams."""
