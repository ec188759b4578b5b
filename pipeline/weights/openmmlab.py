"""OpenMMLab's checkpoints: addresses, and the hash that most files' names end in.

Source: the model indexes (.yml) and pages that mmsegmentation, mmpose and mmdetection ship beside their configs.
"""

import re

from pipeline.weights.origins import Weight

_HASH = re.compile(r"-(?!20\d{6}\.)([0-9a-f]{8})(?:_\d{8})?\.pth$")
"""A date alone, as in RTMW's distilled ones, is no hash."""
_RTMPOSE, _RTMW = "mmpose/v1/projects/rtmposev1/rtmpose-", "mmpose/v1/projects/rtmw/rtmw-"


def _openmmlab(name: str, path: str, source: str) -> Weight:
    url = f"https://download.openmmlab.com/{path}.pth"
    file = url.rpartition("/")[2]
    return Weight(name, (file,), url, "".join(_HASH.findall(file)), "Apache-2.0", source)


def _segmentor(net: str, stamp: str, miou: float) -> Weight:
    stem = f"fcn_{net}_512x512_160k_ade20k"
    source = f"mmsegmentation HRNet on ADE20K, 160k steps, {miou} mIoU"
    return _openmmlab(f"fcn_{net}", f"mmsegmentation/v0.5/hrnet/{stem}/{stem}_{stamp}", source)


def _detector(width: int, stamp: str, ap: float) -> Weight:
    stem = f"faster_rcnn_hrnetv2p_w{width}_2x_coco"
    source = f"mmdetection Faster R-CNN with HRNet-W{width} on COCO, 2x, {ap} box AP; hrnet_maps takes its backbone"
    return _openmmlab(f"faster_rcnn_hrnet_w{width}", f"mmdetection/v2.0/hrnet/{stem}/{stem}_{stamp}", source)


def _halpe(size: str, stamp: str) -> Weight:
    path = f"{_RTMPOSE}{size}_simcc-body7_pt-body7-halpe26_700e-256x192-{stamp}"
    return _openmmlab(f"rtmpose-{size}", path, "mmpose RTMPose, Body8 with Halpe-26 key points")


def _whole(name: str, path: str, ap: float, trained: str = "COCO-WholeBody") -> Weight:
    return _openmmlab(name, path, f"mmpose, {trained}, 133 key points, {ap} whole-body AP")


_COCO, _UCOCO = "simcc-coco-wholebody_pt-aic-coco_270e", "simcc-ucoco_dw-ucoco_270e"
_DW = "COCO-WholeBody and UBody, distilled (DWPose)"
OPENMMLAB: tuple[Weight, ...] = (
    _segmentor("hr48", "20200614_214407-a52fc02c", 42.0),
    _segmentor("hr18s", "20210829_174739-f1e7c2e7", 31.4),
    _detector(18, "20200702_085731-a4ec0611", 38.9),
    _detector(32, "20200529_015927-976a9c15", 41.4),
    _halpe("t", "6020f8a6_20230605"),
    _halpe("s", "7f134165_20230605"),
    _halpe("m", "4d3e73dd_20230605"),
    _whole("rtmpose-m-wholebody", f"{_RTMPOSE}m_{_COCO}-256x192-cd5e845c_20230123", 58.2),
    _whole("rtmpose-l-wholebody", f"{_RTMPOSE}l_{_COCO}-256x192-6f206314_20230124", 61.1),
    _whole("rtmpose-l-wholebody-384", f"{_RTMPOSE}l_{_COCO}-384x288-eaeb96c8_20230125", 64.8),
    _whole("dwpose-t", f"{_RTMPOSE}t_{_UCOCO}-256x192-dcf277bf_20230728", 48.5, _DW),
    _whole("dwpose-s", f"{_RTMPOSE}s_{_UCOCO}-256x192-3fd922c8_20230728", 53.8, _DW),
    _whole("dwpose-m", f"{_RTMPOSE}m_{_UCOCO}-256x192-c8b76419_20230728", 60.6, _DW),
    _whole("dwpose-l", f"{_RTMPOSE}l_{_UCOCO}-256x192-4d6dfc62_20230728", 63.1, _DW),
    _whole("dwpose-l-384", f"{_RTMPOSE}l_{_UCOCO}-384x288-2438fd99_20230728", 66.5, _DW),
    _whole("rtmw-m", f"{_RTMW}dw-l-m_simcc-cocktail14_270e-256x192-20231122", 58.2, "Cocktail14"),
    _whole("rtmw-l", f"{_RTMW}dw-x-l_simcc-cocktail14_270e-256x192-20231122", 66.0, "Cocktail14"),
    _whole("rtmw-x", f"{_RTMW}x_simcc-cocktail14_pt-ucoco_270e-256x192-13a2546d_20231208", 67.2, "Cocktail14"),
    _whole("rtmw-l-384", f"{_RTMW}dw-x-l_simcc-cocktail14_270e-384x288-20231122", 70.1, "Cocktail14"),
    _whole("rtmw-x-384", f"{_RTMW}x_simcc-cocktail14_pt-ucoco_270e-384x288-f840f204_20231122", 70.2, "Cocktail14"),
)
