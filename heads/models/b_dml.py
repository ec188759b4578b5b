"""B-DML: the body crop alone.

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.affect_dml import AffectDML, DmlConfig
from heads.streams import BodyStream


class Model(AffectDML):
    """See ``affect_dml.Network``."""

    class Config(BodyStream, DmlConfig):
        """Its streams."""
