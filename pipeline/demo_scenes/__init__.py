"""The drawn scenes of the demo: people in places, in EMOTIC's own layout, with exact ADE20K label maps.

`design` says how an emotion class shows in place, posture and surroundings; `plan` draws layout and annotations;
`render` paints (`scene(seed, index)`); `write` puts all of it on disk. Importing this package imports no painter.
"""

from __future__ import annotations

from pathlib import Path


def write_demo(root: Path, scenes: int = 900, seed: int = 0) -> None:
    """Write `scenes` scenes to `root`: made beside it and renamed, so `root` is whole or absent.

    `root`/Annotations/Annotations.mat as EMOTIC's, JPEGs of equal length in `root`/emotic/<folder>/<file>.jpg, label
    maps (uint8, 0-based ADE20K class, 255 none) in `root`/label_maps/<folder>/<file>.png. Same arguments, same bytes.
    Raises: DataError when `root` is there and not empty.
    """
    from pipeline.demo_scenes.write import write_tree

    write_tree(root, scenes, seed)
