"""Sem-IB-DML, the paper's full model: image, body crop and Sem2Vec (eq. 3).

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.affect_dml import BODY, IMAGE, SEMANTIC, AffectDML


class Model(AffectDML):
    """See ``affect_dml.Network``."""

    inputs = (IMAGE, BODY, SEMANTIC)
