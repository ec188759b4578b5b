"""IB-DML: the full image and the body crop.

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.affect_dml import BODY, IMAGE, AffectDML


class Model(AffectDML):
    """See ``affect_dml.Network``."""

    inputs = (IMAGE, BODY)
