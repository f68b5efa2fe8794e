"""The nets and weights that the package knows."""

from typing import NamedTuple

from . import _seesaw


class Net(NamedTuple):
    """A net of the zoo."""

    name: str
    parameters: int
    #: Multiply-adds of an image.
    madds: int
    #: Side of the images, in pixels.
    input_size: int


class Weights(NamedTuple):
    """Weights that the package contains."""

    name: str
    source: str


class Zoo(NamedTuple):
    """All nets, and the weights that `load` opens by name."""

    nets: list[Net]
    weights: list[Weights]


def zoo() -> Zoo:
    """The nets and the weights that the package knows.

    >>> [weights.name for weights in zoo().weights]
    ['efficientnet-lite0-imagenet', 'seesaw-shuffle-0.5d-imagenet']
    >>> zoo().nets[0].name
    'seesaw-shuffle-0.5d-imagenet'
    """
    nets = [Net(*row) for row in _seesaw.nets()]
    return Zoo(nets, [Weights(*row) for row in _seesaw.bundled()])
