"""thingsvision as its documentation shows it: ResNet-18, the pooled layer, saved as .npy. Needs its own environment."""

import sys
import warnings

warnings.simplefilter("ignore")

from thingsvision import get_extractor  # type: ignore[import-not-found]  # noqa: E402
from thingsvision.utils.data import DataLoader, ImageDataset  # type: ignore[import-not-found]  # noqa: E402
from thingsvision.utils.storing import save_features  # type: ignore[import-not-found]  # noqa: E402
from turns import answer  # type: ignore[import-not-found]  # noqa: E402


def main() -> None:
    """Answer until the input ends."""
    photos, checkpoint, out = sys.argv[1:4]
    extractor = get_extractor("resnet18", source="torchvision", device="cpu", pretrained=False, model_path=checkpoint)

    def run() -> None:
        transforms = extractor.get_transformations()
        dataset = ImageDataset(root=photos, out_path=out, backend=extractor.get_backend(), transforms=transforms)
        batches = DataLoader(dataset=dataset, batch_size=32, backend=extractor.get_backend())
        features = extractor.extract_features(
            batches=batches, module_name="avgpool", flatten_acts=True, output_type="ndarray"
        )
        save_features(features, out_path=out, file_format="npy")

    answer(run)


if __name__ == "__main__":
    main()
