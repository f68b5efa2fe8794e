"""Small image classifiers that train and run on the CPU.

Classify a photo with the weights that the package contains, which know 1000 classes::

    import seesaw

    seesaw.load().predict("photo.jpg")

Train on a folder with a subfolder for each class, and use the result::

    run = seesaw.train("photos")
    run.model().predict("photo.jpg")
"""

from ._model import Explanation, Model, Photo, Prediction, import_weights, load
from ._seesaw import Error, ModelError, PhotoError, TrainError, __version__
from ._training import Run, resume, train
from ._zoo import Net, Weights, Zoo, zoo

__all__ = [
    "Error",
    "Explanation",
    "Model",
    "ModelError",
    "Net",
    "Photo",
    "PhotoError",
    "Prediction",
    "Run",
    "TrainError",
    "Weights",
    "Zoo",
    "__version__",
    "import_weights",
    "load",
    "resume",
    "train",
    "zoo",
]
