"""torchvision's dataset classes, importable even with a CPU-only PyTorch.

torchvision's published wheel is built for CUDA. With a CPU-only PyTorch its compiled part does not load, and the import
then fails on two operators that the compiled part would have registered. Only torchvision's Python part is needed here,
so declaring the schemas of the two operators is enough.
"""

import torch

try:
    import torchvision
except RuntimeError:  # operator torchvision::nms does not exist
    _library = torch.library.Library("torchvision", "FRAGMENT")  # the schemas live only as long as this object
    for _operator in ("nms", "qnms"):
        _library.define(f"{_operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

MNIST = torchvision.datasets.MNIST
FashionMNIST = torchvision.datasets.FashionMNIST
KMNIST = torchvision.datasets.KMNIST
