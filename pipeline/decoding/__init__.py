"""Photographs to upright RGB pixels, the boxes in them, the paths that lead to them: the only users of decoders."""
