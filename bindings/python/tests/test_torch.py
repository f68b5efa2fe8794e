from __future__ import annotations

import numpy as np
import pytest
from conftest import CIFAR

torch = pytest.importorskip("torch")

import seesaw  # noqa: E402
import seesaw.torch  # noqa: E402


def test_weights_work_in_both_directions():
    model = seesaw.load(CIFAR)
    module = seesaw.torch.create("seesaw-shuffle-0.5d-cifar", weights=model)
    images = np.random.default_rng(1).standard_normal((4, 3, 32, 32), np.float32)
    with torch.inference_mode():
        expected = module(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(model(images), expected, atol=1e-4)
    back = seesaw.torch.to_seesaw(module)
    assert back.net == model.net
    np.testing.assert_allclose(back(images), expected, atol=1e-4)


def test_a_module_trains():
    module = seesaw.torch.create("seesaw-share-v1-0.5d-cifar", classes=3).train()
    before = seesaw.torch.to_seesaw(module)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    images = torch.randn(4, 3, 32, 32)
    torch.nn.functional.cross_entropy(module(images), torch.tensor([0, 1, 2, 0])).backward()
    optimizer.step()
    after = seesaw.torch.to_seesaw(module)
    assert len(after.labels) == 3
    assert not np.allclose(before(images.numpy()), after(images.numpy()))


def test_timm_knows_the_net():
    timm = pytest.importorskip("timm")
    seesaw.torch.create("seesaw-shuffle-1.0d-imagenet")
    net = timm.create_model("seesaw_shuffle_1_0d", num_classes=5)
    assert net(torch.zeros(2, 3, 64, 64)).shape == (2, 5)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="no-such"):
        seesaw.torch.create("no-such-net")
    with pytest.raises(ValueError, match="10 classes, not 3"):
        seesaw.torch.create("seesaw-shuffle-0.5d-cifar", weights=CIFAR, classes=3)
    with pytest.raises(RuntimeError):
        seesaw.torch.create("igcv3-0.5d-cifar", weights=CIFAR)
