"""TV-L1 of another library, in a process of its own: ``flow.py`` starts it and asks it, line by line.

``python -m scripts.bench.flow_others NAME FOLDER FRAMES``: the library's folder, and pairs of grey frames as .npz.
"""

import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np


def contrib() -> tuple[str, Callable[[int], None], Callable[[Any, Any], Any]]:
    """Version, how many threads it takes itself, and flow (2, h, w) of a pair, with its own settings."""
    import cv2

    optflow: Any = cv2.optflow  # type: ignore[attr-defined, unused-ignore]
    nothing: Any = None

    def flow(first: Any, second: Any) -> Any:
        return optflow.createOptFlow_DualTVL1().calc(first, second, nothing).transpose(2, 0, 1)

    return cv2.__version__, cv2.setNumThreads, flow


def skimage() -> tuple[str, Callable[[int], None], Callable[[Any, Any], Any]]:
    """As ``contrib``; it is numpy and takes no threads."""
    import skimage as library  # type: ignore[import-not-found, unused-ignore]
    from skimage.registration import optical_flow_tvl1  # type: ignore[import-not-found, unused-ignore]

    def flow(first: Any, second: Any) -> Any:
        return np.asarray(optical_flow_tvl1(first, second))[::-1]

    return library.__version__, lambda _: None, flow


def main() -> None:
    """Answers until the asker goes."""
    name, folder, frames = sys.argv[1:]
    sys.path.insert(0, folder)
    version, threads, flow = contrib() if name.startswith("opencv") else skimage()
    with np.load(frames) as pairs:
        first, second = pairs["first"], pairs["second"]
    pool = ThreadPoolExecutor(2)
    for line in sys.stdin:
        word, *rest = line.split()
        answer = "done"
        if word == "version":
            answer = version
        elif word == "run":
            threads(2 if rest == ["threads"] else 1)
            if rest == ["both"]:
                list(pool.map(flow, first[1:3], second[1:3]))
            else:
                flow(first[1], second[1])
        elif word == "flow":
            with tempfile.NamedTemporaryFile(suffix=".npz", delete=False) as file:
                np.savez(file, flow=np.stack([flow(*pair) for pair in zip(first, second, strict=True)]))
            answer = file.name
        print(answer, flush=True)


if __name__ == "__main__":
    main()
