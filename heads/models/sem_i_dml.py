"""Sem-I-DML: the full image and the classes that its segmentation shows (Sem2Vec, eq. 3).

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.affect_dml import IMAGE, SEMANTIC, AffectDML


class Model(AffectDML):
    """See ``affect_dml.Network``."""

    inputs = (IMAGE, SEMANTIC)
