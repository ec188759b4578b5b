"""The usual loop: torchvision's ResNet-18, a DataLoader, one .npy at the end."""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms
from turns import answer  # type: ignore[import-not-found]

NORMALISE = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


class Photos(Dataset[Tensor]):
    """Decoded, resized and normalised."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.iterdir())
        self.transform = transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor(), NORMALISE])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.paths[index]) as image:
            tensor: Tensor = self.transform(image.convert("RGB"))
        return tensor


def main() -> None:
    """Answer until the input ends."""
    photos, checkpoint, out = (Path(word) for word in sys.argv[1:4])
    model = models.resnet18()
    model.load_state_dict(torch.load(checkpoint, weights_only=True))
    model.fc = torch.nn.Identity()
    model.eval()
    loader = DataLoader(Photos(photos), batch_size=32, num_workers=int(sys.argv[4]))

    def run() -> None:
        with torch.no_grad():
            features = torch.cat([model(batch) for batch in loader])
        np.save(out / "features.npy", features.numpy())

    answer(run)


if __name__ == "__main__":
    main()
