"""I-DML: the full image alone.

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.affect_dml import IMAGE, AffectDML


class Model(AffectDML):
    """See ``affect_dml.Network``."""

    inputs = (IMAGE,)
