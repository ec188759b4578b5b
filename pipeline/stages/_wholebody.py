"""COCO-WholeBody's 133 key points in OpenPose's orders.

Source: the order of the 133 is that of mmpose's coco_wholebody.py: 17 of the body, 6 of the feet, 68 of the face, 21 of
each hand. OpenPose's output format for BODY_25 and COCO-18. The neck and the middle of the hips are no points of the
133; as in OpenPose's training data they are the middle of the shoulders and of the hips.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KEYPOINTS = 133
SHOULDERS, HIPS = (5, 6), (11, 12)
NECK, HIP = 133, 134
"""Places of the two middles, appended to the 133."""
LEFT_HAND, RIGHT_HAND = 91, 112
HAND = 21
"""Wrist, then thumb to little finger, each from the palm to the tip, as in OpenPose."""
COCO18 = (0, NECK, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
BODY25 = (0, NECK, 6, 8, 10, 5, 7, 9, HIP, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3, 17, 18, 19, 20, 21, 22)


def orders(points: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """keypoints (n, 133, 3) as given, coco18 (n, 18, 3), body25 (n, 25, 3) and hands (n, 2, 21, 3), left and right.

    points: (n, 133, 3) x, y, score.
    """
    more = np.concatenate([points, middle(points, SHOULDERS), middle(points, HIPS)], axis=1)
    hands = [points[:, start : start + HAND] for start in (LEFT_HAND, RIGHT_HAND)]
    return {
        "keypoints": points,
        "coco18": more[:, list(COCO18)],
        "body25": more[:, list(BODY25)],
        "hands": np.stack(hands, axis=1),
    }


def middle(points: NDArray[np.float32], pair: tuple[int, int]) -> NDArray[np.float32]:
    """(n, 1, 3): halfway between two of ``points``, as sure as the less sure of them."""
    two = points[:, list(pair)]
    return np.concatenate([two[..., :2].mean(1), two[..., 2:].min(1)], axis=1)[:, None]
