"""Lists the tensors of each net as PyTorch has them, for tests/checkpoints.rs:
python names.py FOLDER_OF_seesaw_ref.py

Each net starts with `# NAME`; a tensor is its name and its sizes. Counters of batches are left out.
"""

import sys
from pathlib import Path

import torchvision
from efficientnet_lite_pytorch import EfficientNet

sys.path.insert(0, sys.argv[1])
import seesaw_ref

NETS = {
    "seesaw-shuffle-0.5d-cifar": seesaw_ref.build("shuffle", 0.5, 10, True),
    "seesaw-share-v1-0.5d-imagenet": seesaw_ref.build("share", 0.5, 1000),
    "igcv3-0.5d-cifar": seesaw_ref.build("igcv3", 0.5, 10, True),
    "mobilenetv2-1.0-cifar": seesaw_ref.build("mobilenetv2", classes=10, small_images=True),
    "mobilenetv2-1.0-imagenet": torchvision.models.mobilenet_v2(),
    "efficientnet-lite0": EfficientNet.from_name("efficientnet-lite0"),
}

with open(Path(__file__).parent / "names.txt", "w") as file:
    for net, model in NETS.items():
        print("#", net, file=file)
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                print(name, *tensor.shape, file=file)
