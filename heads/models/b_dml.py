"""B-DML: the body crop alone.

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.affect_dml import BODY, AffectDML


class Model(AffectDML):
    """See ``affect_dml.Network``."""

    inputs = (BODY,)
