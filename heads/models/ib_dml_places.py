"""IB-DML with a dagger: as IB-DML, one stream from a network trained on Places365, as Kosti et al. had it.

The footnote of tables II and III says that the body network has the Places365 weights; Kosti et al. gave them to the
image network, and the paper wants "to reproduce the setting of Kosti et al.", so here it is the image's stream. The
footnote to the letter, with a backbone of Places365 on the crop: ``SET="scene=image body=body_places"``.

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from heads.inputs.streams import BodyStream, SceneStream
from heads.models._affect_dml import AffectDML, DmlConfig


class Model(AffectDML):
    """See ``_affect_dml.Network``."""

    class Config(SceneStream, BodyStream, DmlConfig):
        """Its streams."""
