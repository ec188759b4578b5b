"""B-DML: the body crop alone.

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.inputs.streams import BodyStream
from heads.models._affect_dml import AffectDML, DmlConfig


class Model(AffectDML):
    """See ``_affect_dml.Network``."""

    class Config(BodyStream, DmlConfig):
        """Its streams."""
